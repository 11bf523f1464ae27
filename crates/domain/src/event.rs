//! What the flow tells while it runs.
//!
//! Events are facts in the past tense. They carry no secret and no prose, cannot fail and cannot
//! steer. The address to open is not an event, and neither is the result: nothing that matters
//! hides in an observer.

use crate::platform::organization::{OrganizationId, Target};
use crate::service_error::{ServiceErrorKind, Step};
use std::fmt;
use std::time::Duration;

/// Takes the events of one flow. A front end with a channel passes `&|event| drop(tx.send(event))`;
/// one that does not care passes `&no_observer`.
pub type Observer<'a> = &'a (dyn Fn(Event) + Sync);

/// An [`Observer`] that looks away.
pub fn no_observer(_: Event) {}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The authorization code was exchanged for an access token.
    CodeExchanged,
    /// The platform opened a session.
    SignedIn,
    /// A look found no project to make a key in; the next one follows.
    WaitingForProject {
        /// What the look saw.
        observed: Observation,
        /// How long until the next look.
        retry_in: Duration,
    },
    /// The project list of an organization could not be read. Told once for each organization.
    OrganizationSkipped {
        /// Which one.
        id: OrganizationId,
        /// Why.
        reason: ServiceErrorKind,
    },
    /// A list has entries that cannot be used, or more of them than are read. Told once for each
    /// step.
    ListIncomplete {
        /// Which list.
        step: Step,
        /// How many entries had no usable id.
        skipped: usize,
        /// Whether its end was not reached.
        cut: bool,
    },
    /// A step failed and is tried again.
    Retrying {
        /// Which step.
        step: Step,
        /// What happened to it.
        reason: ServiceErrorKind,
        /// How long until then.
        after: Duration,
    },
    /// The creation is about to be sent. From here on a key may exist, until the creation returns or
    /// is [retried](Self::Retrying): that happens only when it certainly made none.
    CreationRequested,
    /// The project was found.
    TargetSelected(Target),
}

impl Event {
    /// A stable name, for logs and for machines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CodeExchanged => "code_exchanged",
            Self::SignedIn => "signed_in",
            Self::WaitingForProject { .. } => "waiting_for_project",
            Self::OrganizationSkipped { .. } => "organization_skipped",
            Self::ListIncomplete { .. } => "list_incomplete",
            Self::Retrying { .. } => "retrying",
            Self::CreationRequested => "creation_requested",
            Self::TargetSelected(_) => "target_selected",
        }
    }
}

/// What was last seen of a default project that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// The account has no organization.
    NoOrganization,
    /// Some organizations were looked into, and none holds a default project.
    NoDefaultProject {
        /// How many organizations' lists were read.
        organizations: usize,
        /// How many projects those lists have.
        projects: usize,
    },
    /// The project list of each organization was refused.
    ProjectsRefused {
        /// How many organizations there are.
        organizations: usize,
    },
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoOrganization => f.write_str("the account has no organization yet"),
            Self::NoDefaultProject { organizations, projects } => {
                let organizations = counted(organizations, "organization");
                write!(f, "{organizations} and {} were checked", counted(projects, "project"))
            }
            Self::ProjectsRefused { organizations } => {
                write!(f, "the server refused the project list of {}", counted(organizations, "organization"))
            }
        }
    }
}

fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
