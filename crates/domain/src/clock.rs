//! Time, as a port.

use async_trait::async_trait;
use std::ops::Add;
use std::time::Duration;

/// Monotonic time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Never goes back.
    fn now(&self) -> Moment;

    /// When it returns, [`now`](Self::now) has advanced by at least `duration`.
    async fn sleep(&self, duration: Duration);
}

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
