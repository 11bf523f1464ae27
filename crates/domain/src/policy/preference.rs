//! The organization and the project that are preferred where none is named.

use crate::platform::organization::{Organization, Project};
use std::collections::HashSet;

/// The organizations in the order in which they are looked into: default ones, then personal
/// ones, then the rest. Inside each rank the given order stands. What stands there twice is one.
pub fn by_preference(organizations: &[Organization]) -> Vec<&Organization> {
    let mut seen = HashSet::with_capacity(organizations.len());
    let unique = organizations.iter().filter(|organization| seen.insert(&organization.id));
    let (default, others): (Vec<_>, Vec<_>) = unique.partition(|organization| organization.is_default);
    let (personal, rest): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|organization| organization.personal);
    [default, personal, rest].concat()
}

/// The default project: the first initial one.
pub fn default_project(projects: &[Project]) -> Option<&Project> {
    projects.iter().find(|project| project.is_initial)
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
