//! Connections that fail, and bytes that are not an answer.

use super::fault::Then::{Closes, ClosesAtOnce, Drips, Floods, Hangs, NeverWas, Resets};
use super::fault::{body, nothing, raw, status};
use super::matrix::{each, once, play};
use super::run::create;
use super::server::{API_KEY, FaultServer, Step};

/// An interim answer, which says nothing about the request (RFC 9110 section 15.2).
const INTERIM: &str = "HTTP/1.1 103 Early Hints\r\nlink: </canary>\r\n\r\n";

#[tokio::test]
async fn connections_that_fail() {
    let good = || body("<good>");
    play([
        //    T     S     O     P     K
        each("6x0   6x0   6x0+  6x0+  6x0 ", "not listening", nothing().then(NeverWas)),
        each("7x1   7x2   7x2+  7x2+  10x1", "closes, no answer", nothing()),
        each("7x1   7x2   7x2+  7x2+  10x1", "resets, no answer", nothing().then(Resets)),
        once("7x1   0x2   0x2   0x2   10x1", "closes, no answer", nothing()),
        once("7x1   0x2   0x2   0x2   10x1", "resets, no answer", nothing().then(Resets)),
        once("7x1   0x2   0x2   0x2   10x1", "closes in the status", raw("HTTP/1.1 20")),
        once("7x1   0x2   0x2   0x2   10x1", "closes in the head", raw("HTTP/1.1 200 OK\r\nx: y")),
        once("7x1   0x2   0x2   0x2   0x1 ", "closes in the body", good().claims(999).then(Closes)),
        once("7x1   0x2   0x2   0x2   0x1 ", "resets in the body", good().claims(999).then(Resets)),
        once("7x1   0x2   0x2   0x2   0x1 ", "no last chunk", good().unfinished_chunks().then(Closes)),
        once("7x1   0x2   0x2   0x2   10x1", "closes in a 403", status(403).claims(999).then(Closes)),
        once("7x1   0x2   0x2   0x2   10x1", "closes in a 429", status(429).claims(999).then(Closes)),
        // Closing at once is valid: the client does not reuse an idle connection that was closed.
        each("0x1   0x1   0x1   0x1   0x1 ", "closes after the answer", good().then(ClosesAtOnce)),
        each("0x1   0x1   0x1   0x1   0x1 ", "no length", good().untold_length().then(Closes)),
        each("0x1   0x1   0x1   0x1   0x1 ", "answers too early", good().early()),
        each("7x1   7x1   7x1   7x1   7x1 ", "refuses too early", status(400).early()),
    ])
    .await;
}

#[tokio::test]
async fn answers_that_do_not_come() {
    let slow = || body("<good>").claims(999);
    let half = || raw("HTTP/1.1 200 OK\r\nx:");
    let interim = || raw(INTERIM).then(Drips(INTERIM));
    let rows = [
        //    T     S     O     P     K
        each("6x1   6x2   6x2+  6x2+  10x1", "silence", nothing().then(Hangs)),
        once("6x1   0x2   0x2   0x2   10x1", "silence", nothing().then(Hangs)),
        once("6x1   0x2   0x2   0x2   10x1", "half a head", half().then(Hangs)),
        once("6x1   0x2   0x2   0x2   0x1 ", "half a body", slow().then(Hangs)),
        once("6x1   0x2   0x2   0x2   10x1", "half a 403", status(403).claims(999).then(Hangs)),
        once("6x1   0x2   0x2   0x2   0x1 ", "a body that drips", slow().then(Drips(" "))),
        once("6x1   0x2   0x2   0x2   10x1", "a head that drips", half().then(Drips(" "))),
        once("6x1   0x2   0x2   0x2   10x1", "endless interim answers", interim()),
    ];
    play(rows.map(|row| row.impatient())).await;
}

/// The key is delivered within the second in which the end of its answer may arrive. The signals arrive meanwhile.
#[tokio::test]
async fn signals_while_the_end_of_an_answer_with_a_key_is_missing() {
    for then in [Hangs, Drips(" ")] {
        let server = FaultServer::start(Step::K, body("<good>").claims(999).then(then), 1).await;
        let ended = create(&server.url, &server.url, &[], async |run| {
            run.line(|line| line.contains("Created \"")).await;
            run.signal("INT").await;
            run.signal("INT").await;
        })
        .await;
        let is_kept = ended.stderr.contains("it is kept in ");
        assert!(
            ended.code == 0 && ended.stdout.contains(API_KEY) || ended.code == 9 && is_kept,
            "{}",
            ended.stderr
        );
    }
}

#[tokio::test]
async fn bytes_that_are_no_answer() {
    let good = || body("<good>");
    let second =
        "HTTP/1.1 200 OK\r\ncontent-length: 42\r\n\r\n{\"key\":{\"sensitive_id\":\"sk-canary-second\"}}";
    let many_lines = good().header(&"x: canary\r\n".repeat(10_000));
    let large = good().header(&format!("x: {}", "y".repeat(1_000_000)));
    let beyond = good().claims("99999999999999999999");
    let escapes = status(401).header("www-authenticate: \x1b]0;canary\x07");
    let interim = good().between(&INTERIM.repeat(10_000), "");
    let endless_head = raw("HTTP/1.1 200 OK\r\n").then(Floods("x: canary\r\n".repeat(1_000).into()));
    let endless_line = raw("HTTP/1.1 200 OK\r\nx: ").then(Floods(vec![b'y'; 64 * 1024]));
    play([
        //    T     S     O     P     K
        once("7x1   0x2   0x2   0x2   10x1", "garbage", raw("canary\0\x1b[2J\r\n\r\n")),
        once("7x1   0x2   0x2   0x2   10x1", "TLS", raw(b"\x15\x03\x01\x00\x02\x02\x0a")),
        once("7x1   0x2   0x2   0x2   10x1", "HTTP/0.9", raw(r#"{"canary": 1}"#)),
        once("7x1   0x2   0x2   0x2   10x1", "HTTP/2", raw("HTTP/2 200 OK\r\n\r\n{}")),
        once("7x1   0x2   0x2   0x2   10x1", "10 000 header lines", many_lines),
        once("7x1   0x2   0x2   0x2   10x1", "a head of 1 MB", large),
        once("7x1   0x2   0x2   0x2   10x1", "an endless head", endless_head),
        once("7x1   0x2   0x2   0x2   10x1", "an endless header line", endless_line),
        once("7x1   0x2   0x2   0x2   10x1", "two lengths", good().header("content-length: 7")),
        once("7x1   0x2   0x2   0x2   10x1", "a length beyond numbers", beyond),
        once("7x1   0x2   0x2   0x2   10x1", "a length that is none", good().claims("-1")),
        once("7x1   0x2   0x2   0x2   10x1", "escapes in a header", escapes),
        each("0x1   0x1   0x1   0x1   0x1 ", "10 000 interim answers", interim),
        each("0x1   0x1   0x1   0x1   0x1 ", "a second answer", good().between("", second)),
        each("0x1   0x1   0x1   0x1   0x1 ", "odd bytes in a header", good().header("x: canary \u{9b} é")),
    ])
    .await;
}
