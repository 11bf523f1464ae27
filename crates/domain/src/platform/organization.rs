//! Organizations, projects, the target that they make together, and the lists of them.

use crate::platform::title::Title;
use crate::service_error::Reason;
use std::fmt;
use std::sync::Arc;

/// Longest id that is put into a URL or a header, in characters.
const LONGEST_ID: usize = 128;

/// A text that is not an id: empty, longer than 128 characters, or with a character other than
/// `A`-`Z`, `a`-`z`, `0`-`9`, `_` and `-`.
///
/// URL libraries drop `.` and `..` segments without a word, so an id is checked before it gets
/// near one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of 1 to {LONGEST_ID} letters, digits, '_' and '-'")]
pub struct InvalidId(());

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(try_from = "String", into = "String"))]
        pub struct $name(Arc<str>);

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(id: String) -> Result<Self, InvalidId> {
                Self::parse(&id)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.as_str().to_owned()
            }
        }

        impl $name {
            /// Takes an id as the platform sent it.
            ///
            /// # Errors
            ///
            /// [`InvalidId`] where it could not stand in a URL as it is.
            pub fn parse(id: &str) -> Result<Self, InvalidId> {
                let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
                if (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(allowed) {
                    Ok(Self(id.into()))
                } else {
                    Err(InvalidId(()))
                }
            }

            /// The id as the platform spells it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// Names an organization: `org-…`.
    OrganizationId
}
id! {
    /// Names a project: `proj_…`.
    ProjectId
}
id! {
    /// Names a key: `key_…`. It is no secret.
    KeyId
}

/// An organization that the signed-in person belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its title.
    pub title: Option<Title>,
    /// Whether it is the person's default organization.
    pub is_default: bool,
    /// Whether it is the person's own, rather than a company's.
    pub personal: bool,
    /// Whether a policy disables API keys of users in all its projects. None if unknown.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub disable_user_api_keys: Option<bool>,
    /// The user's role. None if unknown.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub role: Option<Role>,
    /// Whether it was set up on the platform's web site. None if unknown.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub completed_platform_onboarding: Option<bool>,
}

impl Organization {
    /// One without a title that is neither default nor personal. Nothing else is known of it.
    pub fn new(id: OrganizationId) -> Self {
        Self {
            id,
            title: None,
            is_default: false,
            personal: false,
            disable_user_api_keys: None,
            role: None,
            completed_platform_onboarding: None,
        }
    }

    /// Returns whether it certainly refuses to create a key.
    pub fn refuses_keys(&self) -> bool {
        self.disable_user_api_keys == Some(true)
    }

    /// Returns whether it is the user's own and still has to be set up on the platform's web site.
    pub fn needs_onboarding(&self) -> bool {
        (self.personal || self.is_default) && self.completed_platform_onboarding == Some(false)
    }
}

/// The role of a user in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Role {
    /// May manage the organization.
    Owner,
    /// May use the organization.
    Reader,
}

impl Role {
    /// Takes a role as the platform spells it. None if it is not one of these.
    pub fn parse(role: &str) -> Option<Self> {
        match role {
            "owner" => Some(Self::Owner),
            "reader" => Some(Self::Reader),
            _ => None,
        }
    }
}

/// A project of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its title.
    pub title: Option<Title>,
    /// Whether the platform made it together with the organization: the default project.
    pub is_initial: bool,
    /// Whether a policy disables API keys of users in it. None if unknown.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub disable_user_api_keys: Option<bool>,
}

impl Project {
    /// One without a title that is not initial. Nothing else is known of it.
    pub fn new(id: ProjectId) -> Self {
        Self { id, title: None, is_initial: false, disable_user_api_keys: None }
    }

    /// Returns whether it certainly refuses to create a key, even if its organization does not.
    pub fn refuses_keys(&self) -> bool {
        self.disable_user_api_keys == Some(true)
    }
}

/// Where a key is made: one project of one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// The organization's id.
    pub organization_id: OrganizationId,
    /// The organization's title.
    pub organization_title: Option<Title>,
    /// The project's id.
    pub project_id: ProjectId,
    /// The project's title.
    pub project_title: Option<Title>,
    /// The owner of a policy that disables API keys of users. None if no such policy is known.
    pub keys_disabled_by: Option<PolicyOwner>,
    /// The user's role in the organization. None if unknown.
    pub role: Option<Role>,
}

/// The owner of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PolicyOwner {
    /// The organization. The policy holds in all its projects.
    Organization,
    /// The project.
    Project,
}

impl Target {
    /// This project of this organization.
    pub fn new(organization: &Organization, project: &Project) -> Self {
        let of_project = || project.refuses_keys().then_some(PolicyOwner::Project);
        Self {
            organization_id: organization.id.clone(),
            organization_title: organization.title.clone(),
            project_id: project.id.clone(),
            project_title: project.title.clone(),
            keys_disabled_by: organization
                .refuses_keys()
                .then_some(PolicyOwner::Organization)
                .or_else(of_project),
            role: organization.role,
        }
    }

    /// Returns the probable reason of a refusal to create a key in it, if one is known. The role of an owner is
    /// never the reason, so a policy is.
    pub(crate) fn expected_refusal(&self) -> Option<Reason> {
        match (self.keys_disabled_by, self.role) {
            (Some(_), _) | (None, Some(Role::Owner)) => Some(Reason::Policy),
            (None, Some(Role::Reader)) => Some(Reason::Role),
            (None, None) => None,
        }
    }
}

/// What a list gave.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing<T> {
    /// The usable entries, in the server's order.
    pub items: Vec<T>,
    /// How many entries were passed over, since they had no usable id.
    pub skipped: usize,
    /// Whether the list was read to its end.
    pub complete: bool,
}

impl<T> Listing<T> {
    /// What a list gave that may have more to it.
    pub fn new(items: Vec<T>, skipped: usize, complete: bool) -> Self {
        Self { items, skipped, complete }
    }
}

impl<T> From<Vec<T>> for Listing<T> {
    /// The whole list, with every entry usable.
    fn from(items: Vec<T>) -> Self {
        Self::new(items, 0, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{organization, project};

    #[test]
    fn an_id_is_what_can_stand_in_a_url() {
        for good in ["org-1", "proj_A9", "-", &"x".repeat(LONGEST_ID)] {
            assert!(OrganizationId::parse(good).is_ok(), "{good:?}");
        }
        let long = "x".repeat(LONGEST_ID + 1);
        for bad in
            ["", ".", "..", "a/b", "a\\b", "%2e%2e", "org?x", "org#x", "o\r\nX: y", "é", "a\0", " a", &long]
        {
            assert_eq!(ProjectId::parse(bad), Err(InvalidId(())), "{bad:?}");
        }
    }

    #[test]
    fn a_target_has_the_known_policy_of_its_organization_or_else_of_its_project() {
        let known = [None, Some(false), Some(true)];
        for (of_organization, of_project) in known.iter().flat_map(|&o| known.map(|p| (o, p))) {
            let organization =
                Organization { disable_user_api_keys: of_organization, ..organization("org-1") };
            let project = Project { disable_user_api_keys: of_project, ..project("proj_1", true) };
            let owner = match (of_organization, of_project) {
                (Some(true), _) => Some(PolicyOwner::Organization),
                (_, Some(true)) => Some(PolicyOwner::Project),
                _ => None,
            };
            assert_eq!(Target::new(&organization, &project).keys_disabled_by, owner);
        }
    }

    #[test]
    fn only_the_users_own_organization_asks_for_onboarding_and_only_if_that_is_known() {
        for (personal, is_default, completed, expected) in [
            (true, false, Some(false), true),
            (false, true, Some(false), true),
            (false, false, Some(false), false),
            (true, true, Some(true), false),
            (true, true, None, false),
        ] {
            let organization = Organization {
                personal,
                is_default,
                completed_platform_onboarding: completed,
                ..organization("org-1")
            };
            assert_eq!(organization.needs_onboarding(), expected, "{organization:?}");
        }
    }
}
