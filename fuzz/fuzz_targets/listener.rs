//! Bytes that arrive at the listener, until it shows the outcome page.
//!
//! An input contains the bytes of one or more clients in sequence, with these gaps:
//!
//! - `$`: the state
//! - `^`: the nonce of the start URL
//! - `!`: the nonce of the self-test
//! - `{`: the cookie of the browser that opened the start URL
//! - `~`: a word that no answer may repeat
//!
//! `|` ends the bytes of a client, a backtick splits them into two pieces, and `}` closes the sending side of the
//! client.
#![no_main]

use keymint_callback_adapter::fuzzing::{PORT, listen, probe_path};
use keymint_callback_adapter::{LoopbackListener, Outcome};
use keymint_domain::ResponseSource;
use keymint_fuzz::{PENDING, STATE, STATE_GAP, contains, fill_in};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::sleep;

/// The maximum number of clients of one input.
const CLIENTS: usize = 6;

/// The capacity of a pipe, in bytes. No answer is larger.
const PIPE: usize = 64 * 1024;

/// A time that exceeds the time limits of the listener. The clock is paused, and jumps.
const LONG: Duration = Duration::from_secs(11);

/// The word that no answer may repeat.
const ECHO: &str = "canary7echo";

/// The headers of every answer of the listener.
const HEADERS: [&str; 8] = [
    "content-type: text/html; charset=utf-8\r\n",
    "cache-control: no-store\r\n",
    "referrer-policy: no-referrer\r\n",
    "x-content-type-options: nosniff\r\n",
    "x-frame-options: DENY\r\n",
    "content-security-policy: default-src 'none';",
    "cross-origin-resource-policy: same-origin\r\n",
    "connection: close\r\n",
];

fuzz_target!(|input: &[u8]| {
    if contains(input, ECHO) {
        return;
    }
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(run(input));
});

async fn run(input: &[u8]) {
    let (streams, to_serve) = mpsc::channel(1);
    let mut listener = listen(to_serve);
    let gaps = Gaps {
        start: listener.start_url(&PENDING).path().replace("/start/", ""),
        probe: probe_path(&listener).replace("/.keymint/", ""),
    };
    let mut played = Box::pin(play(input.to_owned(), streams, gaps));

    let (received, answers) = tokio::select! {
        response = listener.receive(&PENDING) => (Some(response), played.await),
        answers = &mut played => (None, answers),
    };
    if let Some(response) = received {
        let response = response.expect("it is listening");
        assert!(input.contains(&STATE_GAP), "{response:?} without the state");
    }
    end(listener, answers).await;
}

/// The texts of the gaps that differ between runs.
struct Gaps {
    start: String,
    probe: String,
}

/// Plays the clients in sequence, and checks their answers. Returns the readers that are still waiting.
async fn play(input: Vec<u8>, streams: mpsc::Sender<DuplexStream>, gaps: Gaps) -> Vec<JoinHandle<Vec<u8>>> {
    let mut cookie = String::new();
    let mut answers = Vec::new();
    for client in input.split(|byte| *byte == b'|').take(CLIENTS) {
        let (mut stream, served) = duplex(PIPE);
        streams.send(served).await.expect("it is serving");
        let gaps = [
            (STATE_GAP, STATE.as_str()),
            (b'^', &gaps.start),
            (b'!', &gaps.probe),
            (b'{', &cookie),
            (b'~', ECHO),
        ];
        let (bytes, is_over) = match client.split_last() {
            Some((b'}', bytes)) => (bytes, true),
            _ => (client, false),
        };
        let pieces: Vec<_> = bytes.split(|byte| *byte == b'`').map(|piece| fill_in(piece, &gaps)).collect();
        let reading = tokio::spawn(async move {
            for piece in pieces {
                // The listener may have closed the connection.
                let _ = stream.write_all(&piece).await;
                yield_now().await;
            }
            if is_over {
                let _ = stream.shutdown().await;
            }
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.expect("a pipe has no errors");
            answer
        });
        sleep(LONG).await;
        // Only a reader of the outcome page is still waiting.
        if reading.is_finished() {
            let answer = reading.await.expect("it is finished");
            check(&answer);
            if let Some(set) = cookie_in(&answer) {
                cookie = set;
            }
        } else {
            answers.push(reading);
        }
    }
    answers
}

/// Returns the cookie that an answer sets.
fn cookie_in(answer: &[u8]) -> Option<String> {
    let (_, set) = str::from_utf8(answer).ok()?.split_once("\r\nset-cookie: ")?;
    Some(set.split_once(';')?.0.to_owned())
}

/// Ends the sign-in, and checks that a waiting browser gets the outcome page.
async fn end(listener: LoopbackListener, mut answers: Vec<JoinHandle<Vec<u8>>>) {
    // A reader without the cookie is cut when one with the cookie arrives.
    answers.retain(|reading| !reading.is_finished());
    assert!(answers.len() <= 1, "one connection is held");
    // The browser may return without the cookie, which is reported.
    let _ = listener.browser_mismatch();
    listener.conclude(Outcome::KeyDelivered).await;
    for answer in answers {
        let answer = answer.await.expect("it ends with the listener");
        check(&answer);
        assert!(contains(&answer, "Key ready"), "the outcome is shown");
    }
}

/// Checks that an answer is complete, has the headers of every answer, and reveals nothing.
fn check(answer: &[u8]) {
    if answer.is_empty() {
        return;
    }
    let answer = str::from_utf8(answer).expect("an answer is UTF-8");
    assert!(answer.starts_with("HTTP/1.1 ") || answer.starts_with("HTTP/1.0 "), "{answer:?}");
    assert_eq!(answer.matches("HTTP/1.").count(), 1, "one answer to one client: {answer:?}");
    let (head, body) = answer.split_once("\r\n\r\n").expect("the head is complete");
    let head = format!("{head}\r\n");

    assert!(HEADERS.iter().all(|header| head.contains(header)), "{answer:?}");
    assert!(!head.contains("access-control-"), "{head:?}");
    assert!(!contains(answer.as_bytes(), ECHO), "{answer:?} repeats the request");
    // The state is only in the URL that the start URL redirects to.
    assert!(!body.contains(STATE.as_str()), "{body:?}");
    assert!(
        !head.contains(STATE.as_str()) || head.contains("\r\nlocation: https://auth.openai.com/"),
        "{head:?}"
    );
    if let Some(length) = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()) {
        let length: usize = length.parse().expect("a number");
        // The answer to HEAD has the length of a missing body.
        assert!(body.len() == length || body.is_empty(), "{answer:?}");
    }
}

const _: () = assert!(PORT == 5000, "the corpus has this port");
