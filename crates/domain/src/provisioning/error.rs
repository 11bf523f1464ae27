//! What can go wrong on the way to a key. Each variant exists because some caller handles it differently.

use crate::event::Observation;
use crate::oauth::authorization::AuthorizationError;
use crate::platform::organization::Target;
use crate::policy::selector::TargetError;
use crate::ports::SourceError;
use crate::service_error::ServiceError;
use crate::text::human_duration;
use std::time::Duration;

/// Why a flow ended without a key in hand.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// Nobody came back from the browser.
    #[error("nobody came back from the browser within {}", human_duration(*waited))]
    AuthorizationTimedOut {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The source of the response broke down.
    #[error("the answer of the browser cannot be received")]
    NoResponse(#[source] SourceError),
    /// The response grants nothing.
    #[error(transparent)]
    Authorization(#[from] AuthorizationError),
    /// The time is up, and the last look found no project to make a key in.
    #[error("no default project after {}: {last}", human_duration(*waited))]
    NoDefaultProject {
        /// How long it was waited for.
        waited: Duration,
        /// What the last look saw.
        last: Observation,
    },
    /// The requested target does not exist, or its name is ambiguous.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The creation was asked for, and whether the server did it is not known: a key may exist.
    #[error("a key may have been created, but the answer was lost")]
    OutcomeUnknown {
        /// Where.
        target: Box<Target>,
        /// The key's name, by which it can be found and deleted.
        key_name: String,
        /// What became of the answer.
        #[source]
        cause: ServiceError,
    },
    /// A service could not be reached, refused, or answered outside its contract.
    #[error(transparent)]
    Service(#[from] ServiceError),
}
