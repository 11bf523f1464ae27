//! Errors of the flow. Each variant exists because some caller handles it differently.

use crate::event::Observation;
use crate::oauth::authorization::AuthorizationError;
use crate::platform::target::Target;
use crate::policy::selector::TargetError;
use crate::ports::SourceError;
use crate::service_error::{Reason, ServiceError, ServiceErrorKind};
use crate::text::human_duration;
use std::time::Duration;

/// The reason why a flow ended without a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// No response came from the browser in time.
    #[error("the sign-in was not completed in the browser within {}", human_duration(*waited))]
    AuthorizationTimedOut {
        /// The duration of the wait.
        waited: Duration,
    },
    /// The source of the response failed.
    #[error("cannot receive the browser's response")]
    NoResponse(#[source] SourceError),
    /// The response does not grant access.
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

/// The kind of a failure, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The user or the authorization server refused, or the response is not valid.
    SignInRefused,
    /// No response came from the browser in time.
    SignInTimeout,
    /// A server could not be reached, or did not answer in time.
    Network,
    /// A server refused a request, or its answer violates the contract.
    Server,
    /// No project for the key was found.
    NoProject,
    /// A key may exist that was not received.
    OutcomeUnknown,
    /// The front end failed.
    Internal,
}

impl FailureKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::SignInRefused,
        Self::SignInTimeout,
        Self::Network,
        Self::Server,
        Self::NoProject,
        Self::OutcomeUnknown,
        Self::Internal,
    ];

    /// Returns a stable name for logs and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::SignInRefused => "sign_in_refused",
            Self::SignInTimeout => "sign_in_timeout",
            Self::Network => "network",
            Self::Server => "server",
            Self::NoProject => "no_project",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Internal => "internal",
        }
    }

    /// Returns the exit code of a program that ends with this failure.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::SignInRefused => 4,
            Self::SignInTimeout => 5,
            Self::Network => 6,
            Self::Server => 7,
            Self::NoProject => 8,
            Self::OutcomeUnknown => 10,
        }
    }
}

impl ServiceError {
    /// Returns the kind of a flow's failure that this error causes, unless it leaves the outcome of a creation
    /// unknown.
    pub fn failure_kind(&self) -> FailureKind {
        match self.kind {
            ServiceErrorKind::NotSent(_) | ServiceErrorKind::TimedOut => FailureKind::Network,
            _ => FailureKind::Server,
        }
    }
}

impl ProvisionError {
    /// Returns the kind of the failure.
    pub fn failure_kind(&self) -> FailureKind {
        match self {
            Self::AuthorizationTimedOut { .. } => FailureKind::SignInTimeout,
            Self::NoResponse(_) => FailureKind::Internal,
            Self::Authorization(_) => FailureKind::SignInRefused,
            Self::NoDefaultProject { .. } | Self::ProjectsRefused { .. } | Self::Target(_) => {
                FailureKind::NoProject
            }
            Self::OutcomeUnknown { .. } => FailureKind::OutcomeUnknown,
            Self::Service(error) => error.failure_kind(),
        }
    }

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
