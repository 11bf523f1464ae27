//! The selection of the organization and the project of a new key by name.

use crate::platform::listing::Listing;
use crate::platform::organization::{Organization, Project};
use crate::platform::target::Target;
use crate::policy::preference::by_preference;
use crate::text::quote;
use std::collections::HashSet;
use std::fmt;

/// The maximum length of an organization's or a project's name in a message, in characters.
const LONGEST_NAME: usize = 80;

/// The organization and the project of a new key, as the user names them. The default is the default project of the
/// first organization that has one, in the [order of preference](crate::by_preference).
///
/// A name is an id, or an unambiguous title in the platform's spelling. An id takes precedence over a title.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetSelector {
    /// The organization. `None` searches all organizations for the project.
    pub organization: Option<String>,
    /// The project, which need not be a default one. `None` selects the organization's default project. A named
    /// organization without one may have a single project, which is selected then.
    pub project: Option<String>,
}

impl TargetSelector {
    /// Returns the organizations to search, in the order of preference. Empty if the account has none yet.
    ///
    /// # Errors
    ///
    /// [`NoSuchTarget`](TargetError::NoSuchTarget) or [`Ambiguous`](TargetError::Ambiguous) if the named
    /// organization is missing from a list with entries, or ambiguous.
    pub(crate) fn organizations(
        &self,
        listing: &Listing<Organization>,
    ) -> Result<Vec<Organization>, TargetError> {
        let ranked: Vec<_> = by_preference(&listing.items).into_iter().cloned().collect();
        let Some(name) = self.organization.as_deref().filter(|_| !ranked.is_empty()) else {
            return Ok(ranked);
        };
        let choices: Vec<_> = ranked.into_iter().map(Candidate::of_organization).collect();
        let requested = RequestedTarget::Organization(name.to_owned());
        match resolve(name, &choices)[..] {
            [only] => Ok(vec![only.organization.clone()]),
            [] => {
                Err(TargetError::NoSuchTarget { requested, choices, unread: usize::from(!listing.complete) })
            }
            ref several => {
                Err(TargetError::Ambiguous { requested, choices: several.iter().copied().cloned().collect() })
            }
        }
    }
}

/// The reason why no target can be selected. Waiting does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The requested name is in none of the lists, and they are not empty.
    #[error("there is no {requested}{}", unread_in_words(*unread))]
    NoSuchTarget {
        /// The requested name.
        requested: RequestedTarget,
        /// The possible targets, in the order of preference.
        choices: Vec<Candidate>,
        /// The number of lists that were not read completely, and so may contain the name.
        unread: usize,
    },
    /// Several entries have the requested title.
    #[error("there is more than one {requested}")]
    Ambiguous {
        /// The requested name.
        requested: RequestedTarget,
        /// The entries with this title, in the order of preference.
        choices: Vec<Candidate>,
    },
    /// The requested organization has several projects, and none is the default one.
    #[error("{requested} has no default project")]
    NoDefaultProject {
        /// The organization.
        requested: RequestedTarget,
        /// Its projects.
        choices: Vec<Candidate>,
    },
}

fn unread_in_words(lists: usize) -> String {
    match lists {
        0 => String::new(),
        1 => " in the lists that were read; one list could not be read completely".to_owned(),
        _ => format!(" in the lists that were read; {lists} lists could not be read completely"),
    }
}

/// An id or a title exactly as the user entered it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestedTarget {
    /// An organization.
    Organization(String),
    /// A project.
    Project(String),
}

impl fmt::Display for RequestedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (thing, name) = match self {
            Self::Organization(name) => ("organization", name),
            Self::Project(name) => ("project", name),
        };
        write!(f, "{thing} {}", quote(name, LONGEST_NAME))
    }
}

/// An organization or a project that a user can name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The organization, or the organization of the project.
    pub organization: Organization,
    /// The project. `None` for an organization.
    pub project: Option<Project>,
}

impl Candidate {
    pub(crate) fn of_organization(organization: Organization) -> Self {
        Self { organization, project: None }
    }

    pub(crate) fn of_project(organization: &Organization, project: &Project) -> Self {
        Self { organization: organization.clone(), project: Some(project.clone()) }
    }

    /// Returns the target of a new key, if this is a project.
    pub fn target(&self) -> Option<Target> {
        self.project.as_ref().map(|project| Target::new(&self.organization, project))
    }

    fn id(&self) -> &str {
        self.project.as_ref().map_or(self.organization.id.as_str(), |project| project.id.as_str())
    }

    /// Returns whether this is the candidate's title.
    fn is_titled(&self, name: &str) -> bool {
        let title = self.project.as_ref().map_or(&self.organization.title, |project| &project.title);
        title.as_ref().is_some_and(|title| title.is(name))
    }
}

/// Returns the candidates of this name: the first with this id, or else all with this title. Repeated entries count
/// once.
pub(crate) fn resolve<'a>(name: &str, candidates: &'a [Candidate]) -> Vec<&'a Candidate> {
    if let Some(candidate) = candidates.iter().find(|candidate| candidate.id() == name) {
        return vec![candidate];
    }
    let mut seen = HashSet::new();
    let titled = candidates.iter().filter(|candidate| candidate.is_titled(name));
    titled.filter(|candidate| seen.insert((&candidate.organization.id, candidate.id()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::title::Title;
    use crate::testing;

    fn organization(id: &str, title: &str) -> Organization {
        Organization { title: Some(Title::new(title)), ..testing::organization(id) }
    }

    /// Returns the ids of the organizations that have this name, or the error.
    fn named(name: &str, organizations: &[Organization]) -> Result<Vec<String>, TargetError> {
        let selector = TargetSelector { organization: Some(name.to_owned()), project: None };
        let looked_into = selector.organizations(&organizations.to_vec().into())?;
        Ok(looked_into.iter().map(|organization| organization.id.to_string()).collect())
    }

    fn ids(choices: &[Candidate]) -> Vec<&str> {
        choices.iter().map(Candidate::id).collect()
    }

    #[test]
    fn a_name_is_an_id_or_a_title_that_one_alone_has_and_the_id_goes_first() {
        let there = [
            organization("org-1", "Acme"),
            organization("org-2", "org-3"),
            organization("org-3", "Twins"),
            organization("org-4", "Twins"),
            organization("org-1", "Acme"),
        ];
        for (name, id) in [("org-1", "org-1"), ("Acme", "org-1"), ("org-3", "org-3")] {
            assert_eq!(named(name, &there).unwrap(), [id]);
        }
        let Err(TargetError::Ambiguous { requested, choices }) = named("Twins", &there) else {
            panic!("not ambiguous");
        };
        assert_eq!(
            (requested, ids(&choices)),
            (RequestedTarget::Organization("Twins".into()), vec!["org-3", "org-4"])
        );
        for name in ["acme", "Acme ", "org", ""] {
            let Err(TargetError::NoSuchTarget { choices, unread: 0, .. }) = named(name, &there) else {
                panic!("{name} is there");
            };
            assert_eq!(ids(&choices), ["org-1", "org-2", "org-3", "org-4"]);
        }
    }

    #[test]
    fn a_list_that_was_not_read_whole_may_have_the_requested_target() {
        let cut = Listing::new(vec![organization("org-1", "Acme")], 0, false);
        let selector = TargetSelector { organization: Some("org-2".to_owned()), project: None };
        assert!(matches!(selector.organizations(&cut), Err(TargetError::NoSuchTarget { unread: 1, .. })));
    }
}
