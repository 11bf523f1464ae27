//! How much and how long. Here alone the crate waits for time to pass, and by the runtime's clock:
//! these limits protect sockets and decide nothing about a sign-in, so they need no `Clock`.
#![expect(
    clippy::disallowed_methods,
    reason = "time limits of sockets, tested on the runtime's paused clock"
)]

use std::time::Duration;

/// Longest head of a request, in bytes. A real one has two thousand.
pub(crate) const HEAD_BYTES: usize = 16 * 1024;

/// Most header fields of a request. A browser sends twenty.
pub(crate) const HEADERS: usize = 64;

/// Most connections at a time. A browser opens two or three.
pub(crate) const CONNECTIONS: usize = 32;

/// How long a whole request head may take.
pub(crate) const HEAD: Duration = Duration::from_secs(5);

/// How long a connection may take, unless it is held.
pub(crate) const CONNECTION: Duration = Duration::from_secs(10);

/// How long a client may take to close after its answer.
pub(crate) const LINGER: Duration = Duration::from_millis(500);

/// How much a client may still send after its answer.
pub(crate) const LINGER_BYTES: u64 = 256 * 1024;

/// How long the system may take to say what `localhost` is. It looks into a file.
pub(crate) const LOOKUP: Duration = Duration::from_secs(2);

/// How long the listener may take to answer itself. It takes a millisecond; the rest is for a
/// machine that is busy.
pub(crate) const PROBE: Duration = Duration::from_secs(2);

/// How much of an answer to a probe is read. Ours has a thousand bytes.
pub(crate) const PROBE_BYTES: u64 = 16 * 1024;

/// How long the listener waits after a failed accept.
pub(crate) const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(50);

/// How long a browser that was sent to the page may take to ask for it, once all is over.
pub(crate) const LAST_REQUEST: Duration = Duration::from_millis(500);

/// How long a browser may take to read the end of its page.
pub(crate) const LAST_PAGE: Duration = Duration::from_secs(2);

pub(crate) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Runs `work` until it is done, or the time is up: then there is nothing.
pub(crate) async fn at_most<T>(duration: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(duration, work).await.ok()
}
