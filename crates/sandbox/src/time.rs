//! The only place of this crate that knows the real time.

use std::time::Duration;
pub(crate) use tokio::time::Instant;

#[expect(clippy::disallowed_methods, reason = "the sandbox is the outside world, whose time is real")]
pub(crate) async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}
