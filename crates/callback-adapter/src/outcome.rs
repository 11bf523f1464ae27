//! The outcome of a sign-in.

use keymint_domain::{AuthorizationError, ProvisionError};

/// The outcome of a sign-in, as the page in the browser shows it.
///
/// The page's text is constant. The program reports the key, its destination and the cause of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// A key was created and delivered.
    KeyDelivered,
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

/// The part of the outcome page that can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutcomePage {
    /// No page: no browser was redirected to it.
    Absent,
    /// The beginning. The end follows when the outcome is known, or the listener is dropped.
    Open,
    /// The whole page.
    Complete(Outcome),
}
