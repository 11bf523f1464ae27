//! Requests with their retries and deadlines.

use crate::clock::{Clock, Moment};
use crate::event::{Event, Observer};
use crate::policy::polling::PollRound;
use crate::policy::retry;
use crate::provisioning::jitter::Jitter;
use crate::provisioning::plan::Timeouts;
use crate::service_error::{ServiceError, Step};
use std::future::Future;
use std::time::Duration;

/// Sends the requests of a flow's steps.
#[derive(Clone, Copy)]
pub(crate) struct RequestRunner<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) observer: Observer<'a>,
    pub(crate) timeouts: Timeouts,
    pub(crate) jitter: &'a Jitter,
}

impl RequestRunner<'_> {
    /// Runs a step within its limit, at most until `deadline`. The first call always has its full
    /// time.
    pub(crate) async fn step<T, F>(
        &self,
        step: Step,
        deadline: Moment,
        call: impl FnMut() -> F,
    ) -> Result<T, ServiceError>
    where
        F: Future<Output = Result<T, ServiceError>>,
    {
        let (now, limits) = (self.clock.now(), self.timeouts);
        let ends = (now + limits.step).min(deadline).max(now + limits.call);
        let deadline = Deadline { ends, call: Some(limits.call), may_retry: true };
        self.retry(deadline, step, call).await
    }

    /// Sends a request until it succeeds, must not be retried, or the time is up.
    pub(crate) async fn retry<T, F>(
        &self,
        deadline: Deadline,
        step: Step,
        mut call: impl FnMut() -> F,
    ) -> Result<T, ServiceError>
    where
        F: Future<Output = Result<T, ServiceError>>,
    {
        let clock = self.clock;
        let mut attempt = 0;
        loop {
            let failure = match self.send_once(deadline, step, call()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            attempt += 1;
            let remaining =
                deadline.ends.since(clock.now()).saturating_sub(deadline.call.unwrap_or_default());
            let wait = retry::after(step, &failure.kind, attempt, remaining, &mut *self.jitter.lock());
            match wait {
                Some(after) if deadline.may_retry => {
                    let (kind, reason) = (failure.kind, failure.reason());
                    (self.observer)(Event::Retrying { step, kind, reason, after });
                    clock.sleep(after).await;
                }
                _ => return Err(failure),
            }
        }
    }

    /// Sends a request once, unless the time is already up.
    async fn send_once<T>(
        &self,
        deadline: Deadline,
        step: Step,
        call: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<T, ServiceError> {
        let clock = self.clock;
        let remaining = deadline.ends.since(clock.now());
        let limit = deadline.call.map_or(remaining, |call| call.min(remaining));
        if limit.is_zero() {
            return Err(ServiceError::out_of_time(step, limit));
        }
        if step.creates_key() {
            (self.observer)(Event::CreationRequested);
        }
        clock.timeout(limit, call).await.unwrap_or_else(|_| Err(ServiceError::out_of_time(step, limit)))
    }
}

/// The deadline of a step's request, and whether it may be retried until then.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    pub(crate) ends: Moment,
    /// The limit of one call, if it is not all the remaining time. A call is retried only if this much
    /// time is left.
    pub(crate) call: Option<Duration>,
    pub(crate) may_retry: bool,
}

impl From<PollRound> for Deadline {
    fn from(round: PollRound) -> Self {
        Self { ends: round.ends, call: None, may_retry: !round.is_last }
    }
}
