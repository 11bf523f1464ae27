//! How a sign-in ended.

use keymint_domain::{AuthorizationError, ProvisionError};

/// How it ended, as the page in the browser tells it.
///
/// The text is constant: which key, where it went and what the cause was is told by the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// A key was created, and it is where the person wanted it.
    KeyDelivered,
    /// A key was created and not delivered. The program says where it is kept.
    KeyKept,
    /// A key was created, and could be neither delivered nor kept.
    KeyLost,
    /// The creation was asked for and its answer was lost, so a key may exist.
    KeyUnknown,
    /// There is no key. The program says why.
    NoKey,
    /// There is no key, since the person or the authorization server refused the sign-in.
    Refused,
    /// There is no key, and there was not meant to be one.
    DryRun,
}

impl From<&ProvisionError> for Outcome {
    /// What is said of a flow that ended without a key in hand.
    fn from(error: &ProvisionError) -> Self {
        match error {
            ProvisionError::Authorization(AuthorizationError::Denied { .. }) => Self::Refused,
            ProvisionError::OutcomeUnknown { .. } => Self::KeyUnknown,
            _ => Self::NoKey,
        }
    }
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
