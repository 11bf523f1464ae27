//! The JSON documents that the command prints. Each names its schema.

use crate::error::{self, CliError};
use crate::ui::message::DeliveredTo;
use keymint_delivery_adapter::{
    AccountDescription, KeyDescription, KeyOrigin, KeyRecord, Named, RecordedKey, StoredKey, wall_clock,
};
use keymint_domain::text::escape_json;
use keymint_domain::{
    ApiKey, Candidate, Catalogue, CatalogueEntry, Inventory, InventoryKey, KeptReason, KeyCheck, KeyId,
    KeyOwner, OldKeyOutcome, Project, ProjectKey, Reason, Title,
};
use keymint_host::Advice;
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use std::path::Path;

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

/// Returns the organizations and projects of an account.
pub(crate) fn list(catalogue: &Catalogue) -> String {
    #[derive(Serialize)]
    struct List<'a> {
        schema: &'static str,
        organizations: &'a [CatalogueEntry],
        /// Present only if something is missing.
        #[serde(skip_serializing_if = "Option::is_none")]
        complete: Option<bool>,
    }
    let Catalogue { organizations, complete, .. } = catalogue;
    to_json(&List { schema: "keymint.list/1", organizations, complete: (!complete).then_some(false) })
}

/// Returns the keys of projects on the server. `is_made_here` returns whether this machine made a key.
pub(crate) fn admin_keys(inventory: &Inventory, is_made_here: impl Fn(&KeyId) -> bool) -> String {
    #[derive(Serialize)]
    struct AdminKeys<'a> {
        schema: &'static str,
        projects: Vec<Keys<'a>>,
        /// Present only if something is missing.
        #[serde(skip_serializing_if = "Option::is_none")]
        complete: Option<bool>,
    }
    #[derive(Serialize)]
    struct Keys<'a> {
        #[serde(flatten)]
        project: Titled<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        keys: Option<Vec<Key<'a>>>,
        /// The error that replaces the keys if they could not be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    }
    #[derive(Serialize)]
    struct Key<'a> {
        #[serde(flatten)]
        key: ChosenKey<'a>,
        owner: Option<Owner<'a>>,
        created_at: Option<String>,
        last_used_at: Option<String>,
        expires_at: Option<String>,
        made_here: bool,
    }
    #[derive(Serialize)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Owner<'a> {
        User { name: &'a Option<Title> },
        ServiceAccount { id: Option<&'a str>, name: &'a Option<Title> },
    }
    fn described(key: &ProjectKey, made_here: bool) -> Key<'_> {
        Key {
            key: key.into(),
            owner: match &key.owner {
                Some(KeyOwner::ServiceAccount { id, name }) => {
                    Some(Owner::ServiceAccount { id: id.as_ref().map(|id| id.as_str()), name })
                }
                Some(KeyOwner::User { name }) => Some(Owner::User { name }),
                _ => None,
            },
            created_at: key.created_at.map(wall_clock::utc_of),
            last_used_at: key.last_used_at.map(wall_clock::utc_of),
            expires_at: key.expires_at.map(wall_clock::utc_of),
            made_here,
        }
    }
    // The keys are in the order of their projects.
    let mut keys = inventory.keys.items.iter().peekable();
    let projects = inventory.projects.iter().map(|project| {
        let mut of_project = Vec::new();
        while let Some(listed) = keys.next_if(|listed| listed.project == *project) {
            of_project.push(described(&listed.key, is_made_here(&listed.key.id)));
        }
        let error = inventory.unread.iter().find(|(unread, _)| unread == project);
        Keys {
            project: project.into(),
            keys: error.is_none().then_some(of_project),
            error: error.map(|(_, error)| error.to_string()),
        }
    });
    let (projects, is_partial) = (projects.collect(), !inventory.keys.is_whole());
    to_json(&AdminKeys { schema: "keymint.admin_keys/1", projects, complete: is_partial.then_some(false) })
}

/// Returns the document of a revoked key. `made_here` is true if this machine made it.
pub(crate) fn revoked(InventoryKey { project, key, .. }: &InventoryKey, made_here: bool) -> String {
    #[derive(Serialize)]
    struct Revoked<'a> {
        schema: &'static str,
        project: Titled<'a>,
        key: ChosenKey<'a>,
        made_here: bool,
    }
    let (project, key) = (project.into(), key.into());
    to_json(&Revoked { schema: "keymint.revoked/1", project, key, made_here })
}

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

/// Returns the keys of the recovery store, without the keys themselves.
pub(crate) fn recovery(stored: &[StoredKey]) -> String {
    #[derive(Serialize)]
    struct Recovery<'a> {
        schema: &'static str,
        keys: Vec<RecoverableKey<'a>>,
    }
    #[derive(Serialize)]
    struct RecoverableKey<'a> {
        id: &'a str,
        path: Cow<'a, str>,
        name: &'a str,
        time: &'a str,
        last4: Option<&'a str>,
        organization: &'a Named,
        project: &'a Named,
    }
    let keys = stored.iter().map(|StoredKey { id, path, record }| {
        let KeyRecord { name, time, organization, project, last4, .. } = record;
        let path = path.to_string_lossy();
        RecoverableKey { id, path, name, time, last4: last4.as_deref(), organization, project }
    });
    to_json(&Recovery { schema: "keymint.recovery/1", keys: keys.collect() })
}

/// Returns the document of a key that was deleted from the recovery store.
pub(crate) fn deleted(StoredKey { id, record, .. }: &StoredKey) -> String {
    #[derive(Serialize)]
    struct Deleted<'a> {
        schema: &'static str,
        id: &'a str,
        name: &'a str,
        last4: Option<&'a str>,
    }
    let KeyRecord { name, last4, .. } = record;
    to_json(&Deleted { schema: "keymint.deleted/1", id, name, last4: last4.as_deref() })
}

/// Returns the document of a key that was removed from the keyring, or was not in it, and of the key that was
/// revoked.
pub(crate) fn forgotten(
    profile: &str,
    removed: bool,
    last4: Option<&str>,
    revoked: Option<&InventoryKey>,
) -> String {
    #[derive(Serialize)]
    struct Forgotten<'a> {
        schema: &'static str,
        profile: &'a str,
        removed: bool,
        last4: Option<&'a str>,
        revoked: Option<Revoked<'a>>,
    }
    #[derive(Serialize)]
    struct Revoked<'a> {
        project: Titled<'a>,
        key: ChosenKey<'a>,
    }
    let revoked =
        revoked.map(|InventoryKey { project, key, .. }| Revoked { project: project.into(), key: key.into() });
    to_json(&Forgotten { schema: "keymint.forgotten/1", profile, removed, last4, revoked })
}

/// Returns the keys that this machine has, the oldest first, and the keys that programs started here find, the one in
/// use first. `verified` is the result of checking the key in use, and `reason` says why that key is not accepted.
pub(crate) fn status(
    keys: &[RecordedKey],
    found: &[FoundKey<'_>],
    verified: Option<KeyCheck>,
    reason: Option<&'static str>,
) -> String {
    #[derive(Serialize)]
    struct Status<'a> {
        schema: &'static str,
        keys: Vec<KeyDescription<'a>>,
        in_use: Option<&'a FoundKey<'a>>,
        shadowed: &'a [FoundKey<'a>],
        verified: Option<&'static str>,
        reason: Option<&'static str>,
    }
    let (in_use, shadowed) = found.split_first().unzip();
    let verified = verified.map(KeyCheck::name);
    let (keys, shadowed) = (keys.iter().map(KeyDescription::from).collect(), shadowed.unwrap_or_default());
    to_json(&Status { schema: "keymint.status/2", keys, in_use, shadowed, verified, reason })
}

/// A key that a program finds, without the key itself.
#[derive(Serialize)]
pub(crate) struct FoundKey<'a> {
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) variable: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) profile: Option<&'a str>,
    pub(crate) last4: Option<&'a str>,
    pub(crate) problem: Option<&'a str>,
}

/// Returns the settings, and the configuration file.
pub(crate) fn config(file: Option<&Path>, profile: &str, settings: &[Setting]) -> String {
    let file = file.map(Path::to_string_lossy);
    #[derive(Serialize)]
    struct Config<'a> {
        schema: &'static str,
        file: Option<Cow<'a, str>>,
        profile: &'a str,
        settings: &'a [Setting],
    }
    to_json(&Config { schema: "keymint.config/1", file, profile, settings })
}

/// A setting, its value and its source.
#[derive(Serialize)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) source: String,
    /// The short form of the source, for output that has already named the file.
    #[serde(skip)]
    pub(crate) short_source: String,
}

/// Returns the findings of all checks.
pub(crate) fn doctor(findings: &[Finding]) -> String {
    #[derive(Serialize)]
    struct Doctor<'a> {
        schema: &'static str,
        findings: &'a [Finding],
    }
    to_json(&Doctor { schema: "keymint.doctor/1", findings })
}

/// The result of one check.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) status: Health,
    pub(crate) message: String,
    /// The message for a public report, if the ordinary message contains private values.
    #[serde(skip)]
    pub(crate) public: Option<String>,
    #[serde(serialize_with = "in_one_line")]
    pub(crate) fix: Option<Advice>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Health {
    Ok,
    /// A sign-in works, although perhaps not as expected.
    Warning,
    /// A sign-in would fail.
    Problem,
}

fn in_one_line<S: Serializer>(fix: &Option<Advice>, serializer: S) -> Result<S::Ok, S::Error> {
    let line = fix.as_ref().map(|Advice { text, command }| match command {
        Some(command) => format!("{text} {command}"),
        None => text.clone(),
    });
    line.serialize(serializer)
}

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

/// Serializes a value, with characters escaped that could control a terminal or be invisible.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    escape_json(&serde_json::to_string(value).expect("strings and numbers become JSON"))
}
