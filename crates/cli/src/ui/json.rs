//! Every JSON object that the command prints.

use crate::error::CliError;
use crate::ui::stdout::to_json;
use keymint_domain::Candidate;
use serde::Serialize;

/// The error of a command, on standard output.
pub(crate) fn error(error: &CliError) -> String {
    #[derive(Serialize)]
    struct Error {
        schema: &'static str,
        kind: &'static str,
        message: String,
        hint: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        choices: Vec<Choice>,
    }
    to_json(&Error {
        schema: "keymint.error/1",
        kind: error.kind.name(),
        message: error.message(),
        hint: error.advice(),
        choices: error.candidates.iter().map(Choice::from).collect(),
    })
}

/// The same error as an event.
pub(crate) fn error_event(error: &CliError) -> String {
    #[derive(Serialize)]
    struct Error {
        event: &'static str,
        hint: Option<String>,
        kind: &'static str,
        message: String,
    }
    to_json(&Error {
        event: "error",
        hint: error.advice(),
        kind: error.kind.name(),
        message: error.message(),
    })
}

/// An organization or a project.
#[derive(Serialize)]
struct Named {
    id: String,
    title: Option<String>,
}

/// A project, or an organization alone.
#[derive(Serialize)]
struct Choice {
    organization: Named,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<Named>,
}

impl From<&Candidate> for Choice {
    fn from(Candidate { organization, project, .. }: &Candidate) -> Self {
        Self {
            organization: Named {
                id: organization.id.to_string(),
                title: organization.title.as_ref().map(|title| title.raw().to_owned()),
            },
            project: project.as_ref().map(|project| Named {
                id: project.id.to_string(),
                title: project.title.as_ref().map(|title| title.raw().to_owned()),
            }),
        }
    }
}
