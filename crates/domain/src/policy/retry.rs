//! The decision whether and when a failed request is retried.

use crate::service_error::{ConnectFailure, ServiceErrorKind, Step};
use rand::RngExt;
use std::time::Duration;

/// The first wait, before it is shortened at random.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The longest wait, unless the server requests a longer one.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// Returns the wait before the next attempt at `step`. `None` if the failure is final.
///
/// `attempt` counts the attempts so far, `failure` is the result of the last one, and `remaining` is the time that
/// the step has left. `random` selects the wait within its range.
pub(crate) fn after(
    step: Step,
    failure: &ServiceErrorKind,
    attempt: u32,
    remaining: Duration,
    random: &mut impl RngExt,
) -> Option<Duration> {
    let may_retry = attempt <= most_retries(step, failure);
    may_retry.then(|| wait(failure, attempt, random)).filter(|wait| *wait < remaining)
}

/// Returns an exponential wait, shortened at random so that many clients do not retry at the same time. A server's
/// `Retry-After` can only lengthen it.
fn wait(failure: &ServiceErrorKind, attempt: u32, random: &mut impl RngExt) -> Duration {
    let longest = FIRST_WAIT.saturating_mul(1 << attempt.saturating_sub(1).min(10)).min(LONGEST_WAIT);
    let wait = random.random_range(Duration::ZERO..=longest);
    failure.retry_after().map_or(wait, |asked| wait.max(asked.saturating_add(wait.min(FIRST_WAIT))))
}

/// Returns the maximum number of retries of a step after such a failure.
///
/// An authorization code is valid for one exchange, and each creation makes another key. These requests are retried
/// only if nothing was sent, or if the server's complete answer says that it did nothing (429). The login may be
/// retried a few times. The requests for lists only read. Of an administrator's requests, only those that create are
/// not retried.
fn most_retries(step: Step, failure: &ServiceErrorKind) -> u32 {
    use ServiceErrorKind::{Interrupted, NotSent, OutOfContract, Refused, TimedOut};
    match (step, failure) {
        // Waiting does not make a certificate valid.
        (_, NotSent(ConnectFailure::Tls)) => 0,
        (
            Step::ExchangeCode | Step::CreateKey | Step::CreateServiceAccount | Step::CreateAccountKey,
            NotSent(_) | Refused { status: 429, .. },
        ) => 2,
        (Step::Login, NotSent(_) | Refused { status: 429, .. }) => 3,
        (Step::Login, Refused { status: 408 | 425 | 500..=599, .. }) => 2,
        (Step::Login, TimedOut | Interrupted) => 1,
        (Step::ListOrganizations | Step::ListProjects, OutOfContract) => 2,
        (Step::ListOrganizations, failure) if failure.is_transient() => u32::MAX,
        // The other organizations wait for this one's answer.
        (Step::ListProjects, failure) if failure.is_transient() => 3,
        // These requests can be repeated: they only read, or a second execution has no further effect.
        (
            Step::ListAllProjects
            | Step::ListKeys
            | Step::GetKey
            | Step::UpdateKey
            | Step::DeleteKey
            | Step::UpdateServiceAccount
            | Step::DeleteServiceAccount,
            failure,
        ) if failure.is_transient() => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service_error::Intermediary;
    use ServiceErrorKind::{Interrupted, NotSent, OutOfContract, TimedOut};
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    fn refused(status: u16) -> ServiceErrorKind {
        ServiceErrorKind::Refused { status, retry_after: None }
    }

    fn intercepted(by: Intermediary, status: u16) -> ServiceErrorKind {
        ServiceErrorKind::Intercepted { by, status }
    }

    #[test]
    fn the_table_of_retries() {
        use Step::{CreateKey, ExchangeCode, ListOrganizations, ListProjects, Login};
        const EVER: u32 = u32::MAX;
        let steps = [ExchangeCode, Login, ListOrganizations, ListProjects, CreateKey];
        for (failure, expected) in [
            (NotSent(ConnectFailure::Dns), [2, 3, EVER, 3, 2]),
            (NotSent(ConnectFailure::Connect), [2, 3, EVER, 3, 2]),
            (NotSent(ConnectFailure::TimedOut), [2, 3, EVER, 3, 2]),
            (NotSent(ConnectFailure::Proxy), [2, 3, EVER, 3, 2]),
            (NotSent(ConnectFailure::Tls), [0, 0, 0, 0, 0]),
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
            (ServiceErrorKind::Unidentified { status: 403 }, [0, 0, 0, 0, 0]),
            (intercepted(Intermediary::Challenge, 503), [0, 0, 0, 0, 0]),
            (intercepted(Intermediary::Proxy, 407), [0, 0, 0, 0, 0]),
            (intercepted(Intermediary::Redirect, 302), [0, 0, 0, 0, 0]),
            (intercepted(Intermediary::WebPage, 200), [0, 0, 0, 0, 0]),
        ] {
            assert_eq!(steps.map(|step| most_retries(step, &failure)), expected, "{failure:?}");
        }
    }

    #[test]
    fn an_administrator_repeats_blindly_only_what_creates_nothing() {
        use Step::{
            CreateAccountKey, CreateServiceAccount, DeleteKey, DeleteServiceAccount, GetKey, ListAllProjects,
            ListKeys, UpdateKey, UpdateServiceAccount,
        };
        let repeatable = [
            ListAllProjects,
            ListKeys,
            GetKey,
            UpdateKey,
            DeleteKey,
            UpdateServiceAccount,
            DeleteServiceAccount,
        ];
        for (failure, retries, of_creations) in [
            (NotSent(ConnectFailure::Connect), 3, 2),
            (NotSent(ConnectFailure::Tls), 0, 0),
            (refused(429), 3, 2),
            (refused(503), 3, 0),
            (TimedOut, 3, 0),
            (Interrupted, 3, 0),
            (OutOfContract, 0, 0),
            (refused(401), 0, 0),
            (refused(404), 0, 0),
        ] {
            for step in repeatable {
                assert_eq!(most_retries(step, &failure), retries, "{step}: {failure:?}");
            }
            for step in [CreateServiceAccount, CreateAccountKey] {
                assert_eq!(most_retries(step, &failure), of_creations, "{step}: {failure:?}");
            }
        }
    }

    fn waits(failure: &ServiceErrorKind, attempt: u32) -> Vec<Duration> {
        let mut random = SmallRng::seed_from_u64(1);
        (0..200).map(|_| wait(failure, attempt, &mut random)).collect()
    }

    fn too_many(asked: Duration) -> ServiceErrorKind {
        ServiceErrorKind::Refused { status: 429, retry_after: Some(asked) }
    }

    #[test]
    fn a_wait_grows_to_8_s_and_is_shortened_at_random() {
        for (attempt, longest) in
            [(1, 500), (2, 1_000), (3, 2_000), (4, 4_000), (5, 8_000), (6, 8_000), (u32::MAX, 8_000)]
        {
            let waits = waits(&TimedOut, attempt);
            let longest = Duration::from_millis(longest);
            assert!(waits.iter().all(|wait| *wait <= longest), "attempt {attempt}");
            assert!(waits.iter().any(|wait| *wait > longest.mul_f64(0.9)), "attempt {attempt}");
            assert!(waits.iter().any(|wait| *wait < longest.mul_f64(0.1)), "attempt {attempt}");
        }
    }

    #[test]
    fn retry_after_only_raises_the_wait() {
        let seven = Duration::from_secs(7);
        for attempt in 1..8 {
            let asked = waits(&too_many(seven), attempt);
            assert!(asked.iter().all(|wait| (seven..=LONGEST_WAIT).contains(wait)), "attempt {attempt}");
            let own = waits(&refused(429), attempt);
            let raised = waits(&too_many(Duration::ZERO), attempt);
            assert!(own.iter().zip(&raised).all(|(own, raised)| raised >= own), "attempt {attempt}");
        }
        assert!(waits(&too_many(Duration::MAX), 1).iter().all(|wait| *wait == Duration::MAX));
    }

    #[test]
    fn a_wait_that_is_too_long_and_the_last_attempt_are_final() {
        let next = |failure, attempt, remaining| {
            let mut random = SmallRng::seed_from_u64(1);
            after(Step::CreateKey, &failure, attempt, remaining, &mut random)
        };
        let minute = |attempt| next(refused(429), attempt, Duration::from_secs(60));
        assert!(matches!((minute(1), minute(2), minute(3)), (Some(_), Some(_), None)));
        // A wait as long as the remaining time would leave no time for the request.
        for asked in [Duration::from_secs(2), Duration::MAX] {
            assert_eq!(next(too_many(asked), 1, asked), None);
        }
    }
}
