//! Failing connections and truncated answers.

use crate::support::{
    CANARY, Fault, FaultyServer, PARSED, STEPS, assert_clean, base, call, good_body, http, session, target,
};
use keymint_domain::ServiceErrorKind::{Intercepted, Interrupted, NotSent, OutOfContract, Refused, TimedOut};
use keymint_domain::{
    Clock, ConnectFailure, Intermediary, Moment, NewKey, PlatformApi, ServiceError, Step, async_trait,
};
use keymint_http_adapter::{Http, HttpOptions};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Returns the error of the step if its only request meets this fault.
async fn failure(http: &Http, step: Step, fault: Fault) -> ServiceError {
    let server = FaultyServer::start(fault).await;
    let error = call(http, &server.url, step).await.expect_err("the server broke its word");
    assert_eq!(server.requests(), 1, "{step} was not sent once");
    assert_clean(&error);
    error
}

fn impatient() -> Http {
    let mut options = HttpOptions::default();
    options.request_timeout = Duration::from_secs(1);
    Http::new(options)
}

fn head(status: u16, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Whatever\r\n{headers}\r\n").into_bytes()
}

fn whole(status: u16, headers: &str, body: &str) -> Vec<u8> {
    [head(status, headers), body.into()].concat()
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_interruption_whatever_its_status() {
    let faults = [200, 400, 503].into_iter().flat_map(|status| {
        let short = whole(status, "content-length: 1000\r\n", CANARY);
        let unfinished = whole(status, "transfer-encoding: chunked\r\n", &format!("b\r\n{CANARY}\r\n"));
        let bad_chunk = whole(status, "transfer-encoding: chunked\r\n", &format!("{CANARY}\r\n"));
        [Fault::Write(short.clone()), Fault::Write(unfinished), Fault::Write(bad_chunk), Fault::Reset(short)]
    });
    let faults = faults.chain([
        Fault::Write(Vec::new()),
        Fault::Reset(Vec::new()),
        Fault::Write(b"HTTP/1.1 200".to_vec()),
        Fault::Write(format!("{CANARY} is not HTTP\r\n\r\n").into()),
        Fault::Write(format!("HTTP/0.9 200 OK\r\n\r\n{CANARY}").into()),
        Fault::Write(whole(200, "content-length: 1\r\ncontent-length: 2\r\n", "{}")),
        Fault::Write(head(200, &"x: y\r\n".repeat(10_000))),
        Fault::Write(head(200, &format!("x: {}\r\n", "y".repeat(1_000_000)))),
    ]);
    for (number, fault) in faults.enumerate() {
        for step in STEPS {
            let error = failure(&http(), step, fault.clone()).await;
            assert_eq!(error.kind, Interrupted, "fault {number}: {error}");
        }
    }
}

#[tokio::test]
async fn interim_answers_are_skipped() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".repeat(1_000);
    let last = whole(200, "content-length: 11\r\n", r#"{"data":[]}"#);
    let server = FaultyServer::start(Fault::Write([interim.into(), last].concat())).await;
    call(&http(), &server.url, Step::ListOrganizations).await.unwrap();
}

#[tokio::test]
async fn silence_is_a_time_out() {
    let dripping = whole(200, "content-length: 1000\r\n", "{");
    let beginnings =
        [Vec::new(), head(200, "content-length: 9\r\n"), dripping, head(400, "content-length: 9\r\n")];
    // Concurrently, since each call waits for its timeout.
    let mut calls = JoinSet::new();
    for bytes in beginnings {
        for step in STEPS {
            let fault = Fault::Hang(bytes.clone());
            calls.spawn(async move { failure(&impatient(), step, fault).await });
        }
    }
    for error in calls.join_all().await {
        assert_eq!(error.kind, TimedOut);
        assert!(error.detail.ends_with(": no complete answer within 1 s"), "{error}");
    }
}

#[tokio::test]
async fn an_endless_body_is_left_unread() {
    for (status, expected) in [
        (200, OutOfContract),
        (302, Refused { status: 302, retry_after: None }),
        (403, Interrupted),
        (429, Interrupted),
        (500, Refused { status: 500, retry_after: Some(Duration::from_secs(7)) }),
    ] {
        let retry_after = if status == 500 { "retry-after: 7\r\n" } else { "" };
        for step in STEPS {
            let fault = Fault::Flood(head(status, retry_after), vec![b' '; 64 * 1024]);
            let error = failure(&http(), step, fault).await;
            assert_eq!(error.kind, expected);
            let has_list = matches!(
                step,
                Step::Login
                    | Step::ListOrganizations
                    | Step::ListProjects
                    | Step::ListAllProjects
                    | Step::ListKeys
            );
            let bound = if has_list { 8_388_608 } else { 1_048_576 };
            assert!(error.detail.ends_with(&format!("with more than {bound} bytes")), "{error}");
        }
    }
}

/// A failure after the header cannot make the outcome of a creation unknown.
#[tokio::test]
async fn a_challenge_needs_no_whole_body() {
    let head = head(403, "cf-mitigated: challenge\r\ncontent-length: 1000\r\n");
    for step in STEPS {
        let flood = Fault::Flood(head.clone(), vec![b' '; 64 * 1024]);
        for fault in [Fault::Write(head.clone()), Fault::Hang(head.clone()), flood] {
            let error = failure(&http(), step, fault).await;
            assert_eq!(error.kind, Intercepted { by: Intermediary::Challenge, status: 403 });
        }
    }
}

#[tokio::test]
async fn a_body_may_be_as_long_as_the_bound_however_its_end_is_marked() {
    let bound = 1024 * 1024;
    let good = good_body(Step::ExchangeCode);
    for (length, expected) in [(bound, Ok(())), (bound + 1, Err(OutOfContract))] {
        let body = format!("{good}{}", " ".repeat(length - good.len()));
        let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
        let closed = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}");
        for answer in [announced, closed] {
            let server = FaultyServer::start(Fault::Write(answer.into_bytes())).await;
            let outcome = call(&http(), &server.url, Step::ExchangeCode).await;
            assert_eq!(outcome.map_err(|error| error.kind), expected, "{length} bytes");
        }
    }
}

/// A clock on which no time passes.
struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Moment {
        Moment::ORIGIN
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending().await
    }
}

/// By default, a request takes at most 30 s, while the connection may hang forever.
#[tokio::test]
async fn a_whole_key_counts_before_its_answer_ends_and_if_it_never_does() {
    let body = good_body(Step::CreateKey);
    let of_length = |length: usize, body: &str| whole(200, &format!("content-length: {length}\r\n"), body);
    let chunk = |body: &str| format!("{:x}\r\n{body}\r\n", body.len());
    let chunked = |chunks: &str| whole(200, "transfer-encoding: chunked\r\n", chunks);
    let unfinished = chunked(&chunk(body));
    let page = whole(200, "content-type: text/html\r\ncontent-length: 1000\r\n", body);
    for (fault, ends) in [
        (Fault::Write(page.clone()), Some(false)),
        (Fault::Hang(page), None),
        (Fault::Write(of_length(body.len(), body)), Some(true)),
        (Fault::Write(chunked(&format!("{}0\r\n\r\n", chunk(body)))), Some(true)),
        (Fault::Write(chunked(&format!("{}{}0\r\n\r\n", chunk(body), chunk(" \n")))), Some(true)),
        (Fault::Write(chunked(&format!("{}{}0\r\n\r\n", chunk(body), chunk("{}")))), Some(false)),
        (Fault::Write(of_length(1000, body)), Some(false)),
        (Fault::Write(of_length(1000, &format!("{body}\n"))), Some(false)),
        (Fault::Write(unfinished.clone()), Some(false)),
        (Fault::Write([&*unfinished, b"5\r\n  "].concat()), Some(false)),
        (Fault::Write([&*unfinished, b"no chunk"].concat()), Some(false)),
        (Fault::Write(of_length(1 << 40, body)), Some(false)),
        (Fault::Hang(of_length(1000, body)), None),
        (Fault::Hang(of_length(1 << 40, body)), None),
        (Fault::Hang(unfinished), None),
    ] {
        let server = FaultyServer::start(fault).await;
        let platform = http().platform_api(base(&server.url)).unwrap();
        let created = platform.create_api_key(&session(), &target(), &NewKey::named("x")).await.unwrap();
        assert_eq!((created.secret.expose(), server.requests()), ("sk-1", 1));
        if ends.is_some() {
            assert_eq!(Some(created.end.arrives(&Still).await), ends);
        }
    }
    let short = |body: &str| Fault::Write(of_length(1000, body));
    for (fault, kind) in [
        (short(&body[..body.len() - 1]), Interrupted),
        (short(""), Interrupted),
        (short(&format!("{body}{{")), OutOfContract),
        (short("{}"), OutOfContract),
    ] {
        assert_eq!(failure(&http(), Step::CreateKey, fault).await.kind, kind);
    }
    for step in PARSED.iter().filter(|step| !step.creates_key()) {
        let error = failure(&http(), *step, short(good_body(*step))).await;
        assert_eq!(error.kind, Interrupted, "{error}");
    }
}

#[tokio::test]
async fn an_answer_may_have_hundreds_of_header_lines() {
    for step in STEPS {
        let body = good_body(step);
        let headers = format!("{}content-length: {}\r\n", "x: y\r\n".repeat(250), body.len());
        let server = FaultyServer::start(Fault::Write(whole(200, &headers, body))).await;
        call(&http(), &server.url, step).await.unwrap();
    }
}

#[tokio::test]
async fn a_body_that_is_announced_as_too_long_is_not_waited_for() {
    // The answer to a creation is read nevertheless, since a key may come first.
    for step in STEPS.into_iter().filter(|step| !step.creates_key()) {
        let fault = Fault::Hang(head(200, "content-length: 1000000000000\r\n"));
        assert_eq!(failure(&http(), step, fault).await.kind, OutOfContract);
    }
}

#[tokio::test]
async fn a_connection_that_closes_while_it_rests_is_replaced() {
    let body = r#"{"data":[]}"#;
    let answer = whole(200, "content-length: 11\r\n", body);
    let server = FaultyServer::start(Fault::Write(answer)).await;
    let platform = http().platform_api(base(&server.url)).unwrap();
    for _ in 0..5 {
        platform.organizations(&session()).await.unwrap();
    }
    assert_eq!(server.requests(), 5);
}

#[tokio::test]
async fn a_refused_connection_means_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for step in STEPS {
        let error = call(&http(), &url, step).await.unwrap_err();
        assert_eq!(error.kind, NotSent(ConnectFailure::Connect));
        assert!(error.detail.contains(": could not connect: Connection refused"), "{error}");
        assert_clean(&error);
    }
}

#[tokio::test]
async fn a_name_without_an_address_means_not_sent() {
    if ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .iter()
        .any(|name| std::env::var_os(name).is_some())
    {
        println!("skipped: a proxy would resolve the name");
        return;
    }
    let error = call(&http(), "https://keymint.invalid", Step::Login).await.unwrap_err();
    assert_eq!(error.kind, NotSent(ConnectFailure::Dns), "{error}");
    assert!(error.detail.contains(": could not resolve keymint.invalid: "), "{error}");
}

#[tokio::test]
async fn a_handshake_that_stalls_means_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let mut options = HttpOptions::default();
    options.connect_timeout = Duration::from_millis(200);
    let error = call(&Http::new(options), &url, Step::CreateKey).await.unwrap_err();
    assert_eq!(error.kind, NotSent(ConnectFailure::TimedOut), "{error}");
    assert!(error.detail.ends_with(": no connection within 200 ms"), "{error}");
}
