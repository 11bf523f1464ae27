//! The port for time.

use async_trait::async_trait;
use futures_util::future::{self, Either};
use std::future::Future;
use std::ops::Add;
use std::pin::pin;
use std::time::Duration;

/// A monotonic clock.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Returns the current time, which never decreases.
    fn now(&self) -> Moment;

    /// Waits until [`now`](Self::now) has advanced by at least `duration`.
    async fn sleep(&self, duration: Duration);
}

impl dyn Clock + '_ {
    /// Runs `work` for at most `limit`. Work that completes exactly at the limit succeeds.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] if the limit passed first. The work is then dropped.
    pub async fn timeout<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
        match future::select(pin!(work), self.sleep(limit)).await {
            Either::Left((output, _)) => Ok(output),
            Either::Right(((), _)) => Err(Elapsed(())),
        }
    }
}

/// The limit of a [timeout](trait.Clock.html#method.timeout) passed before its work completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time is up")]
pub struct Elapsed(());

/// A point in time on a [`Clock`]: the duration since an origin that the clock chooses.
///
/// It replaces `std::time::Instant`, which neither wasm32 nor a test can create.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// The clock's origin. Any other moment is `Moment::ORIGIN + elapsed`.
    pub const ORIGIN: Self = Self(Duration::ZERO);

    /// Returns the duration since `earlier`, or zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}
