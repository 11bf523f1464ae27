//! The document of an error.

use super::{ChosenKey, Titled, to_json};
use crate::error::{self, CliError};
use keymint_domain::{Candidate, InventoryKey, Reason};
use serde::Serialize;

/// Returns the error of a command.
pub(crate) fn error(error: &CliError) -> String {
    #[derive(Serialize)]
    struct Error<'a> {
        schema: &'static str,
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'static str>,
        message: String,
        hint: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        choices: Vec<Choice<'a>>,
    }
    to_json(&Error {
        schema: "keymint.error/1",
        kind: error.kind.name(),
        reason: error.reason.map(Reason::name),
        message: error.message(),
        hint: error.hints(),
        choices: error.choices.iter().map(Choice::from).collect(),
    })
}

/// A project, an organization alone, or a key with its project.
#[derive(Serialize)]
struct Choice<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<Titled<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<Titled<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<ChosenKey<'a>>,
}

impl<'a> From<&'a error::Choice> for Choice<'a> {
    fn from(choice: &'a error::Choice) -> Self {
        let (organization, project, key) = match choice {
            error::Choice::Target(Candidate { organization, project, .. }) => {
                let organization = Titled { id: organization.id.as_str(), title: &organization.title };
                (Some(organization), project.as_ref(), None)
            }
            error::Choice::Project(project) => (None, Some(project), None),
            error::Choice::Key(InventoryKey { project, key, .. }) => (None, Some(project), Some(key)),
        };
        Self { organization, project: project.map(Titled::from), key: key.map(ChosenKey::from) }
    }
}
