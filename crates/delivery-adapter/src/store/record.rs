//! The record of a key, without the key itself.

use super::delivery::DeliveryRecord;
use super::rotation::{RotationOutcome, RotationRecord};
use crate::Keyring;
use crate::fingerprint::fingerprint;
use crate::wall_clock::{self, utc_now};
use keymint_domain::{
    ApiKey, DeliveryReport, DestinationId, KeyId, KnownKey, LastFour, Project, Target, Title,
};
use serde::{Deserialize, Serialize, Serializer};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The record of a key, without the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The progress of the key's creation and delivery.
    pub state: KeyState,
    /// The origin of the key.
    #[serde(default)]
    pub origin: KeyOrigin,
    /// The time of the request, in UTC.
    pub time: String,
    /// The name of the key.
    pub name: String,
    /// The organization of the project.
    pub organization: Named,
    /// The project of the key.
    pub project: Named,
    /// The base URL of the platform.
    pub api_base: String,
    /// The last four characters of the key.
    pub last4: Option<String>,
    /// The first 64 bits of the SHA-256 hash of the key, by which this machine recognizes the key. The hash reveals
    /// nothing about a key with at least 100 random bits. Records of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The id of the key on the server, if the server sent it.
    pub key_id: Option<String>,
    /// The time of the creation by the server's clock, in UTC, if the server sent it.
    pub created_at: Option<String>,
    /// The time from which the key is no longer valid, in UTC, if the server sent it.
    pub expires_at: Option<String>,
    /// The service account that owns the key. Its id is empty until the server sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<Named>,
    /// The time at which this machine revoked the key on the server, in UTC.
    pub revoked_at: Option<String>,
    /// The ids of the destinations that received the key.
    #[serde(default)]
    pub delivered_to: Vec<String>,
    /// The deliveries of the key, each with what happened to it later. Records of earlier versions have none.
    #[serde(default)]
    pub deliveries: Vec<DeliveryRecord>,
    /// The file of the recovery store that has the key. In the serialized path, bytes that are not UTF-8 are
    /// replaced.
    #[serde(serialize_with = "lossy")]
    pub kept_in: Option<PathBuf>,
    /// The profile of the keyring that received the key.
    pub profile: Option<String>,
    /// The rotation that created the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RotationRecord>,
}

fn lossy<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_deref().map(Path::to_string_lossy).serialize(serializer)
}

/// The expiry of a key by the clock of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// The key expires after this time.
    In(Duration),
    /// The key expired this long ago.
    Past(Duration),
}

/// An organization or a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The id.
    pub id: String,
    /// The title, as the server sent it.
    pub title: Option<String>,
}

/// The origin of a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyOrigin {
    /// keymint requested the key.
    #[default]
    Created,
    /// The user imported the key. Its organization and project are [unknown](Named::is_unknown).
    Imported,
}

/// The progress of a key's creation and delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// The key was requested. In the journal of a finished run, this means that the key may exist.
    Requested,
    /// The key exists. In the journal of a finished run, this means that perhaps no destination has it.
    Created,
    /// All destinations or the recovery store have the key.
    Delivered,
    /// The key may exist, and the user was warned.
    Unknown,
}

impl Named {
    const UNKNOWN: &str = "unknown";

    fn unknown() -> Self {
        Self { id: Self::UNKNOWN.to_owned(), title: None }
    }

    /// Returns whether the organization or project is unknown to this machine.
    pub fn is_unknown(&self) -> bool {
        self.id == Self::UNKNOWN
    }
}

impl KeyRecord {
    /// Creates the record of a key that the user imports, before its delivery.
    pub fn imported(name: &str, key: &ApiKey, api_base: &str) -> Self {
        let (origin, time, api_base) = (KeyOrigin::Imported, utc_now(), api_base.to_owned());
        let mut record = Self { origin, time, api_base, ..Self::of_unknown_origin(name) };
        record.identify(key);
        record
    }

    /// Creates the record of a key that is about to be requested.
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

    /// Creates the record of a service account's key that is about to be requested. The account has the name of the
    /// key.
    pub fn requested_for_account(name: &str, project: &Project, api_base: &str) -> Self {
        Self {
            state: KeyState::Requested,
            time: utc_now(),
            project: Named {
                id: project.id.as_str().to_owned(),
                title: project.title.as_ref().map(|title| title.raw().to_owned()),
            },
            service_account: Some(Named { title: Some(name.to_owned()), ..Named::unknown() }),
            api_base: api_base.to_owned(),
            ..Self::of_unknown_origin(name)
        }
    }

    /// Creates the record of a stored key of which only the name is known.
    pub(super) fn of_unknown_origin(name: &str) -> Self {
        Self {
            state: KeyState::Delivered,
            origin: KeyOrigin::Created,
            time: String::new(),
            name: name.to_owned(),
            organization: Named::unknown(),
            project: Named::unknown(),
            api_base: String::new(),
            last4: None,
            fingerprint: None,
            key_id: None,
            created_at: None,
            expires_at: None,
            service_account: None,
            revoked_at: None,
            delivered_to: Vec::new(),
            deliveries: Vec::new(),
            kept_in: None,
            profile: None,
            rotation: None,
        }
    }

    /// Records the last four characters and the fingerprint, by which the key is recognized.
    pub(super) fn identify(&mut self, key: &ApiKey) {
        self.last4 = Some(key.last_four().to_owned());
        self.fingerprint = Some(fingerprint([key.expose().as_bytes()]));
    }

    /// Returns whether this is the record of the key. Without a fingerprint, only the last four characters are
    /// compared, and another key may have the same.
    pub fn is_of(&self, key: &ApiKey) -> bool {
        is_of(&self.fingerprint, &self.last4, key) == Some(true)
    }

    pub(super) fn conclude(&mut self, outcome: RotationOutcome) {
        if let Some(rotation) = &mut self.rotation {
            rotation.outcome = Some(outcome);
        }
    }

    /// Returns the known facts that identify the key in the server's list.
    pub fn known_key(&self) -> KnownKey {
        KnownKey {
            id: self.key_id.as_deref().and_then(|id| KeyId::parse(id).ok()),
            name: self.name.clone(),
            last_four: self.last4.as_deref().and_then(LastFour::parse),
        }
    }

    /// Returns the destinations that still have the key by the records, in two lists: those in which a later delivery
    /// certainly replaces the key, and the others.
    pub fn holders(&self) -> (Vec<DestinationId>, Vec<DestinationId>) {
        let (traceable, others): (Vec<_>, Vec<_>) =
            self.current_deliveries().partition(|delivery| delivery.is_traceable());
        let destinations =
            |of: Vec<&DeliveryRecord>| of.into_iter().map(DeliveryRecord::destination).collect();
        (destinations(traceable), destinations(others))
    }

    /// Returns the deliveries to destinations that still have the key by the records. If an
    /// [inspection](super::RecordedKey::inspect_files) found the key in a file, it counts whatever the records say.
    pub fn current_deliveries(&self) -> impl Iterator<Item = &DeliveryRecord> {
        let is_current = |delivery: &&DeliveryRecord| {
            let is_gone =
                delivery.is_empty || delivery.removed_at.is_some() || delivery.replaced_by.is_some();
            delivery.present == Some(true) || !is_gone
        };
        self.deliveries.iter().filter(is_current)
    }

    /// Adds the destinations that received the key.
    pub(super) fn add_destinations(&mut self, report: &DeliveryReport) {
        let at = utc_now();
        for id in report.delivered_to() {
            let delivery = DeliveryRecord::new(id, &at);
            if delivery.profile.is_some() {
                self.profile.clone_from(&delivery.profile);
            }
            self.delivered_to.push(delivery.to.clone());
            self.deliveries
                .retain(|earlier| earlier.place().is_none() || earlier.place() != delivery.place());
            self.deliveries.push(delivery);
        }
    }

    /// Returns whether the user has to act: the key is stored for recovery, or perhaps no destination has it.
    pub fn needs_attention(&self) -> bool {
        self.kept_in.is_some() || (self.state != KeyState::Delivered && self.revoked_at.is_none())
    }

    /// Returns the time until the key expires, or since it expired. `None` if its expiry is unknown.
    pub fn expiry(&self) -> Option<Expiry> {
        let (expires_at, now) = (wall_clock::unix_of(self.expires_at.as_deref()?)?, wall_clock::unix_now());
        Some(match expires_at.checked_sub(now) {
            None | Some(0) => Expiry::Past(Duration::from_secs(now - expires_at)),
            Some(seconds) => Expiry::In(Duration::from_secs(seconds)),
        })
    }

    /// Completes a record of an earlier version, which had no list of deliveries. The variables are unknown.
    pub(super) fn complete(&mut self) {
        if self.deliveries.is_empty() {
            let delivery = |to: &String| DeliveryRecord {
                to: to.clone(),
                profile: self.profile.clone().filter(|_| to == Keyring::ID),
                at: self.time.clone(),
                ..DeliveryRecord::default()
            };
            self.deliveries = self.delivered_to.iter().map(delivery).collect();
        }
    }
}

/// Returns whether the fingerprint of the key matches or, without a recorded fingerprint, its last four characters.
/// `None` if neither is recorded.
pub(super) fn is_of(recorded: &Option<String>, last4: &Option<String>, key: &ApiKey) -> Option<bool> {
    match recorded {
        Some(recorded) => Some(*recorded == fingerprint([key.expose().as_bytes()])),
        None => last4.as_ref().filter(|last4| !last4.is_empty()).map(|last4| last4 == key.last_four()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{FILE, state};
    use std::fs;

    #[test]
    fn a_record_of_the_first_version_of_this_program_is_read() {
        let old = r#"{"version":1,"state":"delivered","time":"2026-11-26T10:00:00Z","name":"a",
            "organization":{"id":"org-a","title":null},"project":{"id":"proj_a","title":null},"api_base":"",
            "last4":"aaaa","key_id":null,"created_at":null,"expires_at":null,
            "delivered_to":["keyring","env-file:/home/me/.env"],"kept_in":null,"profile":"work"}"#;
        let (_directory, state) = state(&[("1", old.replace('\n', ""))]);
        let record = state.known_keys().unwrap().remove(0).record;
        assert_eq!((record.origin, &record.revoked_at), (KeyOrigin::Created, &None));
        let [keyring, file] = &record.deliveries[..] else { panic!("{record:?}") };
        assert_eq!((&*keyring.at, keyring.profile.as_deref()), ("2026-11-26T10:00:00Z", Some("work")));
        assert_eq!((&*file.to, &file.profile, &file.variable), (FILE, &None, &None));
        state.note_removed_from_keyring("work").unwrap();
        assert!(state.known_keys().unwrap()[0].record.deliveries[0].removed_at.is_some());
    }

    #[test]
    fn an_imported_key_has_no_organization_and_no_secret_in_its_record() {
        let (_directory, state) = state(&[]);
        let key = ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap();
        let record = KeyRecord::imported("mine", &key, "https://api.openai.com");
        assert!(record.organization.is_unknown() && record.project.is_unknown());
        state.journal().unwrap().requested(record).unwrap();
        let journals = state.directory("records").unwrap();
        let journal = fs::read_dir(journals).unwrap().next().unwrap().unwrap().path();
        let text = fs::read_to_string(journal).unwrap();
        assert!(text.contains("\"imported\"") && text.contains("\"6789\""), "{text}");
        assert!(!text.contains("0123"), "{text}");
    }

    #[test]
    fn a_key_with_the_same_end_is_another_one_unless_its_record_has_the_end_alone() {
        let [key, other] =
            ["sk-proj-0123456789", "sk-proj-another-6789"].map(|key| ApiKey::parse(key.to_owned()).unwrap());
        let mut record = KeyRecord::imported("mine", &key, "");
        assert_eq!([&key, &other].map(|key| record.is_of(key)), [true, false]);
        record.fingerprint = None;
        assert_eq!([&key, &other].map(|key| record.is_of(key)), [true, true]);
        record.last4 = None;
        assert_eq!([&key, &other].map(|key| record.is_of(key)), [false, false]);
    }
}
