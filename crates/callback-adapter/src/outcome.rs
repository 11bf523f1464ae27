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

#[cfg(test)]
mod tests {
    use super::*;
    use keymint_domain::{
        Organization, OrganizationId, Project, ProjectId, ServiceError, ServiceErrorKind, Step, Target,
    };

    #[test]
    fn a_page_never_says_that_there_is_no_key_where_one_may_exist() {
        let organization = Organization::new(OrganizationId::parse("org-1").unwrap());
        let project = Project::new(ProjectId::parse("proj_1").unwrap());
        let lost = || ServiceError::new(Step::CreateKey, ServiceErrorKind::Interrupted, "");
        let unknown = ProvisionError::OutcomeUnknown {
            target: Box::new(Target::new(&organization, &project)),
            key_name: "a name".to_owned(),
            cause: lost(),
        };
        assert_eq!(Outcome::from(&unknown), Outcome::KeyUnknown);
        let denied = ProvisionError::Authorization(AuthorizationError::Denied {
            error: "access_denied".to_owned(),
            description: None,
        });
        assert_eq!(Outcome::from(&denied), Outcome::Refused);
        assert_eq!(Outcome::from(&ProvisionError::Service(lost())), Outcome::NoKey);
    }
}
