//! The [`Clock`] of a program on tokio.

use async_trait::async_trait;
use keymint_domain::{Clock, Elapsed, Moment};
use std::future::Future;
use std::time::Duration;
use tokio::task::unconstrained;

/// The longest sleep in one piece. tokio's timer stops while the machine is suspended, and
/// [`Clock::now`] does not: a sleep that ends during a suspension returns at most this long after it.
const LONGEST_NAP: Duration = Duration::from_secs(5);

/// A monotonic clock that counts the time that the machine is suspended, with tokio's timer.
///
/// Suspended time counts on Linux, Android, OpenBSD, Windows and Apple's systems; on another Unix it
/// depends on `CLOCK_MONOTONIC`.
///
/// [`Clock::sleep`] needs a runtime with its timer. Pausing tokio's time does not pause this clock.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    origin: Duration,
}

impl TokioClock {
    /// A clock whose origin is now.
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
            // Work of the same task that never pauses uses up its cooperative budget, and must not delay this.
            unconstrained(tokio::time::sleep(wake.since(self.now()).min(LONGEST_NAP))).await;
        }
    }
}

/// The time since an arbitrary start, the same for every clock of the process.
#[cfg(unix)]
fn monotonic() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    #[cfg(any(target_os = "android", target_os = "linux", target_os = "openbsd"))]
    let id = ClockId::Boottime;
    // Apple's continues during a suspension, unlike the one that `Instant` reads there.
    #[cfg(not(any(target_os = "android", target_os = "linux", target_os = "openbsd")))]
    let id = ClockId::Monotonic;
    clock_gettime(id).try_into().unwrap_or_default()
}

/// The time since the first call. Windows' counter continues during a suspension.
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
