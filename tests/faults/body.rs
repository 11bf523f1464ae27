//! Complete answers with status 200 that violate the contract, and refusals that reveal too much.

use super::fault::Then::{Floods, Hangs};
use super::fault::{body, encoded, status, value};
use super::matrix::{each, once, play};

#[tokio::test]
async fn bodies_that_are_not_one_json_object() {
    let utf_16 = |good: String| good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let not_utf_8 = |good: String| [b"{\"x\":\"\xff\",", &good.as_bytes()[1..]].concat();
    let text = body("<good>").content_type("text/plain");
    play([
        //    T     S     O     P     K
        each("7x1   7x1   7x3   7x3   10x1", "nothing", body("")),
        once("7x1   7x1   0x2   0x2   10x1", "nothing", body("")),
        each("7x1   7x1   7x3   7x3   10x1", "half", encoded(|good| good[..good.len() - 2].into())),
        each("7x1   7x1   7x3   7x3   10x1", "more", body("<good> canary")),
        each("7x1   7x1   7x3   7x3   10x1", "two", body("<good><good>")),
        each("7x1   7x1   7x3   7x3   10x1", "a byte order mark", body("\u{feff}<good>")),
        each("7x1   7x1   7x3   7x3   10x1", "UTF-16", encoded(utf_16)),
        each("7x1   7x1   7x3   7x3   10x1", "not UTF-8", encoded(not_utf_8)),
        each("7x1   7x1   7x3   7x3   10x1", "a NUL", body("<good>\0")),
        each("7x1   7x1   7x3   7x3   10x1", "null", body("null")),
        each("7x1   7x1   7x3   7x3   10x1", "a list", body("[<good>]")),
        each("7x1   7x1   7x3   7x3   10x1", "a text", body(r#""canary""#)),
        each("7x1   7x1   7x3   7x3   10x1", "a number", body("0")),
        each("7x1   7x1   7x3   7x3   10x1", "200 deep", body("[".repeat(200))),
        each("7x1   7x1   7x3   7x3   10x1", "200 000 deep", body(r#"{"x":"#.repeat(200_000))),
        each("7x1   7x1   7x1   7x1   10x1", "a web page", status(200).html()),
        each("7x1   7x1   7x1   7x1   0x1 ", "JSON called a web page", status(200).html().body("<good>")),
        each("0x1   0x1   0x1   0x1   0x1 ", "JSON called text", text),
        each("0x1   0x1   0x1   0x1   0x1 ", "blanks around it", body("\r\n\t <good> \n")),
    ])
    .await;
}

#[tokio::test]
async fn bodies_that_are_too_large() {
    let blanks = || Floods(vec![b' '; 64 * 1024]);
    let endless = |code| status(code).body("").untold_length().then(blanks());
    let claims = |length: u64| body("").claims(length);
    // 200 MB of zeros, without their end.
    let head = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xec\xc1\x01\x01\0\0\0\x80\x90\xfe\xaf\xee\x08\n";
    let gzip = [head.as_slice(), &[0; 194_000]].concat();
    let bomb = |coding| {
        let gzip = gzip.clone();
        encoded(move |_| gzip.clone()).header(coding)
    };
    play([
        //    T     S     O     P     K
        each("7x1   7x1   7x3   7x3   10x1", "endless", endless(200)),
        each("7x1   7x1   7x3   7x3   10x1", "a terabyte", claims(1 << 40).then(blanks())),
        each("7x1   7x1   7x3   7x3   10x1", "a terabyte, announced", claims(1 << 40).then(Hangs))
            .impatient(),
        each("7x1   7x1   7x3   7x3   10x1", "all that counts", claims(u64::MAX - 2).then(Hangs)).impatient(),
        // A key counts as soon as it is complete.
        each(
            "7x1   7x1   7x3   7x3   0x1 ",
            "a terabyte after it",
            body("<good>").claims(1_u64 << 40).then(blanks()),
        ),
        each("7x1   7x1   7x3   7x3   0x1 ", "9 MB", body(format!("<good>{}", " ".repeat(9 << 20)))),
        // Answers that may contain lists may be longer than the others.
        each("7x1   0x1   0x1   0x1   0x1 ", "2 MB", body(format!("<good>{}", " ".repeat(2 << 20)))),
        // Compressed bodies are not decompressed.
        each("7x1   7x1   7x3   7x3   10x1", "200 MB in 200 kB", bomb("content-encoding: gzip")),
        each("7x1   7x1   7x3   7x3   10x1", "packed twice", bomb("content-encoding: gzip, gzip")),
        each("7x1   7x1   7x3   7x3   10x1", "called brotli", bomb("content-encoding: br")),
        each("7x1   7x1   7x3   7x3   10x1", "called zstd", bomb("content-encoding: zstd")),
        // A refusal that was not read completely is a refusal only for requests without consequences.
        each("7x1   7x3   7x2+  7x2+  10x1", "an endless 500", endless(500)),
        once("7x1   0x2   0x2   0x2   10x1", "an endless 403", endless(403)),
    ])
    .await;
}

#[tokio::test]
async fn values_that_cannot_be_used() {
    let long: &str = Box::leak(format!("\"{}\"", "y".repeat(1_000_000)).into_boxed_str());
    play([
        //    T     S     O     P     K
        each("7x1   7x1   8x2+  8x2+  10x1", "null", value("null")),
        each("7x1   7x1   8x2+  8x2+  10x1", "missing", body("{}")),
        each("7x1   7x1   7x3   7x3   10x1", "empty", value(r#""""#)),
        each("7x1   7x1   7x3   7x3   10x1", "a number", value("7")),
        each("7x1   7x1   7x3   7x3   10x1", "true", value("true")),
        each("7x1   7x1   7x3   7x3   10x1", "NaN", value("NaN")),
        each("7x1   7x1   8x2+  8x2+  10x1", "an empty list", value("[]")),
        each("7x1   7x1   8x2+  8x2+  10x1", "in a list", value(r#"["sk-proj-canary"]"#)),
        each("7x1   7x1   7x3   7x3   10x1", "in an object", value(r#"{"value":"canary"}"#)),
        each("7x1   7x1   7x3   7x3   10x1", "a blank", value(r#""the canary""#)),
        each("7x1   7x1   7x3   7x3   10x1", "a new header line", value(r#""canary\r\nX: y""#)),
        each("7x1   7x1   7x3   7x3   10x1", "an escape", value(r#""\u001b[2Jcanary""#)),
        each("7x1   7x1   7x3   7x3   10x1", "a NUL", value(r#""canary\u0000""#)),
        each("7x1   7x1   7x3   7x3   10x1", "not ASCII", value(r#""canary-\u00e9""#)),
        each("7x1   7x1   7x3   7x3   10x1", "half a character", value(r#""canary-\ud800""#)),
        each("7x1   7x1   7x3   7x3   10x1", "1 MB", value(long)),
    ])
    .await;
}

#[tokio::test]
async fn members_that_are_in_the_wrong_place_or_twice() {
    // The members of each step's answer, one level too high, under another name, one level too low.
    let high = r#"{"sensitive_id":"sk-canary","token":"canary"}"#;
    let renamed = r#"{"id_token":"canary","session":"sess-canary","api_key":"sk-canary"}"#;
    let low = r#"{"data":{"access_token":"canary"},"user":["canary"],"key":"sk-proj-canary"}"#;
    let token = |more: &str| body(format!(r#"{{"access_token":"at-canary-0002"{more}}}"#));
    let named = r#"{"key":{"sensitive_id":"sk-proj-canary-0004","name":7},"project":null}"#;
    let twice = |good: String| format!("{},{}", &good[..good.len() - 1], &good[1..]).into_bytes();
    let many: String = (0..1_000).map(|number| format!(r#""x{number}":"canary","#)).collect();
    let deep = format!(r#"{{"x":{}{},"#, "[".repeat(100_000), "]".repeat(100_000));
    let and = |members: String| encoded(move |good| good.replacen('{', &members, 1).into_bytes());
    play([
        //    T     S     O     P     K
        each("7x1   7x1   7x3   7x3   10x1", "twice", encoded(twice)),
        each("7x1   7x1   8x2+  8x2+  10x1", "a level too high", body(high)),
        each("7x1   7x1   8x2+  8x2+  10x1", "the name of another", body(renamed)),
        each("7x1   7x1   7x3   7x3   10x1", "a level too low", body(low)),
        each("7x1   7x1   8x2+  8x2+  10x1", "a level too deep", body(r#"{"result":<good>}"#)),
        each("7x1   -     -     -     -   ", "another kind of token", token(r#","token_type":"mac""#)),
        each("0x1   -     -     -     -   ", "a token and no more", token("")),
        each("0x1   -     -     -     -   ", "a BEARER", token(r#","token_type":"BEARER""#)),
        each("0x1   -     -     -     -   ", "odd times", token(r#","expires_in":-1e30,"scope":[]"#)),
        each("-     -     -     -     0x1 ", "a key and more", body(named)),
        each("0x1   0x1   0x1   0x1   0x1 ", "1 000 more members", and(format!("{{{many}"))),
        each("0x1   0x1   0x1   0x1   0x1 ", "100 000 deep beside it", and(deep)),
    ])
    .await;
}

#[tokio::test]
async fn refusals_that_say_too_much() {
    let oauth = r#"{"error":"invalid_grant","error_description":"no: sk-proj-canary0001 \u001b[2J \u202e sess-canary0002"}"#;
    let platform = r#"{"error":{"message":"no: sk-proj-canary0001 \u001b[2J sess-canary0002","code":"a\u0007b","param":"canary"}}"#;
    let echo = r#"{"error":{"message":"bad: code-canary-0001 at-canary-0002 sess-canary-0003"}}"#;
    let odd = r#"{"error":[["canary"]],"error_description":{"x":"canary"}}"#;
    let long = format!(r#"{{"error":{{"message":"{}canary"}}}}"#, "y".repeat(100_000));
    let named = status(403).body("x").content_type("sk-proj-canary0001");
    let said = |code, text: &str| status(code).body(text);
    play([
        //    T     S     O     P     K
        each("7x1   7x1   7x1   8x2+  7x1 ", "an OAuth error", said(400, oauth)),
        each("7x1   7x1   7x1   8x2+  7x1 ", "a platform error", said(403, platform)),
        each("7x1   7x1   7x1   7x1   7x1 ", "an expired session", said(401, platform)),
        each("7x1   7x3   7x2+  7x2+  10x1", "an error in 500", said(500, platform)),
        each("7x1   7x1   7x1   7x1   7x1 ", "the good answer in 400", said(400, "<good>")),
        each("7x1   7x3   7x2+  7x2+  10x1", "the good answer in 500", said(500, "<good>")),
        each("7x1   7x1   7x1   7x1   7x1 ", "a text", said(403, "canary \x1b[2J")),
        each("7x1   7x1   7x1   7x1   7x1 ", "odd members", said(403, odd)),
        each("7x1   7x1   7x1   8x2+  7x1 ", "a long explanation", said(422, &long)),
        // Each secret is known before any answer can repeat it.
        each("7x1   7x1   7x1   8x2+  7x1 ", "the code", said(400, r#"{"error":"code-canary-0001"}"#)),
        each("-     -     7x1   8x2+  7x1 ", "code, token, session", said(403, echo)),
        each("7x1   7x1   7x1   7x1   7x1 ", "a secret as the type", named),
    ])
    .await;
}
