//! The requests that end the wait, and those that change nothing.

use crate::support::{SignIn, head, header, status};
use tokio::io::AsyncWriteExt;

/// A row: the bytes to send, with the placeholders `PORT`, `STATE` and `GOOD` (the good target), and the
/// status of the response. An empty status is a connection that is closed without a response.
type Row<'a> = (&'a str, &'a str);

/// Checks each response, and that the good request succeeds afterwards.
async fn change_nothing(rows: &[Row<'_>]) {
    for (template, expected) in rows {
        bytes_change_nothing(template.as_bytes(), expected).await;
    }
}

async fn bytes_change_nothing(template: &[u8], expected: &str) {
    let shown = String::from_utf8_lossy(&template[..template.len().min(200)]).into_owned();
    let (browser, receiving) = SignIn::begin().receive();
    let answer = browser.send(fill_in(template, &browser.port.to_string(), &browser.state)).await;
    assert_eq!(status(&answer), expected, "{shown:?} was answered {:?}", head(&answer));
    assert!(answer.matches("HTTP/1.1").count() <= 1, "{shown:?} was answered twice: {answer:?}");
    assert!(!answer.to_ascii_lowercase().contains("access-control"), "{shown:?} was answered {answer:?}");

    assert_eq!(status(&browser.send(browser.good()).await), "303", "after {shown:?}");
    assert_eq!(receiving.response().await, "granted C", "after {shown:?}");
}

fn fill_in(template: &[u8], port: &str, state: &str) -> Vec<u8> {
    // Latin-1, which keeps every byte.
    let text: String = template.iter().map(|byte| char::from(*byte)).collect();
    let text = text.replace("GOOD", "/auth/callback?code=C&state=STATE");
    let text = text.replace("PORT", port).replace("STATE", state);
    text.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect()
}

#[tokio::test]
async fn the_good_callback_is_taken_and_sent_on() {
    let (browser, receiving) = SignIn::begin().receive();
    let answer = browser.send(browser.good()).await;
    assert_eq!(status(&answer), "303");
    assert!(answer.contains("\r\nlocation: /auth/done\r\n"), "{answer}");
    assert_eq!(receiving.response().await, "granted C");
}

#[tokio::test]
async fn a_callback_comes_in_many_forms() {
    for (template, expected) in [
        ("GET GOOD HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "granted C"),
        ("GET GOOD HTTP/1.1\r\nHost: LOCALHOST:PORT\r\n\r\n", "granted C"),
        ("GET GOOD HTTP/1.0\r\nHost: localhost:PORT\r\n\r\n", "granted C"),
        ("GET GOOD HTTP/1.1\nHost: localhost:PORT\n\n", "granted C"),
        ("GET http://localhost:PORTGOOD HTTP/1.1\r\nHost: evil.example\r\n\r\n", "granted C"),
        ("GET GOOD#frag HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "granted C"),
        ("GET GOOD HTTP/1.1\r\nHost: localhost:PORT\r\nOrigin: null\r\n\r\n", "granted C"),
        ("GET GOOD HTTP/1.1\r\nHost: localhost:PORT\r\nOrigin: https://evil.example\r\n\r\n", "granted C"),
        ("GET GOOD HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Length: 0\r\n\r\n", "granted C"),
        ("GET GOOD&iss=https://auth.openai.com HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "granted C"),
        ("GET GOOD&hd=&foo=bar&=x&y HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "granted C"),
        (
            "GET /auth/callback?code=a+b%2F%2B.~-_/&state=STATE HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n",
            "granted a b/+.~-_/",
        ),
        (
            "GET /auth/callback?error=access_denied&error_description=no&state=STATE HTTP/1.1\r\n\
             Host: localhost:PORT\r\n\r\n",
            "denied access_denied Some(\"no\")",
        ),
        (
            "GET /auth/callback?error=access_denied&error_description=no%0d%0aTrace:+1&state=STATE HTTP/1.1\r\n\
             Host: localhost:PORT\r\n\r\n",
            "denied access_denied None",
        ),
    ] {
        let (browser, receiving) = SignIn::begin().receive();
        let answer =
            browser.send(fill_in(template.as_bytes(), &browser.port.to_string(), &browser.state)).await;
        assert_eq!(status(&answer), "303", "{template:?} was answered {answer:?}");
        assert_eq!(receiving.response().await, expected, "{template:?}");
    }
    let long = "c".repeat(2048);
    let (browser, receiving) = SignIn::begin().receive();
    browser.send(browser.callback(&format!("code={long}&state=STATE"))).await;
    assert_eq!(receiving.response().await, format!("granted {long}"));
}

#[tokio::test]
async fn a_response_that_makes_no_sense_ends_the_waiting_with_a_page() {
    for (query, expected) in [
        ("code=A&code=B&state=STATE", "Malformed"),
        ("error=x&code=C&state=STATE", "Malformed"),
        ("state=STATE", "Malformed"),
        ("code=&state=STATE", "Malformed"),
        ("code=%C3%A9&state=STATE", "Malformed"),
        ("code=C&state=STATE&iss=https://evil.example", "IssuerMismatch"),
        ("code=C&state=STATE&iss=https://auth.openai.com&iss=https://auth.openai.com", "IssuerMismatch"),
        ("error=x&state=STATE&iss=https://evil.example", "IssuerMismatch"),
    ] {
        let (browser, receiving) = SignIn::begin().receive();
        let answer = browser.send(browser.callback(query)).await;
        assert_eq!(status(&answer), "400", "{query}");
        assert!(answer.contains("The sign-in failed"), "{answer}");
        assert_eq!(receiving.response().await, expected, "{query}");
    }
}

#[tokio::test]
async fn another_method_or_path_changes_nothing() {
    change_nothing(&[
        (
            "OPTIONS GOOD HTTP/1.1\r\nHost: localhost:PORT\r\nOrigin: https://evil.example\r\n\
             Access-Control-Request-Private-Network: true\r\n\r\n",
            "405",
        ),
        ("CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "405"),
    ])
    .await;
    for method in ["HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "FOO"] {
        let request = format!("{method} GOOD HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n");
        change_nothing(&[(&request, "405")]).await;
    }
    for (path, expected) in [
        ("/", "404"),
        ("/favicon.ico", "404"),
        ("/robots.txt", "404"),
        ("/apple-touch-icon.png", "404"),
        ("/.well-known/appspecific/com.chrome.devtools.json", "404"),
        ("/cancel", "404"),
        ("/auth/cancel", "404"),
        ("/auth/done", "404"),
        ("/auth/done/", "404"),
        ("/auth/callback/", "404"),
        ("/AUTH/callback", "404"),
        ("//auth/callback", "404"),
        ("/auth%2Fcallback", "404"),
        ("/x/../auth/callback", "404"),
        ("/auth/./callback", "404"),
        ("/auth/callback;x", "404"),
        ("/auth/callback%00", "404"),
        ("/auth\\callback", "404"),
        ("/auth/callback\0", "400"),
        ("@evil.example/auth/callback", "400"),
        (":80/auth/callback", "400"),
        ("*", "400"),
        ("", "400"),
    ] {
        let query = if path.len() > 1 { "?code=C&state=STATE" } else { "" };
        change_nothing(&[(&format!("GET {path}{query} HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n"), expected)])
            .await;
    }
}

#[tokio::test]
async fn another_host_changes_nothing() {
    change_nothing(&[
        ("GET GOOD HTTP/1.1\r\n\r\n", "400"),
        ("GET GOOD HTTP/1.0\r\n\r\n", "400"),
        ("GET GOOD HTTP/1.1\r\nHost: localhost:PORT\r\nHost: localhost:PORT\r\n\r\n", "400"),
        ("GET GOOD HTTP/1.1\r\nHost: localhost:PORT\r\nHost: evil.example\r\n\r\n", "400"),
        ("GET GOOD HTTP/1.1\r\nHost: localhost:PORT\0\r\n\r\n", "400"),
        ("GET GOOD HTTP/1.1\r\nHost: localhost\r:PORT\r\n\r\n", "400"),
        ("GET GOOD HTTP/1.1\r\nHost : localhost:PORT\r\n\r\n", "400"),
        ("GET GOOD HTTP/1.1\r\nHost: localhost:PORT\r\n folded\r\n\r\n", "400"),
        ("GET http://evil.example:PORTGOOD HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "421"),
        ("GET http://u:p@localhost:PORTGOOD HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "400"),
        ("GET localhost:PORT HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "400"),
        ("GET https://localhost:PORTGOOD HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "400"),
    ])
    .await;
    for (host, expected) in [
        ("evil.example:PORT", "421"),
        ("localhost:PORT.evil.example", "421"),
        ("localhost", "421"),
        ("localhost:80", "421"),
        ("localhost.:PORT", "421"),
        ("127.0.0.1:PORT", "421"),
        ("[::1]:PORT", "421"),
        ("", "400"),
        ("u:p@localhost:PORT", "400"),
        ("localhost:PORT/", "400"),
        ("localhost:PORT, localhost:PORT", "400"),
        ("localhost:", "421"),
        ("localhost:0PORT", "421"),
        (&"x".repeat(300), "421"),
    ] {
        change_nothing(&[(&format!("GET GOOD HTTP/1.1\r\nHost: {host}\r\n\r\n"), expected)]).await;
    }
    bytes_change_nothing(b"GET GOOD HTTP/1.1\r\nHost: localhost\x80:PORT\r\n\r\n", "400").await;
}

#[tokio::test]
async fn a_request_that_is_no_navigation_of_a_user_changes_nothing() {
    for header in [
        "Sec-Fetch-Mode: no-cors",
        "Sec-Fetch-Mode: cors",
        "Sec-Fetch-Mode: ",
        "Sec-Fetch-Dest: image",
        "Sec-Fetch-Dest: iframe",
        "Sec-Fetch-Dest: document\r\nSec-Fetch-Dest: iframe",
        "Sec-Purpose: prefetch;prerender",
        "Purpose: prefetch",
        "X-Moz: Prefetch",
    ] {
        let request = format!("GET GOOD HTTP/1.1\r\nHost: localhost:PORT\r\n{header}\r\n\r\n");
        change_nothing(&[(&request, "403")]).await;
    }
}

#[tokio::test]
async fn a_query_that_is_not_the_response_changes_nothing() {
    let most_pairs = "&".repeat(32) + "code=C&state=STATE";
    let longest = format!("code=C&state=STATE&x={}", "x".repeat(8 * 1024));
    change_nothing(&[("GET /auth/callback HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "400")]).await;
    for query in [
        "",
        "code=C",
        "code=C&state=",
        "code=C&state=STATEx",
        "code=C&state=xSTATE",
        "code=C&state=wrong",
        "code=C&state=STATE&state=STATE",
        "code=C&state=STATE&state=x",
        "code=C&state=x&state=STATE",
        "code=C;state=STATE",
        "error=access_denied",
        "error=access_denied&state=wrong",
        "code=%ff&state=STATE",
        "code=%00&state=STATE",
        "code=%0d%0a&state=STATE",
        "code=%1b[2J&state=STATE",
        "code=%7f&state=STATE",
        "code=%&state=STATE",
        "code=%2&state=STATE",
        "code=%zz&state=STATE",
        &most_pairs,
        &longest,
    ] {
        let request = format!("GET /auth/callback?{query} HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n");
        change_nothing(&[(&request, "400")]).await;
    }
    let raw: &[u8] = b"GET /auth/callback?code=\xc3\xa9&state=STATE HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n";
    bytes_change_nothing(raw, "400").await;
    let raw: &[u8] = b"GET /auth/callback?code=\xff&state=STATE HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n";
    bytes_change_nothing(raw, "400").await;
}

#[tokio::test]
async fn a_body_changes_nothing_and_is_not_waited_for() {
    for (body, expected) in [
        ("Content-Length: 5\r\n\r\nhello", "400"),
        ("Content-Length: 5000\r\n\r\nabc", "400"),
        ("Content-Length: 1000000000000\r\n\r\n", "400"),
        ("Content-Length: 9223372036854775807\r\n\r\n", "400"),
        ("Content-Length: 18446744073709551615\r\n\r\n", "431"),
        ("Content-Length: -1\r\n\r\n", "400"),
        ("Content-Length: 5, 6\r\n\r\n", "400"),
        ("Content-Length: +5\r\n\r\n", "400"),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "400"),
        ("Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nx", "400"),
        ("Transfer-Encoding: xchunked\r\n\r\n", "400"),
        ("Transfer-Encoding: chunked, identity\r\n\r\n", "400"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "400"),
    ] {
        let request = format!("GET GOOD HTTP/1.1\r\nHost: localhost:PORT\r\n{body}");
        change_nothing(&[(&request, expected)]).await;
    }
    change_nothing(&[
        ("POST GOOD HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Length: 5000\r\n\r\nabc", "405"),
        ("POST /x HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Length: 1000000000000\r\n\r\n", "405"),
        ("POST /x HTTP/1.1\r\nHost: localhost:PORT\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "405"),
    ])
    .await;
}

#[tokio::test]
async fn a_request_that_is_too_large_or_malformed_changes_nothing() {
    let (target, header) = ("x".repeat(20_000), "y".repeat(20_000));
    let headers: String = (0..70).map(|number| format!("X-{number}: y\r\n")).collect();
    change_nothing(&[
        (&format!("GET GOOD&x={target} HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n"), "431"),
        (&format!("GET GOOD HTTP/1.1\r\nHost: localhost:PORT\r\nX: {header}\r\n\r\n"), "431"),
        (&format!("GET GOOD HTTP/1.1\r\nHost: localhost:PORT\r\n{headers}\r\n"), "431"),
        ("GET GOOD\r\n\r\n", "400"),
        ("GET GOOD HTTP/3.7\r\nHost: localhost:PORT\r\n\r\n", "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}", ""),
        ("GET /nothing HTTP/1.1\r\nHost: localhost:PORT\r\n\r\nGET GOOD HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "404"),
    ])
    .await;
}

#[tokio::test]
async fn two_callbacks_on_one_connection_are_one() {
    let (browser, receiving) = SignIn::begin().receive();
    let answer = browser.send(browser.good() + &browser.good()).await;
    assert_eq!((status(&answer), answer.matches("HTTP/1.1 ").count()), ("303", 1));
    assert_eq!(receiving.response().await, "granted C");
}

#[tokio::test]
async fn of_two_callbacks_at_once_one_wins_and_every_later_one_is_too_late() {
    let (browser, receiving) = SignIn::begin().receive();
    let good = browser.good();
    let (one, other) = tokio::join!(browser.send(&good), browser.send(&good));
    let mut statuses = [status(&one), status(&other)];
    statuses.sort_unstable();
    assert_eq!(statuses, ["303", "410"]);

    let (_listener, _) = receiving.end().await;
    for query in ["code=C&state=STATE", "code=C&state=wrong", "error=access_denied&state=STATE", ""] {
        assert_eq!(status(&browser.send(browser.callback(query)).await), "410", "{query}");
    }
}

#[tokio::test]
async fn a_callback_whose_sender_is_gone_still_counts() {
    let sign_in = SignIn::begin();
    let mut stream = sign_in.browser.connect().await;
    stream.write_all(sign_in.browser.good().as_bytes()).await.unwrap();
    stream.set_zero_linger().unwrap();
    drop(stream);
    let (_, receiving) = sign_in.receive();
    assert_eq!(receiving.response().await, "granted C");
}

#[tokio::test]
async fn every_answer_has_the_same_headers_and_is_constant() {
    let sign_in = SignIn::begin();
    let start = sign_in.listener.start_url(&sign_in.pending).path().to_owned();
    let (browser, receiving) = sign_in.receive();
    let opening = browser.send(browser.open(&start, "canary=canary")).await;
    let (location, cookie) = (header(&opening, "location"), header(&opening, "set-cookie"));
    let name = cookie.split('=').next().unwrap();
    assert_eq!(status(&opening), "303");
    let mut answers = vec![("start", opening.clone())];
    for (template, expected) in [
        (&*browser.open(&start, "canary=canary"), "410"),
        (&*browser.open(&start, "canary").replace("GET", "POST"), "405"),
        (&*browser.open("GOOD", &format!("{name}=canary")), "403"),
        ("GET /canary HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "404"),
        ("POST /canary HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "405"),
        ("GET /canary HTTP/1.1\r\nHost: canary\r\n\r\n", "421"),
        ("GET /canary HTTP/1.1\r\n\r\n", "400"),
        ("GET /auth/callback?canary HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "400"),
        ("GET /auth/callback?canary=%zz HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "400"),
        ("GET GOOD HTTP/1.1\r\nHost: localhost:PORT\r\nSec-Fetch-Mode: canary\r\n\r\n", "403"),
        (
            "GET /auth/callback?error=canary&error_description=%3Cscript%3Ecanary&state=STATE HTTP/1.1\r\n\
             Host: localhost:PORT\r\n\r\n",
            "303",
        ),
        ("GET GOOD HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "410"),
        ("GET /auth/done/ HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "404"),
        ("GET /auth/done?x HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", "200"),
        ("canary\r\n\r\n", "400"),
        (&*format!("GET /canary HTTP/1.1\r\nX: {}\r\n\r\n", "canary".repeat(4000)), "431"),
    ] {
        let answer =
            browser.send(fill_in(template.as_bytes(), &browser.port.to_string(), &browser.state)).await;
        assert_eq!(status(&answer), expected, "{template:?} was answered {answer:?}");
        answers.push((expected, answer));
    }
    drop(receiving);

    for (status, answer) in answers {
        assert!(!answer.contains("canary"), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(body.contains("<!doctype html>") && body.contains("</html>"), "{answer}");
        let mut headers: Vec<_> = head.lines().skip(1).collect();
        headers.retain(|header| !header.starts_with("date: "));
        headers.sort_unstable();
        let hash =
            headers.iter().find_map(|header| header.split('\'').find(|part| part.starts_with("sha256-")));
        let policy = format!(
            "content-security-policy: default-src 'none'; style-src '{}'; img-src data:; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            hash.unwrap()
        );
        let length = format!("content-length: {}", body.len());
        let mut expected = vec![
            "cache-control: no-store",
            "connection: close",
            "content-type: text/html; charset=utf-8",
            "cross-origin-resource-policy: same-origin",
            "referrer-policy: no-referrer",
            "x-content-type-options: nosniff",
            "x-frame-options: DENY",
            &policy,
        ];
        let (location, cookie) = (format!("location: {location}"), format!("set-cookie: {cookie}"));
        expected.extend(match status {
            "start" => vec![&*location, &cookie, &length],
            "405" => vec!["allow: GET", &length],
            "303" => vec!["location: /auth/done", &cookie, &length],
            "200" => vec!["transfer-encoding: chunked"],
            _ => vec![&*length],
        });
        expected.sort_unstable();
        assert_eq!(headers, expected);
    }
}

#[tokio::test]
async fn a_refusal_to_head_has_no_body() {
    let (browser, _receiving) = SignIn::begin().receive();
    let answer = browser.send(browser.good().replace("GET", "HEAD")).await;
    assert!(answer.contains("\r\nallow: GET\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}
