//! Looking for the target: rounds of requests, until one finds it or the time is up.

use crate::error::{ProvisionError, ServiceError, ServiceErrorKind};
use crate::event::{Event, Observation, Observer};
use crate::flow::StepTime;
use crate::lists::{Lists, ProjectLists};
use crate::polling::PollStep;
use crate::provisioning::{Plan, Ports, Session};
use crate::selection::{OrganizationId, Target, by_preference, default_project};
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
    let mut search = Search { ports, lists: Lists::new(ports, plan, session, observer), known: Vec::new() };
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
    ports: Ports<'a>,
    lists: Lists<'a>,
    /// The organizations that the round before looked into, in the order of preference.
    known: Vec<OrganizationId>,
}

impl Search<'_> {
    /// One round: the organizations, then their projects, in the order of preference, until it is
    /// certain which one is meant.
    ///
    /// At first the preferred organization is asked alone, since it nearly always has the project.
    /// From then on all that are known are asked side by side, and together with the question
    /// which ones there are: a round that finds nothing new takes as long as one request.
    async fn look(&mut self, time: StepTime) -> Result<Target, Miss> {
        let mut projects = ProjectLists::new(&self.lists, time);
        projects.want(&self.known);
        let listing = projects.beside(self.lists.organizations(time)).await?;
        let organizations = by_preference(&listing.items);
        if organizations.is_empty() {
            return Err(Miss::Nothing(Observation::NoOrganization));
        }
        let ids = organizations.iter().map(|organization| organization.id.clone()).collect();
        let is_first = std::mem::replace(&mut self.known, ids).is_empty();

        let (mut readable, mut seen) = (0, 0);
        let mut failure = None;
        let (alone, together) = organizations.split_at(usize::from(is_first));
        'all: for group in [alone, together] {
            projects.want(group.iter().map(|organization| &organization.id));
            for organization in group {
                match projects.of(&organization.id).await {
                    Ok(listing) => {
                        if let Some(project) = default_project(&listing.items) {
                            return Ok(Target::new(organization, project));
                        }
                        readable += 1;
                        seen += listing.items.len();
                    }
                    // The session itself is refused: no other organization will answer.
                    Err(refusal) if matches!(refusal.kind, ServiceErrorKind::Refused { status: 401, .. }) => {
                        return Err(refusal.into());
                    }
                    // The time is up, which is not the organization's fault.
                    Err(error) if error.kind == ServiceErrorKind::TimedOut && self.is_over(time) => {
                        failure = Some(error);
                        break 'all;
                    }
                    Err(error) => {
                        self.lists.tell_skipped(&organization.id, &error);
                        if !is_refusal(&error.kind) {
                            failure = Some(error);
                        }
                    }
                }
            }
        }
        Err(match failure {
            _ if readable > 0 => {
                Miss::Nothing(Observation::NoDefaultProject { organizations: readable, projects: seen })
            }
            Some(failure) => failure.into(),
            None => Miss::Nothing(Observation::ProjectsRefused { organizations: organizations.len() }),
        })
    }

    fn is_over(&self, time: StepTime) -> bool {
        self.ports.clock.now() >= time.ends
    }
}

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
