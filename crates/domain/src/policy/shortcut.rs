//! The target that can be determined from the response to the login, without a request for a list.

use crate::platform::listing::Listing;
use crate::platform::login::LoginOrganization;
use crate::platform::target::Target;
use crate::policy::selector::TargetSelector;

/// Returns the target if the response to the login already determines it: the lists of organizations and projects
/// would certainly lead to the same one.
///
/// Without a name, that is the first initial project of the first default organization, if the response has both
/// lists in full and neither of the two certainly refuses keys. No other organization ranks before a default one.
/// With two names, it is the organization and the project with these ids. In every other case, the lists may contain
/// something that the response lacks.
pub(crate) fn settled_target(
    selector: &TargetSelector,
    response: &Listing<LoginOrganization>,
) -> Option<Target> {
    let find = |id: &str| response.items.iter().find(|entry| entry.organization.id.as_str() == id);
    let (LoginOrganization { organization, .. }, project) = match (&selector.organization, &selector.project)
    {
        (None, None) if response.complete => {
            let default = response.items.iter().find(|entry| entry.organization.is_default)?;
            // Of several entries with the same id, the first counts.
            let entry = find(default.organization.id.as_str())?;
            let project = entry.projects.items.iter().find(|project| project.is_initial)?;
            let is_preferred = entry.organization.is_default && !entry.organization.refuses_keys();
            if !is_preferred || !entry.projects.complete || project.refuses_keys() {
                return None;
            }
            (entry, project)
        }
        (Some(organization), Some(project)) => {
            let entry = find(organization)?;
            (entry, entry.projects.items.iter().find(|item| item.id.as_str() == project)?)
        }
        _ => return None,
    };
    Some(Target::new(organization, project))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::organization::{Organization, Project};
    use crate::platform::title::Title;
    use crate::testing::{organization, project};

    fn entry(id: &str, is_default: bool, projects: impl Into<Listing<Project>>) -> LoginOrganization {
        let title = Some(Title::new("Acme"));
        LoginOrganization::new(Organization { is_default, title, ..organization(id) }, projects.into())
    }

    /// Returns the ids of the determined target.
    fn settled(
        [organization, project]: [&str; 2],
        response: impl Into<Listing<LoginOrganization>>,
    ) -> Option<[String; 2]> {
        let name = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let selector = TargetSelector { organization: name(organization), project: name(project) };
        let target = settled_target(&selector, &response.into())?;
        Some([target.organization_id.to_string(), target.project_id.to_string()])
    }

    #[test]
    fn a_default_organization_with_an_initial_project_is_settled() {
        let projects = vec![project("a", false), project("b", true), project("c", true)];
        let other = || entry("org-1", false, vec![project("z", true)]);
        let default = || entry("org-2", true, projects.clone());
        let settled = |response: Vec<_>| settled([""; 2], response);

        for response in [vec![default()], vec![default(), other()], vec![other(), default()]] {
            assert_eq!(settled(response), Some(["org-2", "b"].map(str::to_owned)));
        }
        let twice = vec![entry("org-3", true, vec![project("d", true)]), default()];
        assert_eq!(settled(twice), Some(["org-3", "d"].map(str::to_owned)));

        let without_initial = entry("org-2", true, vec![project("a", false)]);
        let mut refusing = entry("org-3", true, projects.clone());
        refusing.organization.disable_user_api_keys = Some(true);
        let refusing_project = Project { disable_user_api_keys: Some(true), ..project("d", true) };
        let with_refusing_project = entry("org-2", true, [vec![refusing_project], projects.clone()].concat());
        let with_part_of_projects = entry("org-2", true, Listing::new(projects.clone(), 0, false));
        for response in [
            vec![],
            vec![other()],
            vec![entry("org-2", true, vec![]), other()],
            vec![without_initial.clone()],
            vec![without_initial, entry("org-3", true, projects.clone())],
            vec![with_part_of_projects],
            vec![entry("org-2", false, projects.clone()), default()],
            vec![refusing, default()],
            vec![with_refusing_project],
        ] {
            assert_eq!(settled(response.clone()), None, "{response:?}");
        }
    }

    #[test]
    fn a_response_without_all_organizations_settles_no_default() {
        let items = vec![entry("org-1", true, vec![project("a", true)])];
        assert_eq!(settled([""; 2], Listing::new(items, 0, false)), None);
        assert_eq!(settled([""; 2], Listing::new(vec![], 0, false)), None);
    }

    #[test]
    fn two_ids_are_settled_and_a_title_or_one_name_alone_is_not() {
        let titled = Project { title: Some(Title::new("Web")), ..project("b", false) };
        let projects = Listing::new(vec![project("a", true), titled], 0, false);
        let response = Listing::new(
            vec![entry("org-1", true, vec![project("b", true)]), entry("org-2", false, projects)],
            0,
            false,
        );
        assert_eq!(settled(["org-2", "b"], response.clone()), Some(["org-2", "b"].map(str::to_owned)));
        for names in [
            ["org-2", "Web"],
            ["Acme", "b"],
            ["org-2", ""],
            ["", "b"],
            ["org-1", "a"],
            ["org-3", "a"],
            ["org-2", "c"],
        ] {
            assert_eq!(settled(names, response.clone()), None, "{names:?}");
        }
    }
}
