//! The organizations and projects in the login response.

use serde_json::{Map, Value, json};

/// The lists in the login response. The organizations are at `user.orgs`, and the projects of each organization at
/// its `projects`.
///
/// They are the same organizations and projects that the requests for lists return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginLists {
    /// No lists.
    #[default]
    Absent,
    /// Every organization with every project, each with all its flags: they are false unless the account sets
    /// them.
    Complete,
    /// Every organization and project, without `is_default`, `personal` and `is_initial`.
    WithoutFlags,
    /// A list without organizations.
    Empty,
    /// Every organization, each with an empty list of projects.
    WithoutProjects,
    /// The first organization with its first project. Both lists have `has_more: true`.
    Cut,
    /// Every organization and project, with the opposite of each flag: `is_default`, `personal` and
    /// `is_initial`.
    Contradicting,
}

const ORGANIZATION_FLAGS: [&str; 2] = ["is_default", "personal"];
const PROJECT_FLAGS: [&str; 1] = ["is_initial"];

type Fields = Map<String, Value>;

impl LoginLists {
    /// All variants.
    pub const ALL: [Self; 7] = [
        Self::Absent,
        Self::Complete,
        Self::WithoutFlags,
        Self::Empty,
        Self::WithoutProjects,
        Self::Cut,
        Self::Contradicting,
    ];

    /// Returns the name of the variant, such as `without-flags`.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// Returns a description in one line.
    pub fn summary(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Absent => ("absent", "No lists"),
            Self::Complete => ("complete", "All organizations and projects, with all their flags"),
            Self::WithoutFlags => ("without-flags", "All organizations and projects, without flags"),
            Self::Empty => ("empty", "A list without organizations"),
            Self::WithoutProjects => {
                ("without-projects", "All organizations, each with an empty list of projects")
            }
            Self::Cut => {
                ("cut", "The first organization with its first project, and a flag that there are more")
            }
            Self::Contradicting => (
                "contradicting",
                "All organizations and projects, each flag the opposite of that in the lists",
            ),
        }
    }

    /// Returns the value of `user.orgs` for these organizations, each with its projects.
    pub(crate) fn of(self, organizations: Vec<(&Fields, Vec<&Fields>)>) -> Option<Value> {
        if self == Self::Absent {
            return None;
        }
        let organizations = organizations.into_iter().map(|(organization, projects)| {
            let projects = projects.into_iter().map(|project| self.item(project, &PROJECT_FLAGS)).collect();
            let mut organization = self.item(organization, &ORGANIZATION_FLAGS);
            organization.insert("projects".to_owned(), self.list(projects, self == Self::WithoutProjects));
            organization
        });
        Some(self.list(organizations.collect(), self == Self::Empty))
    }

    fn list(self, mut items: Vec<Fields>, is_empty: bool) -> Value {
        if is_empty {
            items.clear();
        }
        let mut list = json!({ "object": "list" });
        if self == Self::Cut {
            items.truncate(1);
            list["has_more"] = true.into();
        }
        list["data"] = items.into_iter().map(Value::Object).collect();
        list
    }

    fn item(self, fields: &Fields, flags: &[&str]) -> Fields {
        let mut fields = fields.clone();
        match self {
            Self::WithoutFlags => fields.retain(|name, _| !flags.contains(&name.as_str())),
            Self::Contradicting => {
                for flag in flags {
                    let opposite = fields.get(*flag) != Some(&Value::Bool(true));
                    fields.insert((*flag).to_owned(), opposite.into());
                }
            }
            _ => flags.iter().for_each(|flag| {
                fields.entry(*flag).or_insert_with(|| false.into());
            }),
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        assert_eq!(HashSet::from(LoginLists::ALL.map(LoginLists::name)).len(), LoginLists::ALL.len());
        assert!(LoginLists::ALL.iter().all(|lists| !lists.summary().is_empty()));
    }

    #[test]
    fn each_variant_shows_the_same_account_in_its_own_way() {
        let [ours, other] =
            [json!({ "id": "org-1", "is_default": true, "role": "owner" }), json!({ "id": "org-2" })];
        let [first, second] = [json!({ "id": "proj_1", "is_initial": true }), json!({ "id": "proj_2" })];
        let second_in_full = json!({ "id": "proj_2", "is_initial": false });
        let [ours, other, first_project, second_project] =
            [&ours, &other, &first, &second].map(|item| item.as_object().unwrap());
        let account = [(ours, vec![first_project, second_project]), (other, vec![])];

        let list = |data: Value| json!({ "object": "list", "data": data });
        let cut = |data: Value| json!({ "object": "list", "data": data, "has_more": true });
        for (lists, expected) in [
            (LoginLists::Absent, None),
            (
                LoginLists::Complete,
                Some(list(json!([
                    { "id": "org-1", "is_default": true, "personal": false, "role": "owner", "projects": list(json!([first, second_in_full])) },
                    { "id": "org-2", "is_default": false, "personal": false, "projects": list(json!([])) },
                ]))),
            ),
            (
                LoginLists::WithoutFlags,
                Some(list(json!([
                    { "id": "org-1", "role": "owner", "projects": list(json!([{ "id": "proj_1" }, second])) },
                    { "id": "org-2", "projects": list(json!([])) },
                ]))),
            ),
            (LoginLists::Empty, Some(list(json!([])))),
            (
                LoginLists::WithoutProjects,
                Some(list(json!([
                    { "id": "org-1", "is_default": true, "personal": false, "role": "owner", "projects": list(json!([])) },
                    { "id": "org-2", "is_default": false, "personal": false, "projects": list(json!([])) },
                ]))),
            ),
            (
                LoginLists::Cut,
                Some(cut(json!([
                    { "id": "org-1", "is_default": true, "personal": false, "role": "owner", "projects": cut(json!([first])) },
                ]))),
            ),
            (
                LoginLists::Contradicting,
                Some(list(json!([
                    {
                        "id": "org-1",
                        "is_default": false,
                        "personal": true,
                        "role": "owner",
                        "projects": list(json!([
                            { "id": "proj_1", "is_initial": false },
                            { "id": "proj_2", "is_initial": true },
                        ])),
                    },
                    { "id": "org-2", "is_default": true, "personal": true, "projects": list(json!([])) },
                ]))),
            ),
        ] {
            assert_eq!(lists.of(account.to_vec()), expected, "{lists:?}");
        }
    }
}
