use super::{ContractViolation, abandon, check};
use crate::clock::Clock;
use futures_util::future::{Either, join, select};
use std::time::Duration;

/// A wait that is long enough for a timer to be armed, and short enough for a test.
const SHORT: Duration = Duration::from_millis(2);

/// A wait of more milliseconds than a 32-bit timer can count.
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Checks that time never decreases, that a sleep lasts as long as requested, and that a dropped sleep has no
/// effect.
///
/// It takes a few milliseconds of the clock's time.
///
/// # Errors
///
/// The first [`ContractViolation`].
pub async fn clock(clock: &dyn Clock) -> Result<(), ContractViolation> {
    let mut latest = clock.now();
    for _ in 0..1_000 {
        let now = clock.now();
        check(now >= latest, "the time went back")?;
        latest = now;
    }

    for length in [Duration::ZERO, Duration::from_nanos(1), SHORT] {
        sleeps(clock, length).await?;
    }
    let begun = clock.now();
    join(clock.sleep(SHORT * 2), clock.sleep(SHORT)).await;
    check(clock.now().since(begun) >= SHORT * 2, "two sleeps at once were shorter than the longer one")?;

    for long in [MONTH, Duration::MAX] {
        let first = select(clock.sleep(long), clock.sleep(SHORT)).await;
        check(matches!(first, Either::Right(_)), format!("a sleep of {long:?} was over in no time"))?;
        sleeps(clock, SHORT).await?;
    }
    abandon(1, clock.sleep(SHORT)).await;
    sleeps(clock, SHORT * 2).await
}

async fn sleeps(clock: &dyn Clock, length: Duration) -> Result<(), ContractViolation> {
    let begun = clock.now();
    clock.sleep(length).await;
    let passed = clock.now().since(begun);
    check(passed >= length, format!("a sleep of {length:?} was over after {passed:?}"))
}
