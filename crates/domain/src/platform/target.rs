//! The project in which a key is created.

use crate::platform::id::{OrganizationId, ProjectId};
use crate::platform::organization::{Organization, Project, Role};
use crate::platform::title::Title;
use crate::service_error::Reason;

/// The place of a new key: a project of an organization.
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
    /// The owner of a policy that disables API keys of users. `None` if no such policy is known.
    pub keys_disabled_by: Option<PolicyOwner>,
    /// The user's role in the organization. `None` if unknown.
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
    /// Creates a target from this project of this organization.
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

    /// Returns the probable reason why the platform would refuse to create a key in it, if one is known. An owner
    /// may create keys, so for an owner the reason is a policy.
    pub(crate) fn expected_refusal(&self) -> Option<Reason> {
        match (self.keys_disabled_by, self.role) {
            (Some(_), _) | (None, Some(Role::Owner)) => Some(Reason::Policy),
            (None, Some(Role::Reader)) => Some(Reason::Role),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{organization, project};

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
}
