//! The selection of a project from the Admin API's list by its id or title.

use crate::platform::listing::Listing;
use crate::platform::organization::Project;
use crate::text::quote;

/// The maximum length of a project's name in a message, in characters.
const LONGEST_NAME: usize = 80;

/// The reason why a name does not identify a project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    /// No listed project has this id or title.
    #[error(
        "there is no project {}{}",
        quote(name, LONGEST_NAME),
        if listed.is_whole() { "" } else { " in the part of the list that could be read" }
    )]
    Missing {
        /// The id or title.
        name: String,
        /// The projects to choose from.
        listed: Listing<Project>,
    },
    /// Several projects have this title, or a project that is not in the list may have it.
    #[error(
        "there {} more than one project {}{}",
        if candidates.len() > 1 { "is" } else { "may be" },
        quote(name, LONGEST_NAME),
        if candidates.len() > 1 { "" } else { ", since the list could not be read completely" }
    )]
    Ambiguous {
        /// The title.
        name: String,
        /// The listed projects that have it.
        candidates: Vec<Project>,
    },
}

impl Listing<Project> {
    /// Selects the project with this id, or else the only one with this title. A title is unique only in a list with
    /// every project.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] if no listed project has this id or title, or if the title is ambiguous.
    pub fn named(self, name: &str) -> Result<Project, ProjectError> {
        if let Some(project) = self.items.iter().find(|project| project.id.as_str() == name) {
            return Ok(project.clone());
        }
        let mut candidates: Vec<Project> = Vec::new();
        for project in &self.items {
            // A list that changed between two pages may contain a project twice.
            let is_new = candidates.iter().all(|other| other.id != project.id);
            if is_new && project.title.as_ref().is_some_and(|title| title.is(name)) {
                candidates.push(project.clone());
            }
        }
        let name = name.to_owned();
        match candidates.len() {
            0 => Err(ProjectError::Missing { name, listed: self }),
            1 if self.is_whole() => Ok(candidates.remove(0)),
            _ => Err(ProjectError::Ambiguous { name, candidates }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::title::Title;
    use crate::testing;

    fn project(id: &str, title: &str) -> Project {
        let mut project = testing::project(id, false);
        project.title = (!title.is_empty()).then(|| Title::new(title));
        project
    }

    #[test]
    fn only_an_id_or_the_title_of_one_project_in_a_whole_list_is_certain() {
        let projects = vec![
            project("p1", "one"),
            project("p2", "p1"),
            project("p3", "twin"),
            project("p4", "twin"),
            project("p1", "one"),
            project("p5", ""),
        ];
        for (text, whole, partial) in [
            ("p1", "p1", "p1"),
            (
                "one",
                "p1",
                "there may be more than one project \"one\", since the list could not be read completely",
            ),
            ("twin", "there is more than one project \"twin\"", "there is more than one project \"twin\""),
            (
                "x",
                "there is no project \"x\"",
                "there is no project \"x\" in the part of the list that could be read",
            ),
            (
                "",
                "there is no project \"\"",
                "there is no project \"\" in the part of the list that could be read",
            ),
        ] {
            for (skipped, complete) in [(0, true), (1, true), (0, false)] {
                let listed = Listing::new(projects.clone(), skipped, complete);
                let expected = if listed.is_whole() { whole } else { partial };
                let named =
                    listed.named(text).map_or_else(|error| error.to_string(), |found| found.id.to_string());
                assert_eq!(named, expected, "{text}");
            }
        }
        let Err(ProjectError::Ambiguous { candidates, .. }) = Listing::from(projects).named("twin") else {
            panic!("not ambiguous");
        };
        assert_eq!(candidates.iter().map(|project| project.id.as_str()).collect::<Vec<_>>(), ["p3", "p4"]);
    }
}
