//! One connection: one request, one response, and limits for both.

use crate::connection_state::ConnectionState;
use crate::handler::Handler;
use crate::limits;
use crate::suppressed_writes::SuppressedWrites;
use crate::tls_sniffer::TlsSniffer;
use crate::verdict::Verdict;
use crate::warnings::ListenerWarning;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink};

/// Responds to the first request and closes the connection.
pub(crate) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    handler: &Handler,
    connection: &ConnectionState,
) {
    tokio::select! {
        () = respond_and_close(stream, handler, connection) => {}
        () = time_limit(connection) => {}
    }
    connection.release();
}

async fn time_limit(connection: &ConnectionState) {
    limits::pause(limits::CONNECTION).await;
    connection.released().await;
}

async fn respond_and_close(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    handler: &Handler,
    connection: &ConnectionState,
) {
    let has_request = AtomicBool::new(false);
    let service = service_fn(async |request: hyper::Request<_>| {
        has_request.store(true, Ordering::Release);
        // The body is ignored: no request with one is admitted.
        let (head, _) = request.into_parts();
        connection.set_busy(true);
        let response = handler.respond(&head, connection).await;
        connection.set_busy(false);
        Ok::<_, Infallible>(response)
    });
    let mut stream = TlsSniffer::new(stream);
    let mut writes = SuppressedWrites::new(&mut stream, &has_request);
    let served = http1::Builder::new()
        .keep_alive(false)
        // The time limit of the head needs a timer.
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD)
        .max_buf_size(limits::HEAD_BYTES)
        .max_headers(limits::HEADERS)
        .serve_connection(TokioIo::new(&mut writes), service)
        .await;
    // An error is the client's: bytes that are not a request, or silence.
    if writes.suppressed_any {
        let is_too_large = served.is_err_and(|error| error.is_parse_too_large());
        let verdict = if is_too_large { Verdict::TooLarge } else { Verdict::BadRequest };
        // A client that has left needs no response.
        let _ = stream.write_all(&verdict.into_bytes()).await;
    }
    if stream.was_tls() {
        handler.shared.warnings.report(ListenerWarning::SpokeTls);
    }
    let mut stream = stream.into_inner();
    // Closing a socket with unread bytes would discard the response (RFC 9112 section 9.6), so read until
    // the client closes, within limits.
    limits::timeout(limits::LINGER, async {
        let _ = stream.shutdown().await;
        let _ = copy(&mut stream.take(limits::LINGER_BYTES), &mut sink()).await;
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::PendingCallback;
    use crate::outcome::{Outcome, OutcomePage, Progress};
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::io::{DuplexStream, duplex};
    use tokio::sync::{mpsc, watch};
    use tokio::task::yield_now;
    use tokio::time::Instant;

    /// The runtime's clock is paused in these tests, and advances when all tasks wait.
    struct Harness {
        handler: Arc<Handler>,
        callbacks: mpsc::Receiver<PendingCallback>,
        page: watch::Sender<OutcomePage>,
        start: Instant,
    }

    impl Harness {
        fn new() -> Self {
            let (handler, callbacks, page) = Handler::alone();
            Self { handler: Arc::new(handler), callbacks, page, start: Instant::now() }
        }

        /// Connects a client whose pipe holds this many bytes. Returns it, and a future of the second at which
        /// its connection ends.
        fn connect(&self, bytes: usize) -> (DuplexStream, impl Future<Output = u64>) {
            let (client, server) = duplex(bytes);
            let (handler, start) = (Arc::clone(&self.handler), self.start);
            let connection = tokio::spawn(async move {
                serve(server, &handler, &ConnectionState::default()).await;
                start.elapsed().as_secs()
            });
            (client, async { connection.await.unwrap() })
        }

        /// Brings the authorization response as a browser with this cookie, and returns the HTTP response.
        async fn sign_in(&mut self, cookie: &str) -> String {
            let (mut browser, _) = self.connect(64 * 1024);
            ask_with_cookie(&mut browser, "/auth/callback?code=C", cookie).await;
            let callback = self.callbacks.recv().await.unwrap();
            self.page.send_replace(OutcomePage::Open(Progress::Creating));
            callback.accept(Verdict::Received);
            read_to_end(browser).await
        }
    }

    async fn ask(client: &mut DuplexStream, path: &str) {
        ask_with_cookie(client, path, "").await;
    }

    async fn ask_with_cookie(client: &mut DuplexStream, path: &str, cookie: &str) {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost:5000\r\nCookie: {cookie}\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
    }

    async fn read_until(client: &mut DuplexStream, text: &str) {
        let mut read = String::new();
        while !read.contains(text) {
            read.push(client.read_u8().await.unwrap().into());
        }
    }

    async fn read_to_end(mut client: DuplexStream) -> String {
        let mut read = String::new();
        client.read_to_string(&mut read).await.unwrap();
        read
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_5_s_in_all_however_it_drips() {
        let harness = Harness::new();
        let (mut client, end) = harness.connect(1024);
        for byte in b"GET /auth/callback" {
            if client.write_all(&[*byte]).await.is_err() {
                break;
            }
            limits::pause(Duration::from_secs(1)).await;
        }
        assert_eq!(end.await, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_may_come_byte_by_byte_but_a_silent_client_is_left_after_5_s() {
        for (sent, expected) in [
            (&b"GET / HTTP/1.1\r\nHost: localhost:5000\r\n\r\n"[..], "HTTP/1.1 404"),
            (b"\x16\x03\x01\x02\0", ""),
            (b"\x16GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"),
            (b"\x03\x16", "HTTP/1.1 400"),
            (b"\x16", ""),
            (b"", ""),
        ] {
            let harness = Harness::new();
            let (observer, observed) = std::sync::mpsc::channel();
            harness.handler.shared.warnings.observe(Box::new(move |warning| observer.send(warning).unwrap()));
            let (mut client, end) = harness.connect(64 * 1024);
            for byte in sent {
                let _ = client.write_all(&[*byte]).await;
                yield_now().await;
            }
            assert_eq!(read_to_end(client).await.get(..12).unwrap_or_default(), expected, "{sent:?}");
            let waited = if sent.len() < 2 { 5 } else { 0 };
            assert_eq!(end.await, waited, "{sent:?}");
            let warnings: &[_] =
                if sent.starts_with(b"\x16\x03") { &[ListenerWarning::SpokeTls] } else { &[] };
            assert_eq!(observed.try_iter().collect::<Vec<_>>(), warnings, "{sent:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_in_the_first_piece_is_refused_before_the_head_ends() {
        let harness = Harness::new();
        let (mut client, end) = harness.connect(64 * 1024);
        client.write_all(b"GET /\r\n\0").await.unwrap();
        assert_eq!(end.await, 0);
        assert!(read_to_end(client).await.starts_with("HTTP/1.1 400 "));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_read_is_given_up_after_10_s_and_a_client_that_has_it_is_closed_at_once() {
        for (room, expected) in [(64, 10), (64 * 1024, 0)] {
            let harness = Harness::new();
            let (mut client, end) = harness.connect(room);
            ask(&mut client, "/").await;
            assert_eq!(end.await, expected);
            assert!(read_to_end(client).await.starts_with("HTTP/1.1 404 "));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_that_is_not_received_in_time_is_not_lost() {
        let mut harness = Harness::new();
        let (mut client, end) = harness.connect(1024);
        ask(&mut client, "/auth/callback?code=C").await;
        assert_eq!(end.await, 10);
        assert_eq!(harness.callbacks.try_recv().unwrap().target, "/auth/callback?code=C");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_before_the_browser_that_brought_the_response_does_not_take_its_time() {
        for came_with_the_cookie in [true, false] {
            let mut harness = Harness::new();
            let cookie = harness.handler.cookie();
            let given = harness.sign_in(if came_with_the_cookie { &cookie } else { "" }).await;
            assert_eq!(given.contains(&format!("set-cookie: {cookie};")), !came_with_the_cookie, "{given}");
            let (mut stranger, strangers_end) = harness.connect(64 * 1024);
            ask(&mut stranger, "/auth/done").await;
            read_until(&mut stranger, "Creating your key").await;
            assert_eq!(harness.handler.awaits_viewer(), came_with_the_cookie);

            let (mut browser, _) = harness.connect(1024);
            ask_with_cookie(&mut browser, "/auth/done", &cookie).await;
            read_until(&mut browser, "Creating your key").await;
            assert!(!harness.handler.awaits_viewer());
            assert_eq!(strangers_end.await, 10);

            limits::pause(Duration::from_secs(300)).await;
            harness.page.send_replace(OutcomePage::Complete(Arc::new(Outcome::KeyDelivered.into())));
            assert!(read_to_end(browser).await.contains("Key ready"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_left_makes_room_for_the_next() {
        let mut harness = Harness::new();
        harness.sign_in("").await;
        let (mut first, end) = harness.connect(64 * 1024);
        ask(&mut first, "/auth/done").await;
        drop(first);
        assert_eq!(end.await, 0);

        let (mut second, _) = harness.connect(1024);
        ask(&mut second, "/auth/done").await;
        read_until(&mut second, "Creating your key").await;
        limits::pause(Duration::from_secs(60)).await;
        drop(harness.page);
        assert!(read_to_end(second).await.contains("Interrupted"));
    }
}
