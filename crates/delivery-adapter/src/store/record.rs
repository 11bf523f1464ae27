//! The record of a key, without the key itself.

use crate::Keyring;
use crate::wall_clock::utc_now;
use keymint_domain::{DeliveryReport, DestinationId, Target, Title};
use serde::{Deserialize, Serialize, Serializer};
use std::path::{Path, PathBuf};

/// The record of a key, without the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The progress of the key.
    pub state: KeyState,
    /// The time of its request, in UTC.
    pub time: String,
    /// Its name.
    pub name: String,
    /// The organization of its project.
    pub organization: Named,
    /// Its project.
    pub project: Named,
    /// The base URL of the platform.
    pub api_base: String,
    /// Its last four characters.
    pub last4: Option<String>,
    /// Its id on the server, if the server sent it.
    pub key_id: Option<String>,
    /// The time of its creation by the server's clock, in UTC, if the server sent it.
    pub created_at: Option<String>,
    /// The time from which it is no longer valid, in UTC, if the server sent it.
    pub expires_at: Option<String>,
    /// The ids of the destinations that have it.
    #[serde(default)]
    pub delivered_to: Vec<String>,
    /// The file of the recovery store that has it. What is not UTF-8 in its path is replaced where it is serialized.
    #[serde(serialize_with = "lossy")]
    pub kept_in: Option<PathBuf>,
    /// The profile of the keyring that has it.
    pub profile: Option<String>,
}

fn lossy<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_deref().map(Path::to_string_lossy).serialize(serializer)
}

/// An organization or a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its title, as the server sent it.
    pub title: Option<String>,
}

/// The progress of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// It was requested. In the journal of a finished run: it may exist.
    Requested,
    /// It exists. In the journal of a finished run: perhaps no destination has it.
    Created,
    /// Each destination has it, or the recovery store.
    Delivered,
    /// It may exist, and the user has been warned.
    Unknown,
}

impl KeyRecord {
    /// The record of a key that is about to be requested.
    pub fn requested(name: &str, target: &Target, api_base: &str) -> Self {
        let named = |id: &str, title: &Option<Title>| Named {
            id: id.to_owned(),
            title: title.as_ref().map(|title| title.raw().to_owned()),
        };
        Self {
            state: KeyState::Requested,
            time: utc_now(),
            organization: named(target.organization_id.as_str(), &target.organization_title),
            project: named(target.project_id.as_str(), &target.project_title),
            api_base: api_base.to_owned(),
            ..Self::of_unknown_origin(name)
        }
    }

    /// The record of a stored key of which only the name is known.
    pub(super) fn of_unknown_origin(name: &str) -> Self {
        let unknown = Named { id: "unknown".to_owned(), title: None };
        Self {
            state: KeyState::Delivered,
            time: String::new(),
            name: name.to_owned(),
            organization: unknown.clone(),
            project: unknown,
            api_base: String::new(),
            last4: None,
            key_id: None,
            created_at: None,
            expires_at: None,
            delivered_to: Vec::new(),
            kept_in: None,
            profile: None,
        }
    }

    /// Adds the destinations that have the key. `profile` is that of a keyring among them.
    pub(super) fn add_destinations(&mut self, report: &DeliveryReport, profile: Option<&str>) {
        let ids = report.delivered_to().iter().map(DestinationId::as_str);
        if ids.clone().any(|id| id == Keyring::ID) {
            self.profile = profile.map(str::to_owned);
        }
        self.delivered_to.extend(ids.map(str::to_owned));
    }
}
