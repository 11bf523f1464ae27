//! The findings of a round of requests, and their consequences. Nothing here sends a request.

use crate::event::{Event, Observation};
use crate::platform::listing::Listing;
use crate::platform::organization::{Organization, Project};
use crate::platform::target::Target;
use crate::policy::preference::default_project;
use crate::policy::selector::{Candidate, RequestedTarget, TargetError, TargetSelector, resolve};
use crate::provisioning::error::ProvisionError;
use crate::provisioning::lists::is_refusal;
use crate::service_error::ServiceError;
use std::time::Duration;

/// The findings of one round so far, in the order of preference.
#[derive(Default)]
pub(super) struct Findings<'a> {
    /// The id or title of the requested project.
    requested: Option<&'a str>,
    /// The id or title of the requested organization.
    organization: Option<&'a str>,
    /// The default project that is preferred, if none is requested, although it certainly refuses keys.
    refusing: Option<Candidate>,
    /// Whether the user's own organization still has to be set up.
    needs_onboarding: bool,
    /// Every project that was seen, if a project or an organization is requested.
    candidates: Vec<Candidate>,
    /// The number of organizations whose lists were read.
    read: usize,
    /// The number of those without a project.
    empty: usize,
    /// The number of their projects.
    projects: usize,
    /// The number of organizations whose lists were refused.
    refused: usize,
    /// The number of lists that were not read, or not to their end.
    unread: usize,
    /// The failure of the last list that failed.
    failure: Option<ServiceError>,
    /// Whether the time was up before every list was read.
    cut: bool,
}

impl<'a> Findings<'a> {
    /// Starts without findings. `complete` says whether the list of organizations was read to its end.
    pub(super) fn new(selector: &'a TargetSelector, complete: bool) -> Self {
        let requested = selector.project.as_deref();
        let organization = selector.organization.as_deref();
        Self { requested, organization, unread: usize::from(!complete), ..Self::default() }
    }

    /// Adds the projects of one more organization. Returns the target if no other list can change it.
    pub(super) fn read(&mut self, organization: &Organization, listing: &Listing<Project>) -> Option<Target> {
        self.read += 1;
        self.empty += usize::from(listing.complete && listing.items.is_empty());
        self.projects += listing.items.len();
        self.unread += usize::from(!listing.complete);
        self.needs_onboarding |= organization.needs_onboarding();
        if self.requested.is_some() || self.organization.is_some() {
            let projects = listing.items.iter().map(|project| Candidate::of_project(organization, project));
            self.candidates.extend(projects);
        }
        match self.requested {
            None => {
                let candidate = Candidate::of_project(organization, default_project(&listing.items)?);
                let target = candidate.target()?;
                if target.keys_disabled_by.is_none() {
                    return Some(target);
                }
                let refusing = self.refusing.get_or_insert(candidate);
                // The remaining organizations refuse keys as well, since they rank behind this one.
                if organization.refuses_keys() { refusing.target() } else { None }
            }
            Some(name) => {
                // Another list may have the same title, but not the same id.
                let named = listing.items.iter().find(|project| project.id.as_str() == name)?;
                Some(Target::new(organization, named))
            }
        }
    }

    /// Returns the project that was skipped for a target that does not certainly refuse keys.
    pub(super) fn skipped(&self) -> Option<&Candidate> {
        self.refusing.as_ref()
    }

    /// Adds an organization whose list was refused, or failed.
    pub(super) fn skip(&mut self, failure: ServiceError) {
        self.unread += 1;
        if is_refusal(&failure) {
            self.refused += 1;
        } else {
            self.failure = Some(failure);
        }
    }

    /// Notes that the time was up before the next list was read.
    pub(super) fn run_out_of_time(&mut self, failure: ServiceError) {
        self.cut = true;
        self.failure = Some(failure);
    }

    /// Returns the conclusion from all lists together.
    pub(super) fn finish(self) -> Result<Target, NoTarget> {
        if let Some(target) = self.refusing.as_ref().and_then(Candidate::target) {
            return Ok(target);
        }
        if self.read == 0 || (self.cut && self.requested.is_some()) {
            // Any of the unread lists may have the requested project, or another one of its title.
            return Err(match self.failure {
                Some(failure) => NoTarget::Failed(failure),
                None => NoTarget::NotYet(Observation::ProjectsRefused { organizations: self.refused }, None),
            });
        }
        let (organizations, projects) = (self.read, self.projects);
        let observed = if self.needs_onboarding {
            Observation::NotOnboarded { organizations, projects }
        } else {
            Observation::NoDefaultProject { organizations, projects }
        };
        let Some(name) = self.requested else {
            return self.without_default_project(observed);
        };
        let matching = resolve(name, &self.candidates);
        if let [only] = matching[..]
            && let Some(target) = only.target()
        {
            return Ok(target);
        }
        let requested = RequestedTarget::Project(name.to_owned());
        if !matching.is_empty() {
            let choices = matching.into_iter().cloned().collect();
            return Err(NoTarget::Final(TargetError::Ambiguous { requested, choices }));
        }
        if self.candidates.is_empty() {
            return Err(NoTarget::NotYet(observed, None));
        }
        let failed_for_now = self.failure.is_some_and(|failure| failure.kind.is_transient());
        let may_come = self.empty > 0 || failed_for_now;
        let unmet = TargetError::NoSuchTarget { requested, choices: self.candidates, unread: self.unread };
        Err(if may_come { NoTarget::NotYet(observed, Some(unmet)) } else { NoTarget::Final(unmet) })
    }

    /// Returns the conclusion without a default project. The search waits for one, unless the user named an
    /// organization that has other projects.
    fn without_default_project(self, observed: Observation) -> Result<Target, NoTarget> {
        let Some(name) = self.organization.filter(|_| self.unread == 0 && !self.needs_onboarding) else {
            return Err(NoTarget::NotYet(observed, None));
        };
        match &self.candidates[..] {
            [] => Err(NoTarget::NotYet(observed, None)),
            [only] => only.target().ok_or(NoTarget::NotYet(observed, None)),
            _ => {
                let requested = RequestedTarget::Organization(name.to_owned());
                Err(NoTarget::Final(TargetError::NoDefaultProject { requested, choices: self.candidates }))
            }
        }
    }
}

/// The reason why one round of requests found no target.
pub(super) enum NoTarget {
    /// The target does not exist yet. If the search ends here, it fails with this error, or else with the lack of a
    /// default project.
    NotYet(Observation, Option<TargetError>),
    /// A list that the search depends on failed.
    Failed(ServiceError),
    /// The requested target does not exist, and another search cannot help.
    Final(TargetError),
}

impl From<ServiceError> for NoTarget {
    fn from(failure: ServiceError) -> Self {
        Self::Failed(failure)
    }
}

impl NoTarget {
    pub(super) fn is_worth_another_look(&self, remaining: Duration) -> bool {
        match self {
            Self::NotYet(..) => true,
            Self::Failed(failure) => failure.kind.is_transient() && self.asked_wait() <= remaining,
            Self::Final(_) => false,
        }
    }

    /// Returns the wait that the server requests.
    pub(super) fn asked_wait(&self) -> Duration {
        match self {
            Self::Failed(failure) => failure.kind.retry_after().unwrap_or_default(),
            Self::NotYet(..) | Self::Final(_) => Duration::ZERO,
        }
    }

    /// Returns the event to report before another search.
    pub(super) fn event(&self, retry_in: Duration) -> Option<Event> {
        match self {
            Self::NotYet(observed, _) => Some(Event::WaitingForProject { observed: *observed, retry_in }),
            Self::Failed(failure) => {
                let (step, kind, reason) = (failure.step, failure.kind, failure.reason());
                Some(Event::Retrying { step, kind, reason, after: retry_in })
            }
            Self::Final(_) => None,
        }
    }

    pub(super) fn into_error(self, waited: Duration) -> ProvisionError {
        match self {
            Self::NotYet(last, None) => ProvisionError::NoDefaultProject { waited, last },
            Self::NotYet(_, Some(error)) | Self::Final(error) => error.into(),
            Self::Failed(failure) => failure.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service_error::{ServiceErrorKind, Step};

    #[test]
    fn a_refusal_of_the_country_or_by_an_unidentified_server_does_not_concern_one_organization() {
        let kind = ServiceErrorKind::Refused { status: 403, retry_after: None };
        let refusal = ServiceError::new(Step::ListProjects, kind, "no");
        let country = refusal.clone().with_code("unsupported_country_region_territory");
        let unidentified =
            ServiceError { kind: ServiceErrorKind::Unidentified { status: 403 }, ..refusal.clone() };
        for (failure, is_failure) in [(refusal, false), (country, true), (unidentified, true)] {
            let selector = TargetSelector::default();
            let mut findings = Findings::new(&selector, true);
            findings.skip(failure);
            assert_eq!(matches!(findings.finish(), Err(NoTarget::Failed(_))), is_failure);
        }
    }
}
