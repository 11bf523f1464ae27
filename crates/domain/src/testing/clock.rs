use crate::clock::{Clock, Moment};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// A [`Clock`] whose time passes only inside [`run`](Self::run). Clones share the time.
#[derive(Clone, Default)]
pub struct FakeClock(Arc<Mutex<Time>>);

#[derive(Default)]
struct Time {
    now: Duration,
    /// The wakers of the waiting tasks, by their deadline and in the order of arrival.
    sleepers: BTreeMap<(Duration, u64), Waker>,
    arrivals: u64,
}

impl FakeClock {
    /// Creates a clock at its origin.
    pub fn new() -> Self {
        Self::default()
    }

    /// Drives `work` to completion, and advances the time when it waits.
    ///
    /// # Panics
    ///
    /// If `work` waits for anything other than this clock, since it would wait forever.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let woken = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut work = pin!(work);
        loop {
            while woken.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(output) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return output;
                }
            }
            self.jump_to_the_next_sleeper();
        }
    }

    fn jump_to_the_next_sleeper(&self) {
        let mut time = self.time();
        let next = time.sleepers.pop_first();
        let ((until, _), waker) = next.expect("the work waits for something that this clock does not know");
        time.now = until.max(time.now);
        drop(time);
        waker.wake();
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for FakeClock {
    fn now(&self) -> Moment {
        Moment::ORIGIN + self.time().now
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.time().now.saturating_add(duration);
        Sleep { clock: self, until, place: None }.await;
    }
}

struct Sleep<'a> {
    clock: &'a FakeClock,
    until: Duration,
    place: Option<(Duration, u64)>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut time = self.clock.time();
        if let Some(place) = self.place {
            time.sleepers.remove(&place);
        }
        if time.now >= self.until {
            return Poll::Ready(());
        }
        time.arrivals += 1;
        let place = (self.until, time.arrivals);
        time.sleepers.insert(place, context.waker().clone());
        drop(time);
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.clock.time().sleepers.remove(&place);
        }
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::{join, select};

    fn seconds(clock: &FakeClock) -> u64 {
        clock.now().since(Moment::ORIGIN).as_secs()
    }

    #[test]
    fn time_jumps_to_the_next_end_of_a_wait() {
        let clock = FakeClock::new();
        let nap = async |length| {
            clock.sleep(Duration::from_secs(length)).await;
            seconds(&clock)
        };
        assert_eq!(clock.run(join(nap(3600), async { (nap(1).await, nap(2).await) })), (3600, (1, 3)));
    }

    #[test]
    fn a_dropped_sleep_does_not_carry_time_along() {
        let clock = FakeClock::new();
        clock.run(select(clock.sleep(Duration::from_secs(1)), clock.sleep(Duration::from_secs(60))));
        assert_eq!(seconds(&clock), 1);
        clock.run(clock.sleep(Duration::from_secs(1)));
        assert_eq!(seconds(&clock), 2);
    }

    #[test]
    #[should_panic(expected = "waits for something that this clock does not know")]
    fn waiting_for_anything_else_panics() {
        FakeClock::new().run(std::future::pending::<()>());
    }
}
