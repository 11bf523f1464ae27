//! The progress and the outcome of a sign-in.

use keymint_domain::{AuthorizationError, ProvisionError};
use std::sync::Arc;
use url::Url;

/// The work of the program after the sign-in, as the page in the browser shows it until the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Progress {
    /// The key is created, which begins with the search for its project.
    #[default]
    Creating,
    /// The organizations and their projects are listed.
    Listing,
    /// The user must choose a project in the terminal.
    Choosing,
    /// The user must answer a question in the terminal.
    Asking,
}

/// The outcome of a sign-in, as the page in the browser shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// A key was created and delivered.
    KeyDelivered,
    /// A key was created, and delivered to some of its destinations. The program reports where it is.
    KeyPartlyDelivered,
    /// A key was created but not delivered. The program reports where it is stored.
    KeyKept,
    /// A key was created, but could be neither delivered nor stored.
    KeyLost,
    /// The creation was requested and its response was lost, so a key may exist.
    KeyUnknown,
    /// No key was created. The program reports why.
    NoKey,
    /// No key was created, since the user or the authorization server denied access.
    Refused,
    /// No key was created, since it was a dry run.
    DryRun,
    /// No key was to be created. The terminal shows the organizations and their projects.
    Listed,
    /// No key was to be created, and the user needs no terminal to continue.
    SignedIn,
}

impl Outcome {
    /// Adds details.
    #[must_use]
    pub fn with(self, details: Details) -> Conclusion {
        Conclusion { outcome: self, details }
    }
}

impl From<&ProvisionError> for Outcome {
    /// Returns the outcome of a flow that failed.
    fn from(error: &ProvisionError) -> Self {
        match error {
            ProvisionError::Authorization(AuthorizationError::Denied { .. }) => Self::Refused,
            ProvisionError::OutcomeUnknown { .. } => Self::KeyUnknown,
            _ => Self::NoKey,
        }
    }
}

/// The details of an outcome. Only the browser that brought the authorization response is shown them.
///
/// Their texts may come from a server: the page shows them without markup and control characters, and cuts
/// long ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// The project and the organization of the key.
    pub target: Option<String>,
    /// The last four characters of the key.
    pub last_four: Option<String>,
    /// The reason of a failure.
    pub reason: Option<String>,
    /// The page on which the user finds the key. The page links only to an `https` URL.
    pub keys_page: Option<Url>,
}

/// An outcome with its details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    pub(crate) outcome: Outcome,
    pub(crate) details: Details,
}

impl From<Outcome> for Conclusion {
    fn from(outcome: Outcome) -> Self {
        outcome.with(Details::default())
    }
}

/// The state of the outcome page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OutcomePage {
    /// No page: no browser was redirected to it.
    Absent,
    /// The progress. More follows until the outcome is known, or the listener is dropped.
    Open(Progress),
    /// The outcome.
    Complete(Arc<Conclusion>),
}
