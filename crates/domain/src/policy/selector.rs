//! Which organization and project a key is made in, and what a name means of those that are there.

use crate::platform::listing::Listing;
use crate::platform::organization::{Organization, Project};
use crate::platform::target::Target;
use crate::policy::preference::by_preference;
use crate::text::quote;
use std::collections::HashSet;
use std::fmt;

/// Longest name of an organization or a project in a message, in characters.
const LONGEST_NAME: usize = 80;

/// Which organization and project a key is made in, as a person names them. By default, the default
/// project of the first organization, in the [order of preference](crate::by_preference), that has one.
///
/// A name is an id, or a title that nothing else has, spelled as the platform spells it. What has
/// the name for its id is meant before anything that has it for its title.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetSelector {
    /// Which organization. Without it, the project is looked for in all of them.
    pub organization: Option<String>,
    /// Which project; it need not be a default one. Without it, the organization's default project is
    /// meant.
    pub project: Option<String>,
}

impl TargetSelector {
    /// The organizations to look into, in the order of preference. None where there is none yet.
    ///
    /// # Errors
    ///
    /// [`NoSuchTarget`](TargetError::NoSuchTarget) or [`Ambiguous`](TargetError::Ambiguous),
    /// where the named one is not one of those that are there.
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

/// The reason why no target can be selected, however long one waits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// What was named is in none of the lists, and they are not empty.
    #[error("there is no {requested}{}", unread_in_words(*unread))]
    NoSuchTarget {
        /// What was named.
        requested: RequestedTarget,
        /// What there is, in the order of preference.
        choices: Vec<Candidate>,
        /// How many lists may have more than was seen of them: it may be there.
        unread: usize,
    },
    /// Several have the title that was named.
    #[error("there is more than one {requested}")]
    Ambiguous {
        /// What was named.
        requested: RequestedTarget,
        /// Those that have this title, in the order of preference.
        choices: Vec<Candidate>,
    },
}

fn unread_in_words(lists: usize) -> String {
    match lists {
        0 => String::new(),
        1 => " in what could be read; one list was not, or not to its end".to_owned(),
        _ => format!(" in what could be read; {lists} lists were not, or not to their end"),
    }
}

/// What a person named, by its id or its title, exactly as they did.
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

/// An organization, or a project of one, as something that a person can name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The organization, or that of the project.
    pub organization: Organization,
    /// The project, where the question is for one.
    pub project: Option<Project>,
}

impl Candidate {
    pub(crate) fn of_organization(organization: Organization) -> Self {
        Self { organization, project: None }
    }

    pub(crate) fn of_project(organization: &Organization, project: &Project) -> Self {
        Self { organization: organization.clone(), project: Some(project.clone()) }
    }

    /// Where a key would be made, if this is a project.
    pub fn target(&self) -> Option<Target> {
        self.project.as_ref().map(|project| Target::new(&self.organization, project))
    }

    fn id(&self) -> &str {
        self.project.as_ref().map_or(self.organization.id.as_str(), |project| project.id.as_str())
    }

    /// Returns whether this is its title.
    fn is_titled(&self, name: &str) -> bool {
        let title = self.project.as_ref().map_or(&self.organization.title, |project| &project.title);
        title.as_ref().is_some_and(|title| title.is(name))
    }
}

/// Those that a name means: the first that has it for its id, or else all that have it for their
/// title. What stands there twice is one.
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

    /// The organizations that this name means of these, or the error.
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
    fn a_list_that_was_not_read_whole_may_have_what_was_asked_for() {
        let cut = Listing::new(vec![organization("org-1", "Acme")], 0, false);
        let selector = TargetSelector { organization: Some("org-2".to_owned()), project: None };
        assert!(matches!(selector.organizations(&cut), Err(TargetError::NoSuchTarget { unread: 1, .. })));
    }
}
