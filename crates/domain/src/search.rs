//! Looking for the target: rounds of requests, until one finds it or the time is up.

use crate::error::{ProvisionError, ServiceError, ServiceErrorKind, Step};
use crate::event::{Event, Observation, Observer};
use crate::flow::{Flow, StepTime};
use crate::polling::PollStep;
use crate::ports::Listing;
use crate::provisioning::{Plan, Ports, Session};
use crate::selection::{Organization, OrganizationId, Project, Target, by_preference, default_project};
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesOrdered, StreamExt};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Looks for the default project until it is there, or the plan's time is up.
///
/// # Errors
///
/// [`NoDefaultProject`](ProvisionError::NoDefaultProject) where the last look got any answer about
/// projects; [`Service`](ProvisionError::Service) where it got none, or where looking again would
/// not help.
pub async fn find_target(
    ports: Ports<'_>,
    plan: &Plan,
    session: &Session,
    observer: Observer<'_>,
) -> Result<Target, ProvisionError> {
    let flow = Flow { ports, plan, observer, jitter: &session.jitter };
    let search = Search { flow, session, told: Mutex::default() };
    let mut schedule = plan.polling.start(ports.clock.now());
    loop {
        let round = schedule.begin_round(ports.clock.now());
        let miss = match search.look(round.into()).await {
            Ok(target) => {
                observer(Event::TargetSelected(target.clone()));
                return Ok(target);
            }
            Err(miss) => miss,
        };
        let now = ports.clock.now();
        match schedule.after_round(now) {
            PollStep::Sleep(retry_in) if miss.is_worth_another_look(round.ends.since(now)) => {
                let retry_in = retry_in.max(miss.asked_wait());
                if !retry_in.is_zero() {
                    observer(miss.event(retry_in));
                    ports.clock.sleep(retry_in).await;
                }
            }
            _ => return Err(miss.into_error(schedule.elapsed(now))),
        }
    }
}

/// What the rounds of one search share.
struct Search<'a> {
    flow: Flow<'a>,
    session: &'a Session,
    /// What the observer was told already.
    told: Mutex<HashSet<Told>>,
}

#[derive(PartialEq, Eq, Hash)]
enum Told {
    Skipped(OrganizationId),
    Incomplete(Step),
}

impl Search<'_> {
    /// One round: the organizations, then their projects, in the order of preference, until one
    /// has a default project. The preferred organization is asked alone, since it nearly always
    /// has it; the others side by side.
    async fn look(&self, time: StepTime) -> Result<Target, Miss> {
        let platform = self.flow.ports.platform;
        let listing = self
            .flow
            .until(time, Step::ListOrganizations, || platform.organizations(&self.session.key))
            .await?;
        self.tell_incomplete(Step::ListOrganizations, &listing);
        let mut ranked = by_preference(&listing.items).into_iter();
        let mut questions = FuturesOrdered::new();
        questions.extend(ranked.next().map(|preferred| self.projects(preferred, time)));
        if questions.is_empty() {
            return Err(Miss::Nothing(Observation::NoOrganization));
        }

        let (mut organizations, mut projects) = (0, 0);
        let mut failure = None;
        while let Some((organization, answer)) = questions.next().await {
            match answer {
                Ok(listing) => {
                    self.tell_incomplete(Step::ListProjects, &listing);
                    if let Some(project) = default_project(&listing.items) {
                        return Ok(Target::new(organization, project));
                    }
                    organizations += 1;
                    projects += listing.items.len();
                }
                // The session itself is refused: no other organization will answer.
                Err(refusal) if matches!(refusal.kind, ServiceErrorKind::Refused { status: 401, .. }) => {
                    return Err(refusal.into());
                }
                // The time is up, which is not the organization's fault.
                Err(error) if error.kind == ServiceErrorKind::TimedOut && self.is_over(time) => {
                    failure = Some(error);
                    break;
                }
                Err(error) => {
                    self.tell_skipped(organization, &error);
                    if !is_refusal(&error.kind) {
                        failure = Some(error);
                    }
                }
            }
            let room = self.flow.plan.width.get().saturating_sub(questions.len());
            questions
                .extend(ranked.by_ref().take(room).map(|organization| self.projects(organization, time)));
        }
        Err(match failure {
            _ if organizations > 0 => {
                Miss::Nothing(Observation::NoDefaultProject { organizations, projects })
            }
            Some(failure) => failure.into(),
            None => Miss::Nothing(Observation::ProjectsRefused { organizations: listing.items.len() }),
        })
    }

    /// Boxed, since a collection of nameless futures is not seen to be `Send`.
    fn projects<'s>(&'s self, organization: &'s Organization, time: StepTime) -> BoxFuture<'s, Answer<'s>> {
        let ask = || self.flow.ports.platform.projects(&self.session.key, &organization.id);
        async move { (organization, self.flow.until(time, Step::ListProjects, ask).await) }.boxed()
    }

    fn is_over(&self, time: StepTime) -> bool {
        self.flow.ports.clock.now() >= time.ends
    }

    fn tell_skipped(&self, organization: &Organization, error: &ServiceError) {
        let id = organization.id.clone();
        if self.is_news(Told::Skipped(id.clone())) {
            (self.flow.observer)(Event::OrganizationSkipped { id, reason: error.kind });
        }
    }

    fn tell_incomplete<T>(&self, step: Step, listing: &Listing<T>) {
        let (skipped, cut) = (listing.skipped, !listing.complete);
        if (skipped > 0 || cut) && self.is_news(Told::Incomplete(step)) {
            (self.flow.observer)(Event::ListIncomplete { step, skipped, cut });
        }
    }

    fn is_news(&self, news: Told) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(news)
    }
}

/// An organization, and what became of the question for its projects.
type Answer<'a> = (&'a Organization, Result<Listing<Project>, ServiceError>);

/// A refusal that concerns the organization alone. A redirect is none: whoever answers so is not
/// the platform, or not where it was.
fn is_refusal(kind: &ServiceErrorKind) -> bool {
    matches!(kind, ServiceErrorKind::Refused { status: 400..=499, .. }) && !kind.is_transient()
}

/// Why one round of requests found no target.
enum Miss {
    Nothing(Observation),
    Failed(ServiceError),
}

impl From<ServiceError> for Miss {
    fn from(failure: ServiceError) -> Self {
        Self::Failed(failure)
    }
}

impl Miss {
    fn is_worth_another_look(&self, remaining: Duration) -> bool {
        match self {
            Self::Nothing(_) => true,
            Self::Failed(failure) => failure.kind.is_transient() && self.asked_wait() <= remaining,
        }
    }

    /// How long the server asks to wait.
    fn asked_wait(&self) -> Duration {
        match self {
            Self::Nothing(_) => Duration::ZERO,
            Self::Failed(failure) => failure.kind.retry_after().unwrap_or_default(),
        }
    }

    fn event(self, retry_in: Duration) -> Event {
        match self {
            Self::Nothing(observed) => Event::WaitingForProject { observed, retry_in },
            Self::Failed(failure) => {
                Event::Retrying { step: failure.step, reason: failure.kind, after: retry_in }
            }
        }
    }

    fn into_error(self, waited: Duration) -> ProvisionError {
        match self {
            Self::Nothing(last) => ProvisionError::NoDefaultProject { waited, last },
            Self::Failed(failure) => failure.into(),
        }
    }
}
