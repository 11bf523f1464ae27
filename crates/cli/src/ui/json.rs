//! The JSON documents that the command prints. Each names its schema.

mod delivered;
mod error;
mod machine;
mod server;
mod setup;

pub(crate) use delivered::{Destination, OldKey, delivered, dry_run};
pub(crate) use error::error;
use keymint_domain::text::escape_json;
use keymint_domain::{Project, ProjectKey, Title};
pub(crate) use machine::{FoundKey, deleted, forgotten, recovery, status};
use serde::Serialize;
pub(crate) use server::{admin_keys, list, revoked};
pub(crate) use setup::{Finding, Health, Setting, config, doctor};

/// Returns the document of a sign-in that can be completed later.
pub(crate) fn started(url: &str, expires_at: &str) -> String {
    #[derive(Serialize)]
    struct Started<'a> {
        schema: &'static str,
        url: &'a str,
        expires_at: &'a str,
    }
    to_json(&Started { schema: "keymint.started/1", url, expires_at })
}

#[derive(Serialize)]
struct ChosenKey<'a> {
    id: &'a str,
    name: &'a Option<Title>,
    last4: Option<&'a str>,
}

impl<'a> From<&'a ProjectKey> for ChosenKey<'a> {
    fn from(key: &'a ProjectKey) -> Self {
        Self { id: key.id.as_str(), name: &key.name, last4: last_four(key) }
    }
}

fn last_four(key: &ProjectKey) -> Option<&str> {
    key.last_four.as_ref().map(|four| four.as_str())
}

#[derive(Serialize)]
struct Titled<'a> {
    id: &'a str,
    title: &'a Option<Title>,
}

impl<'a> From<&'a Project> for Titled<'a> {
    fn from(project: &'a Project) -> Self {
        Self { id: project.id.as_str(), title: &project.title }
    }
}

/// Serializes a value, with characters escaped that could control a terminal or be invisible.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    escape_json(&serde_json::to_string(value).expect("strings and numbers become JSON"))
}
