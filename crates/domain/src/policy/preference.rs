//! The preferred organization and project if none is named.

use crate::platform::id::OrganizationId;
use crate::platform::organization::{Organization, Project};
use std::collections::HashSet;

/// Returns the organizations in the order in which they are searched: default ones, then personal ones, then the
/// rest. Those that certainly [refuse keys](Organization::refuses_keys) come last, in the same order. Within each
/// group the server's order is kept. Of several entries with the same id, the first counts.
pub fn by_preference(organizations: &[Organization]) -> Vec<&Organization> {
    let mut seen = HashSet::with_capacity(organizations.len());
    let unique = organizations.iter().filter(|organization| seen.insert(&organization.id));
    let (refusing, accepting) = unique.partition(|organization| organization.refuses_keys());
    [by_rank(accepting), by_rank(refusing)].concat()
}

fn by_rank(organizations: Vec<&Organization>) -> Vec<&Organization> {
    let (default, others): (Vec<_>, Vec<_>) =
        organizations.into_iter().partition(|organization| organization.is_default);
    let (personal, rest): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|organization| organization.personal);
    [default, personal, rest].concat()
}

/// Returns the first organization that was skipped for the chosen one only because it certainly refuses keys. The
/// given organizations are in the server's order.
pub(crate) fn skipped_for<'a>(
    chosen: &OrganizationId,
    organizations: &'a [Organization],
) -> Option<&'a Organization> {
    let preferred = by_rank(organizations.iter().collect());
    let mut preferred = preferred.into_iter().take_while(|organization| organization.id != *chosen);
    preferred.find(|organization| organization.refuses_keys())
}

/// Returns the default project: the first initial one that does not certainly
/// [refuse keys](Project::refuses_keys), or else the first initial one.
pub fn default_project(projects: &[Project]) -> Option<&Project> {
    let initial = || projects.iter().filter(|project| project.is_initial);
    initial().find(|project| !project.refuses_keys()).or_else(|| initial().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, project};
    use proptest::prelude::*;

    fn organization(id: &str, is_default: bool, personal: bool) -> Organization {
        Organization { is_default, personal, ..testing::organization(id) }
    }

    fn ids(organizations: &[&Organization]) -> Vec<String> {
        organizations.iter().map(|organization| organization.id.to_string()).collect()
    }

    #[test]
    fn default_ones_come_first_then_personal_ones_then_the_rest_each_in_the_given_order() {
        let given = [
            organization("other-1", false, false),
            organization("personal-1", false, true),
            organization("default-1", true, false),
            organization("other-2", false, false),
            organization("both", true, true),
            organization("default-2", true, false),
            organization("personal-2", false, true),
        ];
        assert_eq!(
            ids(&by_preference(&given)),
            ["default-1", "both", "default-2", "personal-1", "personal-2", "other-1", "other-2"]
        );
    }

    fn refusing(organization: Organization) -> Organization {
        Organization { disable_user_api_keys: Some(true), ..organization }
    }

    #[test]
    fn those_that_certainly_refuse_keys_come_last_in_the_same_ranks() {
        let allowed = Organization {
            disable_user_api_keys: Some(false),
            ..organization("allowed-personal", false, true)
        };
        let given = [
            refusing(organization("refusing-other", false, false)),
            refusing(organization("refusing-default", true, false)),
            refusing(organization("refusing-personal", false, true)),
            organization("other", false, false),
            allowed,
        ];
        assert_eq!(
            ids(&by_preference(&given)),
            ["allowed-personal", "other", "refusing-default", "refusing-personal", "refusing-other"]
        );
    }

    #[test]
    fn an_organization_was_skipped_if_it_refuses_and_has_a_better_rank_or_place() {
        let given = [
            organization("plain", false, false),
            refusing(organization("refusing-1", false, false)),
            refusing(organization("refusing-2", false, false)),
            organization("last", false, false),
            organization("personal", false, true),
        ];
        for (chosen, skipped) in [("plain", None), ("last", Some("refusing-1")), ("personal", None)] {
            let id = testing::organization(chosen).id;
            assert_eq!(skipped_for(&id, &given).map(|organization| organization.id.as_str()), skipped);
        }
    }

    #[test]
    fn the_default_project_is_the_first_initial_one_that_does_not_refuse_keys() {
        let refusing = Project { disable_user_api_keys: Some(true), ..project("refusing", true) };
        let projects = [project("a", false), refusing, project("b", true)];
        assert_eq!(default_project(&projects), Some(&projects[2]));
        assert_eq!(default_project(&projects[..2]), Some(&projects[1]));
    }

    #[test]
    fn the_default_project_is_the_first_initial_one() {
        let projects = [project("a", false), project("b", true), project("c", true)];
        assert_eq!(default_project(&projects), Some(&projects[1]));
        assert_eq!(default_project(&projects[..1]), None);
        assert_eq!(default_project(&[]), None);
    }

    proptest! {
        #[test]
        fn ranking_keeps_every_organization_and_the_order_inside_each_rank(flags in prop::collection::vec(any::<(bool, bool)>(), 0..50)) {
            let given: Vec<_> = flags.iter().enumerate()
                .map(|(i, (is_default, personal))| organization(&format!("o{i:03}"), *is_default, *personal)).collect();
            let of_rank = |rank: fn(&Organization) -> bool| given.iter().filter(move |organization| rank(organization));
            let expected = of_rank(|o| o.is_default)
                .chain(of_rank(|o| !o.is_default && o.personal))
                .chain(of_rank(|o| !o.is_default && !o.personal));
            prop_assert_eq!(by_preference(&given), expected.collect::<Vec<_>>());
        }
    }
}
