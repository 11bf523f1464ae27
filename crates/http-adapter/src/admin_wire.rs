//! The JSON bodies of the Admin API.
//!
//! Null counts as absent, and unknown members are ignored.

use crate::admin_entries::ListedKey;
use crate::entries::Entry;
use crate::json::{InvalidBody, Object, object, text};
use crate::wire::{details, secret};
use keymint_domain::{
    ApiKey, CreatedKey, KeyChange, KeyDetails, KeyId, KeyLifetime, KeyScope, NewKey, ProjectKey,
    ServiceAccount, ServiceAccountId,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The body of a request to create a service account.
#[derive(Serialize)]
pub(crate) struct CreateAccount<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_service_account_only: Option<bool>,
}

impl<'a> CreateAccount<'a> {
    pub(crate) fn with_key(name: &'a str) -> Self {
        Self { name, create_service_account_only: None }
    }

    pub(crate) fn without_key(name: &'a str) -> Self {
        Self { name, create_service_account_only: Some(true) }
    }
}

/// The body of a request to add a service account to a project.
#[derive(Serialize)]
pub(crate) struct AddToProject {
    pub(crate) role: &'static str,
}

/// The body of a request to create a service account's key. Without a name, the body of a request to change a key.
#[derive(Serialize)]
pub(crate) struct Restricted<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<&'a str>,
}

impl<'a> Restricted<'a> {
    fn new(name: Option<&'a str>, expires_in: Option<KeyLifetime>, scopes: &'a [KeyScope]) -> Self {
        let expires_in_seconds = expires_in.map(KeyLifetime::as_secs);
        Self { name, expires_in_seconds, scopes: scopes.iter().map(KeyScope::as_str).collect() }
    }
}

impl<'a> From<&'a NewKey> for Restricted<'a> {
    fn from(key: &'a NewKey) -> Self {
        Self::new(Some(&key.name), key.expires_in, &key.scopes)
    }
}

impl<'a> From<&'a KeyChange> for Restricted<'a> {
    fn from(change: &'a KeyChange) -> Self {
        Self::new(None, change.expires_in, &change.scopes)
    }
}

/// The wrapper of a key of a service account.
#[derive(Deserialize)]
struct Value {
    value: Option<String>,
}

/// Parses a key of a service account.
pub(crate) fn account_key(body: &[u8]) -> Result<CreatedKey, InvalidBody> {
    let Value { value } = object(body)?;
    let mut created = CreatedKey::new(secret("value", value, ApiKey::parse)?);
    created.details = whole(body).ok().and_then(details).unwrap_or_default();
    Ok(created)
}

/// Parses a service account with its first key. Flaws in the other members are ignored, so that the key is not lost.
pub(crate) fn service_account(body: &[u8]) -> Result<ServiceAccount, InvalidBody> {
    #[derive(Deserialize)]
    struct Account {
        api_key: Option<Object<Value>>,
    }
    #[derive(Deserialize)]
    struct Parts<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
        #[serde(borrow)]
        api_key: Option<&'a RawValue>,
    }

    let Account { api_key } = object(body)?;
    let value = api_key.and_then(|Object(key)| key.value);
    let mut key = CreatedKey::new(secret("api_key.value", value, ApiKey::parse)?);
    let parts = object::<Parts<'_>>(body).ok();
    let described = parts.as_ref().and_then(|parts| parts.api_key);
    key.details = described.and_then(details).unwrap_or_default();
    let id = parts.and_then(|parts| text(parts.id)).and_then(|id| ServiceAccountId::parse(&id).ok());
    Ok(ServiceAccount::new(id, key))
}

/// Parses a service account without a key. Its id is shown and stored, so it must be public.
pub(crate) fn empty_account(
    body: &[u8],
    is_public: impl Fn(&str) -> bool,
) -> Result<ServiceAccountId, InvalidBody> {
    let id = id(body)?;
    if !is_public(&id) {
        return Err(InvalidBody("id contains a part of a secret".to_owned()));
    }
    ServiceAccountId::parse(&id).map_err(|why| InvalidBody(format!("id is {why}")))
}

/// Parses the description of the key with this id.
pub(crate) fn project_key(body: &[u8], id: &KeyId) -> Result<ProjectKey, InvalidBody> {
    same_id(body, id.as_str())?;
    ListedKey::read(whole(body)?).map(|ListedKey(key)| key).ok_or_else(not_described)
}

/// Parses the answer to a change of the key with this id.
pub(crate) fn updated_key(body: &[u8], id: &KeyId) -> Result<KeyDetails, InvalidBody> {
    same_id(body, id.as_str())?;
    details(whole(body)?).ok_or_else(not_described)
}

/// Checks that the answer confirms the deletion of the object with this id.
pub(crate) fn deleted(body: &[u8], id: &str) -> Result<(), InvalidBody> {
    #[derive(Deserialize)]
    struct Deleted {
        deleted: Option<bool>,
    }

    let Deleted { deleted } = object(body)?;
    same_id(body, id)?;
    if deleted == Some(true) { Ok(()) } else { Err(InvalidBody("deleted is not true".to_owned())) }
}

/// Checks that the answer describes the object with this id.
pub(crate) fn same_id(body: &[u8], expected: &str) -> Result<(), InvalidBody> {
    if id(body)? == expected {
        Ok(())
    } else {
        Err(InvalidBody("id differs from the requested one".to_owned()))
    }
}

fn id(body: &[u8]) -> Result<String, InvalidBody> {
    #[derive(Deserialize)]
    struct Identified {
        id: Option<String>,
    }

    let Identified { id } = object(body)?;
    id.ok_or_else(|| InvalidBody("id is missing".to_owned()))
}

/// Returns the whole answer if it is a JSON object.
fn whole(body: &[u8]) -> Result<&RawValue, InvalidBody> {
    serde_json::from_slice(body).map_err(|_| not_described())
}

fn not_described() -> InvalidBody {
    InvalidBody("it does not describe a key".to_owned())
}
