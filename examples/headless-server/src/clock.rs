//! The time, by tokio's clock.

use keymint_domain::{Clock, Moment, async_trait};
use std::time::Duration;
use tokio::time::{Instant, sleep};

pub(crate) struct SystemClock(Instant);

impl SystemClock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment::ORIGIN + self.0.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the Clock that the others ask")]
    async fn sleep(&self, duration: Duration) {
        sleep(duration).await;
    }
}
