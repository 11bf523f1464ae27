//! The end of the answer to a creation request.

use crate::clock::Clock;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;

/// The end of the answer that contains a created key. It may arrive after the complete description of the key.
///
/// The key is valid without it. A connection that hangs, breaks or is reset after the description therefore neither
/// loses nor delays the key. The default value is an end that has been read. Dropping this value closes the
/// connection if the end has not been read.
#[derive(Default)]
pub struct AnswerEnd(Option<Reading>);

/// The mutex is never locked: it lets threads share a created key.
type Reading = Mutex<Pin<Box<dyn Future<Output = bool> + Send>>>;

impl AnswerEnd {
    /// The time limit of [`arrives`](Self::arrives).
    pub const TIME_LIMIT: Duration = Duration::from_secs(1);

    /// Creates an end that has not been read. `reading` waits for it, and returns whether the answer ended as it
    /// should.
    pub fn after(reading: impl Future<Output = bool> + Send + 'static) -> Self {
        Self(Some(Mutex::new(Box::pin(reading))))
    }

    /// Waits at most [`TIME_LIMIT`](Self::TIME_LIMIT) for the end. Returns whether it arrived.
    pub async fn arrives(self, clock: &dyn Clock) -> bool {
        match self.0.and_then(|reading| reading.into_inner().ok()) {
            Some(reading) => clock.timeout(Self::TIME_LIMIT, reading).await.unwrap_or(false),
            None => true,
        }
    }
}

impl fmt::Debug for AnswerEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerEnd").field("is_read", &self.0.is_none()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use async_trait::async_trait;
    use futures_util::FutureExt;
    use futures_util::future;

    /// A clock on which every time limit passes at once, if it is the expected one.
    struct Only(Duration);

    #[async_trait]
    impl Clock for Only {
        fn now(&self) -> Moment {
            Moment::ORIGIN
        }

        async fn sleep(&self, duration: Duration) {
            assert_eq!(duration, self.0);
        }
    }

    #[test]
    fn the_end_of_an_answer_is_waited_for_one_second() {
        let clock = Only(Duration::from_secs(1));
        for (end, arrives) in [
            (AnswerEnd::default(), true),
            (AnswerEnd::after(future::ready(true)), true),
            (AnswerEnd::after(future::ready(false)), false),
            (AnswerEnd::after(future::pending()), false),
        ] {
            assert_eq!(end.arrives(&clock).now_or_never(), Some(arrives));
        }
    }
}
