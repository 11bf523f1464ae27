//! Time, as a port.

use async_trait::async_trait;
use futures_util::future::{self, Either};
use std::future::Future;
use std::ops::Add;
use std::pin::pin;
use std::time::Duration;

/// Monotonic time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Never goes back.
    fn now(&self) -> Moment;

    /// When it returns, [`now`](Self::now) has advanced by at least `duration`.
    async fn sleep(&self, duration: Duration);
}

impl dyn Clock + '_ {
    /// Runs `work` for at most `limit`. Work that is ready when the time is up still counts.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] if the time was up first. The work is dropped then.
    pub async fn timeout<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
        match future::select(pin!(work), self.sleep(limit)).await {
            Either::Left((output, _)) => Ok(output),
            Either::Right(((), _)) => Err(Elapsed(())),
        }
    }
}

/// The time of a [timeout](trait.Clock.html#method.timeout) was up before its work was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time is up")]
pub struct Elapsed(());

/// A point on a [`Clock`]: the time since an origin of the clock's choosing.
///
/// Not `std::time::Instant`, which cannot be made on wasm32, nor by a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// The clock's origin. `Moment::ORIGIN + elapsed` makes any other.
    pub const ORIGIN: Self = Self(Duration::ZERO);

    /// The time from `earlier` to here; zero if `earlier` is later.
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
