//! The time, by tokio's clock.

use async_trait::async_trait;
use keymint_domain::{Clock, Moment};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The [`Clock`] of a program on tokio, for front ends that need no other.
///
/// It stands still while the machine is suspended. It needs a runtime with its timer, and goes
/// along with one whose time is paused.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    origin: Instant,
}

impl TokioClock {
    /// A clock whose origin is now.
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for TokioClock {
    fn now(&self) -> Moment {
        Moment::ORIGIN + self.origin.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the Clock that the others ask")]
    async fn sleep(&self, duration: Duration) {
        sleep(duration).await;
    }
}
