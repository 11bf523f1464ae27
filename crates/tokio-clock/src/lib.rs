//! A [`Clock`] for programs that use tokio.

use async_trait::async_trait;
use keymint_domain::{Clock, Elapsed, Moment};
use std::future::Future;
use std::time::Duration;
use tokio::task::unconstrained;

/// The maximum duration of one tokio sleep. tokio's timer stops while the machine is suspended, but [`Clock::now`]
/// does not. A sleep that ends during a suspension therefore returns at most this long after the suspension.
const LONGEST_NAP: Duration = Duration::from_secs(5);

/// A monotonic clock that includes the time that the machine is suspended. It uses tokio's timer.
///
/// The time of a suspension counts on Linux, Android, OpenBSD, Windows and Apple's systems. On other Unix systems it
/// depends on `CLOCK_MONOTONIC`.
///
/// [`Clock::sleep`] needs a tokio runtime with time enabled. Pausing tokio's time does not pause this clock.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    origin: Duration,
}

impl TokioClock {
    /// Creates a clock whose origin is the current time.
    pub fn new() -> Self {
        Self { origin: monotonic() }
    }

    /// Runs `work` for at most `limit`, as `timeout` of a `dyn Clock` does.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] if the limit passed first. The work is then dropped.
    pub async fn timeout<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
        <dyn Clock>::timeout(self, limit, work).await
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
        Moment::ORIGIN + monotonic().saturating_sub(self.origin)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the Clock that the others ask")]
    async fn sleep(&self, duration: Duration) {
        let wake = self.now() + duration;
        while self.now() < wake {
            // Work of the same task that never yields uses up the task's cooperative budget, and must not delay this
            // sleep.
            unconstrained(tokio::time::sleep(wake.since(self.now()).min(LONGEST_NAP))).await;
        }
    }
}

/// Returns the time since an arbitrary start, which is the same for every clock of the process.
#[cfg(unix)]
fn monotonic() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    #[cfg(any(target_os = "android", target_os = "linux", target_os = "openbsd"))]
    let id = ClockId::Boottime;
    // Apple's `CLOCK_MONOTONIC` continues during a suspension, unlike the clock that `Instant` reads there.
    #[cfg(not(any(target_os = "android", target_os = "linux", target_os = "openbsd")))]
    let id = ClockId::Monotonic;
    clock_gettime(id).try_into().unwrap_or_default()
}

/// Returns the time since the first call. The counter of Windows continues during a suspension.
#[cfg(not(unix))]
#[expect(clippy::disallowed_methods, reason = "this is the Clock that the others ask")]
fn monotonic() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_keeps_what_the_port_promises() {
        keymint_domain::testing::conformance::clock(&TokioClock::new()).await.unwrap();
    }
}
