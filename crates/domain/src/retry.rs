//! Which failure of which step may be tried again, and when.

use crate::error::{ServiceErrorKind, Step, Unreached};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use std::time::Duration;

/// First wait, before it is shortened at random.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Longest wait, unless the server asks for a longer one.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// Exponential waits, each shortened at random so that many clients do not come back together.
///
/// The rule is a function of values, the seed among them, so that a test knows every wait.
#[derive(Debug, Clone, Copy, Default)]
pub struct RetryPolicy {
    seed: u64,
}

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Try again after this long.
    After(Duration),
    /// It is final.
    Stop,
}

impl RetryPolicy {
    /// The policy of one sign-in. A front end gives each its own seed; it need not be secret.
    pub fn with_seed(seed: u64) -> Self {
        Self { seed }
    }

    /// What to do when `attempt` tries of `step` have failed, the last one like this, and
    /// `remaining` is left of the step's time.
    pub fn next(&self, step: Step, failure: &ServiceErrorKind, attempt: u32, remaining: Duration) -> Retry {
        if attempt > most_retries(step, failure) {
            return Retry::Stop;
        }
        let wait = self.wait(failure, attempt);
        if wait < remaining { Retry::After(wait) } else { Retry::Stop }
    }

    /// A server's `Retry-After` only ever raises the wait.
    fn wait(&self, failure: &ServiceErrorKind, attempt: u32) -> Duration {
        let mut random = SmallRng::seed_from_u64(self.seed.wrapping_add(u64::from(attempt)));
        let longest = FIRST_WAIT.saturating_mul(1 << attempt.saturating_sub(1).min(10)).min(LONGEST_WAIT);
        match failure.retry_after() {
            Some(asked) => asked.saturating_add(random.random_range(Duration::ZERO..=FIRST_WAIT)),
            None => random.random_range(Duration::ZERO..=longest),
        }
    }
}

/// How many times a step may be sent again after such a failure.
///
/// The exchange spends the code, and each creation is a new key: they are sent again only when
/// nothing was sent, or when the server has answered in full that it did nothing (429). The login
/// can be repeated, within reason. The lists only read.
fn most_retries(step: Step, failure: &ServiceErrorKind) -> u32 {
    use ServiceErrorKind::{Interrupted, NotSent, OutOfContract, Refused, TimedOut};
    match (step, failure) {
        // Waiting mends no certificate.
        (_, NotSent(Unreached::Tls)) => 0,
        (Step::ExchangeCode | Step::CreateKey, NotSent(_) | Refused { status: 429, .. }) => 2,
        (Step::ExchangeCode | Step::CreateKey, _) => 0,
        (Step::Login, NotSent(_) | Refused { status: 429, .. }) => 3,
        (Step::Login, Refused { status: 408 | 425 | 500..=599, .. }) => 2,
        (Step::Login, TimedOut | Interrupted) => 1,
        (Step::ListOrganizations | Step::ListProjects, OutOfContract) => 2,
        (Step::ListOrganizations, failure) if failure.is_transient() => u32::MAX,
        // The other organizations wait for this one's answer.
        (Step::ListProjects, failure) if failure.is_transient() => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ServiceErrorKind::{Interrupted, NotSent, OutOfContract, TimedOut};

    fn refused(status: u16) -> ServiceErrorKind {
        ServiceErrorKind::Refused { status, retry_after: None }
    }

    #[test]
    fn the_table_of_retries() {
        use Step::{CreateKey, ExchangeCode, ListOrganizations, ListProjects, Login};
        const EVER: u32 = u32::MAX;
        let steps = [ExchangeCode, Login, ListOrganizations, ListProjects, CreateKey];
        for (failure, expected) in [
            (NotSent(Unreached::Dns), [2, 3, EVER, 3, 2]),
            (NotSent(Unreached::Connect), [2, 3, EVER, 3, 2]),
            (NotSent(Unreached::TimedOut), [2, 3, EVER, 3, 2]),
            (NotSent(Unreached::Proxy), [2, 3, EVER, 3, 2]),
            (NotSent(Unreached::Tls), [0, 0, 0, 0, 0]),
            (refused(429), [2, 3, EVER, 3, 2]),
            (refused(408), [0, 2, EVER, 3, 0]),
            (refused(425), [0, 2, EVER, 3, 0]),
            (refused(500), [0, 2, EVER, 3, 0]),
            (refused(503), [0, 2, EVER, 3, 0]),
            (refused(599), [0, 2, EVER, 3, 0]),
            (refused(302), [0, 0, 0, 0, 0]),
            (refused(400), [0, 0, 0, 0, 0]),
            (refused(401), [0, 0, 0, 0, 0]),
            (refused(404), [0, 0, 0, 0, 0]),
            (TimedOut, [0, 1, EVER, 3, 0]),
            (Interrupted, [0, 1, EVER, 3, 0]),
            (OutOfContract, [0, 0, 2, 2, 0]),
        ] {
            assert_eq!(steps.map(|step| most_retries(step, &failure)), expected, "{failure:?}");
        }
    }

    #[test]
    fn a_wait_grows_to_8_s_and_is_shortened_at_random() {
        for (attempt, longest) in
            [(1, 500), (2, 1_000), (3, 2_000), (4, 4_000), (5, 8_000), (6, 8_000), (u32::MAX - 1, 8_000)]
        {
            let waits: Vec<_> =
                (0..200).map(|seed| RetryPolicy::with_seed(seed).wait(&TimedOut, attempt)).collect();
            let longest = Duration::from_millis(longest);
            assert!(waits.iter().all(|wait| *wait <= longest), "attempt {attempt}");
            assert!(waits.iter().any(|wait| *wait > longest.mul_f64(0.9)), "attempt {attempt}");
            assert!(waits.iter().any(|wait| *wait < longest.mul_f64(0.1)), "attempt {attempt}");
        }
    }

    #[test]
    fn retry_after_only_raises_the_wait_and_ends_the_step_where_it_cannot_be_waited_for() {
        let asked = Duration::from_secs(2);
        let failure = ServiceErrorKind::Refused { status: 429, retry_after: Some(asked) };
        let next =
            |remaining| RetryPolicy::default().next(Step::Login, &failure, 1, Duration::from_secs(remaining));
        assert!(matches!(next(60), Retry::After(wait) if wait >= asked && wait <= asked + FIRST_WAIT));
        assert_eq!(next(2), Retry::Stop);
    }

    #[test]
    fn the_number_of_tries_is_kept() {
        let minute = Duration::from_secs(60);
        let next = |attempt| RetryPolicy::default().next(Step::CreateKey, &refused(429), attempt, minute);
        assert!(matches!((next(1), next(2), next(3)), (Retry::After(_), Retry::After(_), Retry::Stop)));
    }
}
