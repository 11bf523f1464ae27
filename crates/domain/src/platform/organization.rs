//! Organizations and their projects.

use crate::platform::id::{OrganizationId, ProjectId};
use crate::platform::title::Title;

/// An organization of the signed-in user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its title.
    pub title: Option<Title>,
    /// True if it is the user's default organization.
    pub is_default: bool,
    /// True if it is the user's own organization, not a company's.
    pub personal: bool,
    /// True if a policy disables API keys of users in all its projects. `None` if unknown.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub disable_user_api_keys: Option<bool>,
    /// The user's role. `None` if unknown.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub role: Option<Role>,
    /// True if it was set up on the platform's web site. `None` if unknown.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub completed_platform_onboarding: Option<bool>,
}

impl Organization {
    /// Creates an organization with this id. Every flag is false, and everything else is unknown.
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

    /// Returns whether the organization certainly refuses to create keys of users.
    pub fn refuses_keys(&self) -> bool {
        self.disable_user_api_keys == Some(true)
    }

    /// Returns whether the organization is the user's own and still has to be set up on the platform's web site.
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
    /// Parses a role as the platform spells it. Returns `None` if it is not one of these.
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
    /// True if the platform created it together with the organization: the default project.
    pub is_initial: bool,
    /// True if a policy disables API keys of users in it. `None` if unknown.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub disable_user_api_keys: Option<bool>,
}

impl Project {
    /// Creates a project with this id. It is not initial, and everything else is unknown.
    pub fn new(id: ProjectId) -> Self {
        Self { id, title: None, is_initial: false, disable_user_api_keys: None }
    }

    /// Returns whether the project certainly refuses to create keys of users, even if its organization does not.
    pub fn refuses_keys(&self) -> bool {
        self.disable_user_api_keys == Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::organization;

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
