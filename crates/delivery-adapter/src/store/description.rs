//! The documented, machine-readable description of a recorded key.

use super::{DeliveryRecord, KeyOrigin, KeyState, Named, RecordedKey, Replacement, RotationRecord};
use serde::Serialize;
use std::borrow::Cow;
use std::path::Path;

/// The description of a recorded key, without the key itself and without its hash.
#[derive(Debug, Serialize)]
pub struct KeyDescription<'a> {
    id: &'a str,
    state: KeyState,
    origin: KeyOrigin,
    time: &'a str,
    name: &'a str,
    organization: &'a Named,
    project: &'a Named,
    api_base: &'a str,
    last4: &'a Option<String>,
    key_id: &'a Option<String>,
    created_at: &'a Option<String>,
    expires_at: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account: Option<AccountDescription<'a>>,
    revoked_at: &'a Option<String>,
    delivered_to: Vec<Delivery<'a>>,
    kept_in: Option<Cow<'a, str>>,
    profile: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation: Option<&'a RotationRecord>,
}

/// A destination that received a key.
#[derive(Debug, Serialize)]
struct Delivery<'a> {
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<&'a str>,
    at: &'a str,
    removed_at: &'a Option<String>,
    replaced_by: &'a Option<Replacement>,
    present: Option<bool>,
}

/// The service account that owns a key. The id is null while it is unknown.
#[derive(Debug, Serialize)]
pub struct AccountDescription<'a> {
    id: Option<&'a str>,
    name: &'a Option<String>,
}

impl<'a> From<&'a Named> for AccountDescription<'a> {
    fn from(account: &'a Named) -> Self {
        Self { id: (!account.is_unknown()).then_some(&account.id), name: &account.title }
    }
}

impl<'a> From<&'a DeliveryRecord> for Delivery<'a> {
    fn from(delivery: &'a DeliveryRecord) -> Self {
        Self {
            kind: delivery.kind(),
            path: delivery.file().map(Path::to_string_lossy),
            variable: delivery.variable.as_deref(),
            profile: delivery.profile.as_deref(),
            fingerprint: delivery.fingerprint.as_deref(),
            at: &delivery.at,
            removed_at: &delivery.removed_at,
            replaced_by: &delivery.replaced_by,
            present: delivery.present,
        }
    }
}

impl<'a> From<&'a RecordedKey> for KeyDescription<'a> {
    fn from(RecordedKey { id, record }: &'a RecordedKey) -> Self {
        Self {
            id,
            state: record.state,
            origin: record.origin,
            time: &record.time,
            name: &record.name,
            organization: &record.organization,
            project: &record.project,
            api_base: &record.api_base,
            last4: &record.last4,
            key_id: &record.key_id,
            created_at: &record.created_at,
            expires_at: &record.expires_at,
            service_account: record.service_account.as_ref().map(AccountDescription::from),
            revoked_at: &record.revoked_at,
            delivered_to: record.deliveries.iter().map(Delivery::from).collect(),
            kept_in: record.kept_in.as_deref().map(Path::to_string_lossy),
            profile: &record.profile,
            rotation: record.rotation.as_ref(),
        }
    }
}
