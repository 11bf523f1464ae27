//! The one place that knows what time it is.

use async_trait::async_trait;
use keymint_domain::{Clock, Moment};
use std::time::{Duration, Instant};

/// The machine's monotonic clock, with tokio's timer.
pub(crate) struct TokioClock {
    origin: Instant,
}

#[expect(clippy::disallowed_methods, reason = "this is the Clock that the others ask")]
impl TokioClock {
    /// A clock whose origin is now.
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

#[async_trait]
#[expect(clippy::disallowed_methods, reason = "this is the Clock that the others ask")]
impl Clock for TokioClock {
    fn now(&self) -> Moment {
        Moment::ORIGIN + self.origin.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
