//! Progress events of the flow.
//!
//! Events are facts in the past tense, without secrets or prose. An observer can neither fail nor change
//! the flow. The URL to open and the result are return values, not events.

use crate::platform::id::{OrganizationId, ServiceAccountId};
use crate::platform::target::Target;
use crate::policy::selector::Candidate;
use crate::service_error::{Reason, ServiceErrorKind, Step};
use std::fmt;
use std::time::Duration;

/// Receives the events of one flow. A front end with a channel passes `&|event| drop(tx.send(event))`.
pub type Observer<'a> = &'a (dyn Fn(Event) + Sync);

/// Ignores every event. It can be used as an [`Observer`].
pub fn no_observer(_: Event) {}

/// A fact about the flow's progress.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The authorization code was exchanged for an access token.
    CodeExchanged,
    /// The platform opened a session.
    SignedIn,
    /// A search found no project for the key. The next one follows.
    WaitingForProject {
        /// The findings of the search.
        observed: Observation,
        /// The time until the next search.
        retry_in: Duration,
    },
    /// The project list of an organization could not be read. Reported once for each organization.
    OrganizationSkipped {
        /// The organization.
        id: OrganizationId,
        /// The failure of its list.
        kind: ServiceErrorKind,
        /// The reason of the failure.
        reason: Reason,
    },
    /// A list has unusable entries, or was not read to its end. Reported once for each step.
    ListIncomplete {
        /// The step that reads the list.
        step: Step,
        /// The number of entries without a usable id.
        skipped: usize,
        /// Whether the list has more entries than were read.
        cut: bool,
    },
    /// A step failed and will be retried.
    Retrying {
        /// The step.
        step: Step,
        /// The failure.
        kind: ServiceErrorKind,
        /// The reason of the failure.
        reason: Reason,
        /// The time until the retry.
        after: Duration,
    },
    /// The creation request is about to be sent. From now on a key may exist, until the creation returns
    /// or is [retried](Self::Retrying), which happens only if the server certainly created none.
    CreationRequested,
    /// A service account was created, which has no key yet.
    ServiceAccountCreated {
        /// The id of the account.
        id: ServiceAccountId,
    },
    /// The target of the key was selected.
    TargetSelected(Target),
    /// A preferred organization or project was skipped because a policy disables API keys of users in it.
    ///
    /// It is reported before the selected target, only for the most preferred one, and only if the user did not name
    /// it.
    TargetSkipped(Candidate),
}

impl Event {
    /// Returns a stable name for logs and programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CodeExchanged => "code_exchanged",
            Self::SignedIn => "signed_in",
            Self::WaitingForProject { .. } => "waiting_for_project",
            Self::OrganizationSkipped { .. } => "organization_skipped",
            Self::ListIncomplete { .. } => "list_incomplete",
            Self::Retrying { .. } => "retrying",
            Self::CreationRequested => "creation_requested",
            Self::ServiceAccountCreated { .. } => "service_account_created",
            Self::TargetSelected(_) => "target_selected",
            Self::TargetSkipped(_) => "target_skipped",
        }
    }
}

/// The findings of a search that found no default project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// The account has no organization.
    NoOrganization,
    /// None of the organizations that were read has a default project.
    NoDefaultProject {
        /// The number of organizations whose lists were read.
        organizations: usize,
        /// The number of projects in those lists.
        projects: usize,
    },
    /// No organization has a default project, and the user's own organization was not set up on the platform's web
    /// site. The project may not appear before that.
    NotOnboarded {
        /// The number of organizations whose lists were read.
        organizations: usize,
        /// The number of projects in those lists.
        projects: usize,
    },
    /// The server refused the project list of each organization.
    ProjectsRefused {
        /// The number of organizations.
        organizations: usize,
    },
}

impl Observation {
    /// Returns the reason why there is no project yet, if it is known.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::NotOnboarded { .. } => Some(Reason::NotOnboarded),
            Self::ProjectsRefused { .. } => Some(Reason::Forbidden),
            Self::NoOrganization | Self::NoDefaultProject { .. } => None,
        }
    }
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoOrganization => f.write_str("the account has no organization yet"),
            Self::NoDefaultProject { organizations, projects } => {
                let organizations = counted(organizations, "organization");
                write!(f, "{organizations} and {} were checked", counted(projects, "project"))
            }
            Self::NotOnboarded { .. } => {
                f.write_str("the account is not set up on the platform's website yet")
            }
            Self::ProjectsRefused { organizations } => {
                write!(
                    f,
                    "the server refused to list the projects of {}",
                    counted(organizations, "organization")
                )
            }
        }
    }
}

fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
