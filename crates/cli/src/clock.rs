//! The one place that knows what time it is.

use async_trait::async_trait;
use keymint_domain::{Clock, Moment};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest sleep in one piece. The timer below stands still while the machine is suspended, and
/// [`Clock::now`] does not: after a suspension the deadline is noticed at most this much later.
const LONGEST_NAP: Duration = Duration::from_secs(5);

/// The last one of the year 9999.
const LAST_SECOND: Duration = Duration::from_secs(253_402_300_799);

/// The machine's monotonic clock, with tokio's timer.
pub(crate) struct SystemClock {
    origin: Duration,
}

impl SystemClock {
    /// A clock whose origin is now.
    pub(crate) fn new() -> Self {
        Self { origin: since_boot() }
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment::ORIGIN + since_boot().saturating_sub(self.origin)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the Clock that the others ask")]
    async fn sleep(&self, duration: Duration) {
        let wake = self.now() + duration;
        while self.now() < wake {
            tokio::time::sleep(wake.since(self.now()).min(LONGEST_NAP)).await;
        }
    }
}

/// The time since the machine was started, with the time that it was suspended.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.try_into().unwrap_or_default()
}

/// The time since the first call. Whether it counts suspensions is the system's to say: Windows is
/// believed to, macOS does not.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[expect(clippy::disallowed_methods, reason = "this is the Clock that the others ask")]
fn since_boot() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

/// The date and time of day for people, in UTC: `2026-11-24T07:00:00.000000Z`. A clock that is
/// set to before 1970 or after 9999 shows the nearest of these.
#[expect(clippy::disallowed_methods, reason = "this is the place that the others ask")]
pub(crate) fn utc_now() -> String {
    utc(SystemTime::now())
}

/// Seconds since 1970, by the clock that processes share.
#[expect(clippy::disallowed_methods, reason = "this is the place that the others ask")]
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Seconds since 1970, for people: `2026-11-24T07:00:00Z`.
pub(crate) fn utc_of(seconds: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds).min(LAST_SECOND)).to_string()
}

fn utc(time: SystemTime) -> String {
    let time = time.clamp(UNIX_EPOCH, UNIX_EPOCH + LAST_SECOND);
    humantime::format_rfc3339_micros(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_wrongly_does_no_harm() {
        let day = Duration::from_secs(24 * 60 * 60);
        for (time, shown) in [
            (UNIX_EPOCH - day, "1970-01-01T00:00:00.000000Z"),
            (UNIX_EPOCH + day, "1970-01-02T00:00:00.000000Z"),
            (UNIX_EPOCH + day * 365 * 9_000, "9999-12-31T23:59:59.000000Z"),
        ] {
            assert_eq!(utc(time), shown);
        }
    }

    #[tokio::test]
    async fn it_keeps_what_the_port_promises() {
        keymint_domain::testing::conformance::clock(&SystemClock::new()).await.unwrap();
    }
}
