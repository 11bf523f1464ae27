//! The tool `key_status`: lists the keys that programs would find, and the keys recorded on this machine.

use crate::call::Call;
use crate::destination::{DeliveredTo, ENV_FILE, shown};
use crate::failure::{Failure, Kind};
use crate::output::{Key, Place};
use crate::roots::Roots;
use keymint_delivery_adapter::{EnvFile, Expiry, KeyState, Keyring, KeyringError, RecordedKey};
use keymint_domain::ApiKey;
use keymint_domain::text::escape;
use serde::Serialize;
use std::env;

/// The maximum number of listed keys. The newest are listed.
const MOST: usize = 50;

/// The keys of this machine, without the keys themselves.
#[derive(Debug, Serialize)]
pub(crate) struct KeyStatus {
    /// The keys that programs find, in the order in which programs look for them.
    found: Vec<Found>,
    /// The keys recorded on this machine, including those that may exist, newest first.
    known: Vec<Known>,
}

/// A source in which programs look for a key.
#[derive(Debug, Serialize)]
struct Found {
    /// `environment` (of this server), `env_file` or `keyring`.
    kind: &'static str,
    /// The absolute path of the file.
    path: Option<String>,
    /// The variable.
    variable: Option<String>,
    /// The last four characters of the key.
    last4: Option<String>,
    /// The reason why there is no key.
    problem: Option<String>,
}

/// A key as its record describes it.
#[derive(Debug, Serialize)]
struct Known {
    #[serde(flatten)]
    key: Key,
    organization: Place,
    project: Place,
    /// The time at which the key was requested, in UTC.
    requested_at: String,
    /// False if the answer to its creation was lost, so that it may not exist.
    exists: bool,
    /// `revoked` by this machine, `expired`, or `valid` as far as this machine can know.
    validity: &'static str,
    /// The destinations that have the key, as far as this machine can know.
    delivered_to: Vec<DeliveredTo>,
    /// The destinations that had the key. It was removed there, or replaced by another key.
    no_longer_in: Vec<DeliveredTo>,
    /// The id with which `recover_key` delivers the key, if it is stored for recovery.
    recovery_id: Option<String>,
}

pub(crate) async fn run(call: Call) -> Result<KeyStatus, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(Kind::Internal, format!("cannot read the key records: {error}"), "")
    };
    let mut keys = call.settings.state.known_keys().map_err(unreadable)?;
    RecordedKey::inspect_files(&mut keys);
    let found = call.unless_cancelled(async { Ok(find(&call).await) }).await?;
    Ok(KeyStatus { found, known: keys.into_iter().rev().take(MOST).map(Known::from).collect() })
}

async fn find(call: &Call) -> Vec<Found> {
    let variable = &call.settings.variable;
    let mut found = Vec::new();
    if let Some(value) = env::var_os(variable.as_str()).filter(|value| !value.is_empty()) {
        let key = value.into_string().ok().and_then(|value| ApiKey::parse(value).ok());
        let key = key.ok_or_else(|| "its value is not a key".to_owned());
        found.push(Found::new("environment", None, Some(variable.as_str()), key));
    }
    if let Ok(roots) = Roots::of(call).await {
        for root in roots.iter() {
            let path = root.join(ENV_FILE);
            let key = match EnvFile::find_key(&path, variable) {
                Ok(None) => continue,
                Ok(Some(key)) => Ok(key),
                Err(error) => Err(error.to_string()),
            };
            found.push(Found::new("env_file", Some(shown(&path)), Some(variable.as_str()), key));
        }
    }
    match Keyring::get(call.settings.profile.as_str()).await {
        Ok(None) | Err(KeyringError::NotBuiltIn | KeyringError::Failed(_)) => {}
        Ok(Some(key)) => found.push(Found::new("keyring", None, None, Ok(key))),
        Err(error) => found.push(Found::new("keyring", None, None, Err(error.to_string()))),
    }
    found
}

impl Found {
    fn new(
        kind: &'static str,
        path: Option<String>,
        variable: Option<&str>,
        key: Result<ApiKey, String>,
    ) -> Self {
        let variable = variable.map(str::to_owned);
        let last4 = key.as_ref().ok().map(|key| key.last_four().to_owned()).filter(|last4| !last4.is_empty());
        Self { kind, path, variable, last4, problem: key.err() }
    }
}

impl From<RecordedKey> for Known {
    fn from(RecordedKey { id, record }: RecordedKey) -> Self {
        let validity = match (&record.revoked_at, record.expiry()) {
            (Some(_), _) => "revoked",
            (None, Some(Expiry::Past(_))) => "expired",
            _ => "valid",
        };
        let (has_it, had_it): (Vec<_>, Vec<_>) =
            record.deliveries.iter().partition(|delivery| delivery.may_have_key());
        let places = |deliveries: Vec<_>| deliveries.into_iter().map(DeliveredTo::from).collect();
        Self {
            validity,
            no_longer_in: places(had_it),
            key: Key::from(&record),
            organization: Place::from(&record.organization),
            project: Place::from(&record.project),
            exists: matches!(record.state, KeyState::Created | KeyState::Delivered),
            delivered_to: places(has_it),
            recovery_id: record.kept_in.map(|_| escape(&id)),
            requested_at: record.time,
        }
    }
}
