//! The limits of size and time. Only this module waits, on the runtime's clock: the limits protect
//! sockets and decide nothing about a sign-in, so they need no `Clock`.
#![expect(
    clippy::disallowed_methods,
    reason = "time limits of sockets, tested on the runtime's paused clock"
)]

use std::time::Duration;

/// Maximum size of a request head, in bytes. A browser sends about 2,000.
pub(crate) const HEAD_BYTES: usize = 16 * 1024;

/// Maximum number of header fields in a request. A browser sends about 20.
pub(crate) const HEADERS: usize = 64;

/// Maximum number of simultaneous connections. A browser opens two or three.
pub(crate) const CONNECTIONS: usize = 32;

/// Time limit for a whole request head.
pub(crate) const HEAD: Duration = Duration::from_secs(5);

/// Time limit for a connection that is not held.
pub(crate) const CONNECTION: Duration = Duration::from_secs(10);

/// Time limit for a client to close after its response.
pub(crate) const LINGER: Duration = Duration::from_millis(500);

/// Maximum number of bytes read from a client after its response.
pub(crate) const LINGER_BYTES: u64 = 256 * 1024;

/// Time limit for the system to resolve `localhost`, which it does from a file.
pub(crate) const LOOKUP: Duration = Duration::from_secs(2);

/// Time limit for a probe of the self-test. It takes a millisecond; the rest is for a busy machine.
pub(crate) const PROBE: Duration = Duration::from_secs(2);

/// Maximum number of bytes read of the response to a probe. The listener's own has about 1,000.
pub(crate) const PROBE_BYTES: u64 = 16 * 1024;

/// Delay after a failed accept.
pub(crate) const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(50);

/// Time limit for a browser that was redirected to the outcome page to request it, after the conclusion.
pub(crate) const LAST_REQUEST: Duration = Duration::from_millis(500);

/// Time limit for a browser to read the end of its page.
pub(crate) const LAST_PAGE: Duration = Duration::from_secs(2);

pub(crate) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Runs `work` until it completes or the time is up, which returns `None`.
pub(crate) async fn timeout<T>(duration: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(duration, work).await.ok()
}
