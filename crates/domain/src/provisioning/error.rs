//! Errors of the flow. Each variant exists because some caller handles it differently.

use crate::event::Observation;
use crate::oauth::authorization::AuthorizationError;
use crate::platform::target::Target;
use crate::policy::selector::TargetError;
use crate::ports::SourceError;
use crate::service_error::{Reason, ServiceError};
use crate::text::human_duration;
use std::time::Duration;

/// The reason why a flow ended without a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// No response came from the browser in time.
    #[error("nobody came back from the browser within {}", human_duration(*waited))]
    AuthorizationTimedOut {
        /// The duration of the wait.
        waited: Duration,
    },
    /// The source of the response failed.
    #[error("the answer of the browser cannot be received")]
    NoResponse(#[source] SourceError),
    /// The response is no grant.
    #[error(transparent)]
    Authorization(#[from] AuthorizationError),
    /// The time is up, and the last search found no project for the key.
    #[error("no default project after {}: {last}", human_duration(*waited))]
    NoDefaultProject {
        /// The duration of the wait.
        waited: Duration,
        /// The findings of the last search.
        last: Observation,
    },
    /// The server refused the project list of each organization.
    #[error("{}", Observation::ProjectsRefused { organizations: *organizations })]
    ProjectsRefused {
        /// The number of organizations.
        organizations: usize,
    },
    /// The requested target does not exist, or its name is ambiguous.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The creation was requested and its outcome is unknown. A key may exist.
    #[error("a key may have been created, but the answer was lost")]
    OutcomeUnknown {
        /// The organization and the project.
        target: Box<Target>,
        /// The key's name, by which it can be found and deleted.
        key_name: Box<str>,
        /// The failure of the request.
        #[source]
        cause: ServiceError,
    },
    /// A service could not be reached, refused the request, or sent an invalid response.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl ProvisionError {
    /// Returns the reason of a failed or refused request, or of a missing project if that is known.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Service(error) | Self::OutcomeUnknown { cause: error, .. } => Some(error.reason()),
            Self::NoDefaultProject { last, .. } => last.reason(),
            Self::ProjectsRefused { .. } => Some(Reason::Forbidden),
            _ => None,
        }
    }
}
