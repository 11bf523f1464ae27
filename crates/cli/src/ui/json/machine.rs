//! The documents of keys on this machine.

use super::{ChosenKey, Titled, to_json};
use keymint_delivery_adapter::{KeyDescription, KeyRecord, Named, RecordedKey, StoredKey};
use keymint_domain::{InventoryKey, KeyCheck};
use serde::Serialize;
use std::borrow::Cow;

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
