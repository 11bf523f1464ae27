//! The documents of commands that deliver a key.

use super::to_json;
use crate::ui::message::DeliveredTo;
use keymint_delivery_adapter::{AccountDescription, KeyOrigin, KeyRecord, Named};
use keymint_domain::{ApiKey, KeptReason, OldKeyOutcome};
use serde::Serialize;

/// Returns the document of a delivered key. It contains the key itself if standard output is a destination. `old` is
/// the key that was replaced in a rotation.
pub(crate) fn delivered(
    record: &KeyRecord,
    key: &ApiKey,
    delivered_to: &[DeliveredTo<'_>],
    old: Option<&OldKey<'_>>,
) -> String {
    let delivered_to: Vec<_> = delivered_to.iter().map(Destination::from).collect();
    let value = delivered_to.contains(&Destination::Stdout).then(|| key.expose());
    match record.origin {
        KeyOrigin::Created => created(record, value, key.last_four(), delivered_to, old),
        KeyOrigin::Imported => imported(&record.name, value, key.last_four(), delivered_to),
    }
}

fn imported(name: &str, value: Option<&str>, last4: &str, delivered_to: Vec<Destination<'_>>) -> String {
    #[derive(Serialize)]
    struct Imported<'a> {
        schema: &'static str,
        key: ImportedKey<'a>,
        delivered_to: Vec<Destination<'a>>,
    }
    #[derive(Serialize)]
    struct ImportedKey<'a> {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<&'a str>,
        last4: &'a str,
    }
    let key = ImportedKey { name, value, last4 };
    to_json(&Imported { schema: "keymint.imported/1", key, delivered_to })
}

fn created(
    record: &KeyRecord,
    value: Option<&str>,
    last4: &str,
    delivered_to: Vec<Destination<'_>>,
    old: Option<&OldKey<'_>>,
) -> String {
    #[derive(Serialize)]
    struct Created<'a> {
        schema: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        organization: Option<&'a Named>,
        #[serde(skip_serializing_if = "Option::is_none")]
        service_account: Option<AccountDescription<'a>>,
        project: &'a Named,
        key: CreatedKey<'a>,
        delivered_to: Vec<Destination<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        old: Option<&'a OldKey<'a>>,
    }
    #[derive(Serialize)]
    struct CreatedKey<'a> {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<&'a str>,
        last4: &'a str,
        id: Option<&'a str>,
        created_at: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at: Option<&'a str>,
    }
    let KeyRecord { organization, project, name, key_id, created_at, expires_at, .. } = record;
    let key = CreatedKey {
        name,
        value,
        last4,
        id: key_id.as_deref(),
        created_at: created_at.as_deref(),
        expires_at: expires_at.as_deref(),
    };
    let service_account = record.service_account.as_ref().map(AccountDescription::from);
    // The Admin API does not report the organization of a project.
    let (schema, organization) = match service_account {
        Some(_) => ("keymint.service_account/1", None),
        None if old.is_some() => ("keymint.rotated/1", Some(organization)),
        None => ("keymint.created/2", Some(organization)),
    };
    to_json(&Created { schema, organization, service_account, project, key, delivered_to, old })
}

/// The old key of a rotation.
#[derive(Serialize)]
pub(crate) struct OldKey<'a> {
    name: &'a str,
    last4: Option<&'a str>,
    id: Option<&'a str>,
    state: &'static str,
    /// The reason why it is kept.
    reason: Option<&'static str>,
}

impl<'a> OldKey<'a> {
    pub(crate) fn new(KeyRecord { name, last4, key_id, .. }: &'a KeyRecord, outcome: &OldKeyOutcome) -> Self {
        let reason = outcome.kept_reason().map(KeptReason::name);
        Self { name, last4: last4.as_deref(), id: key_id.as_deref(), state: outcome.name(), reason }
    }
}

/// A destination that has the key.
#[derive(PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Destination<'a> {
    Stdout,
    EnvFile { path: String, variable: &'a str },
    Keyring { profile: &'a str },
    Command,
    Clipboard,
}

impl<'a> From<&'a DeliveredTo<'_>> for Destination<'a> {
    fn from(to: &'a DeliveredTo<'_>) -> Self {
        match to {
            DeliveredTo::StandardOutput => Self::Stdout,
            DeliveredTo::EnvFile { path, variable, .. } => {
                Self::EnvFile { path: path.display().to_string(), variable }
            }
            DeliveredTo::Keyring { profile, .. } => Self::Keyring { profile },
            DeliveredTo::Command { .. } => Self::Command,
            DeliveredTo::Clipboard { .. } => Self::Clipboard,
        }
    }
}

/// Returns the document of a dry run, which created no key.
pub(crate) fn dry_run(KeyRecord { organization, project, .. }: &KeyRecord) -> String {
    #[derive(Serialize)]
    struct DryRun<'a> {
        schema: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        organization: Option<&'a Named>,
        project: &'a Named,
    }
    let organization = Some(organization).filter(|organization| !organization.is_unknown());
    to_json(&DryRun { schema: "keymint.dry_run/1", organization, project })
}
