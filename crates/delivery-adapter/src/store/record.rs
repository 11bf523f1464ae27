//! The record of a key, without the key itself.

use super::RecordedKey;
use crate::fingerprint::fingerprint;
use crate::wall_clock::{self, utc_now};
use crate::{Command, EnvFile, Keyring};
use keymint_domain::{
    ApiKey, DeliveryReport, DestinationId, KeyId, KnownKey, LastFour, OldKeyOutcome, Project, Target, Title,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;
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

/// The rotation that created a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationRecord {
    /// The [id](super::Journal::id) of the journal of the old key.
    pub replaces: String,
    /// The outcome. `None` if the run was interrupted before the outcome was known.
    #[serde(default, alias = "is_concluded", deserialize_with = "rotation_outcome")]
    pub outcome: Option<RotationOutcome>,
}

/// The outcome of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RotationOutcome {
    /// The old key is revoked.
    Revoked,
    /// The old key may be revoked.
    MayBeRevoked,
    /// The old key is valid, although every destination of it has the new key.
    Kept,
    /// The old key is valid, and some destination of it may not have the new key.
    NotReplaced,
}

/// Deserializes the outcome of a rotation. An earlier version recorded only whether it was known (`is_concluded`).
fn rotation_outcome<'de, D: Deserializer<'de>>(json: D) -> Result<Option<RotationOutcome>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Outcome {
        IsConcluded(bool),
        Outcome(Option<RotationOutcome>),
    }
    Ok(match Outcome::deserialize(json)? {
        Outcome::IsConcluded(is_concluded) => is_concluded.then_some(RotationOutcome::MayBeRevoked),
        Outcome::Outcome(outcome) => outcome,
    })
}

impl From<&OldKeyOutcome> for RotationOutcome {
    fn from(outcome: &OldKeyOutcome) -> Self {
        match outcome {
            OldKeyOutcome::Revoked => Self::Revoked,
            OldKeyOutcome::MayBeRevoked(_) => Self::MayBeRevoked,
            OldKeyOutcome::Kept(_) if outcome.is_replaced() => Self::Kept,
            OldKeyOutcome::Kept(_) => Self::NotReplaced,
        }
    }
}

fn lossy<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_deref().map(Path::to_string_lossy).serialize(serializer)
}

/// A destination that received a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// The id of the destination.
    pub to: String,
    /// The profile, if the destination is a keyring.
    pub profile: Option<String>,
    /// The variable, if the destination is a dotenv file.
    pub variable: Option<String>,
    /// The fingerprint of the command line and its directory, if the destination is a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// True if the delivered key was recognized only by its last four characters, and may be another key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_last_four: bool,
    /// The time of the delivery, in UTC.
    pub at: String,
    /// The time at which this machine removed the key from the keyring, in UTC.
    pub removed_at: Option<String>,
    /// The next key that was delivered to the same place and replaced this one. It is not stored in a journal:
    /// [`StateDir::known_keys`](super::StateDir::known_keys) derives it.
    #[serde(skip)]
    pub replaced_by: Option<Replacement>,
    /// True if the dotenv file has the key, false if it certainly does not, `None` if unknown. It is not stored in a
    /// journal: [`RecordedKey::inspect_files`] determines it.
    #[serde(skip)]
    pub present: Option<bool>,
    /// True if an inspection found that the destination has no key. It is not stored in a journal.
    #[serde(skip)]
    pub(super) is_empty: bool,
}

/// A key that replaced another one at a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replacement {
    /// The [id](super::Journal::id) of the journal of the run that created the new key.
    pub id: String,
    /// The last four characters of the new key.
    pub last4: Option<String>,
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

impl DeliveryRecord {
    /// Creates the record of a delivery to this destination.
    fn new(to: &DestinationId, at: &str) -> Self {
        let slot = |is_of_kind: bool| to.slot().filter(|_| is_of_kind).map(str::to_owned);
        Self {
            to: to.as_str().to_owned(),
            profile: slot(to.as_str() == Keyring::ID),
            variable: slot(to.as_str().starts_with(EnvFile::ID_PREFIX)),
            fingerprint: slot(to.as_str() == Command::ID),
            at: at.to_owned(),
            ..Self::default()
        }
    }

    /// Returns the destination as a new delivery to it would be recorded. The path of a dotenv file is resolved.
    pub fn destination(&self) -> DestinationId {
        let resolved = self.file().and_then(EnvFile::resolve);
        let to = resolved.map_or_else(|| self.to.clone(), |path| EnvFile::id_of(&path));
        let slot = self.slot().map(str::to_owned);
        let id = DestinationId::new(to);
        slot.into_iter().fold(id, DestinationId::with_slot)
    }

    /// Returns whether a later delivery to this destination certainly replaces the key.
    pub fn is_traceable(&self) -> bool {
        self.slot().is_some()
    }

    fn slot(&self) -> Option<&str> {
        [&self.profile, &self.variable, &self.fingerprint].into_iter().flatten().next().map(String::as_str)
    }

    /// Returns the time of the delivery in a form that sorts correctly. The fraction of a second may be missing.
    fn time(&self) -> &str {
        instant(&self.at)
    }

    /// Returns the kind of the destination, as JSON documents name it.
    pub fn kind(&self) -> &str {
        match self.to.as_str() {
            Command::ID => "command",
            _ if self.file().is_some() => "env_file",
            other => other,
        }
    }

    /// Returns the path of the dotenv file, if the destination is one.
    pub fn file(&self) -> Option<&Path> {
        self.to.strip_prefix(EnvFile::ID_PREFIX).map(Path::new)
    }

    /// Returns whether, by the records, the keyring has the key for this profile.
    pub fn is_in_keyring(&self, profile: &str) -> bool {
        self.to == Keyring::ID
            && self.profile.as_deref() == Some(profile)
            && self.removed_at.is_none()
            && self.replaced_by.is_none()
    }

    /// Returns whether the destination may still have the key, by the records and the last inspection.
    pub fn may_have_key(&self) -> bool {
        self.present.unwrap_or(self.removed_at.is_none() && self.replaced_by.is_none())
    }

    /// Returns the destination and its slot: the variable of a file, the profile of a keyring, or the command.
    fn place(&self) -> Option<(&str, &str)> {
        Some((&self.to, self.slot()?))
    }
}

/// Returns a time in a form that sorts as text: without the `Z`, whole seconds sort before their fractions.
fn instant(utc: &str) -> &str {
    utc.strip_suffix('Z').unwrap_or(utc)
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
    /// [inspection](RecordedKey::inspect_files) found the key in a file, it counts whatever the records say.
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

/// Finds, for each delivery, the key that was delivered next to the same place.
pub(super) fn find_replacements(keys: &mut [RecordedKey]) {
    // The deliveries to each place, each with the index of the key and the index of the delivery.
    let mut places: HashMap<_, Vec<(usize, usize)>> = HashMap::new();
    for (key, RecordedKey { record, .. }) in keys.iter().enumerate() {
        for (number, delivery) in record.deliveries.iter().enumerate() {
            if let Some(place) = delivery.place() {
                places.entry(place).or_default().push((key, number));
            }
        }
    }
    let delivery = |(key, number): (usize, usize)| &keys[key].record.deliveries[number];
    let mut replacements = Vec::new();
    for mut place in places.into_values() {
        // Deliveries with the same time keep the order of their keys.
        place.sort_by(|&one, &other| delivery(one).time().cmp(delivery(other).time()));
        let (mut next_of_another, mut next) = (None, None::<(usize, usize)>);
        for own in place.into_iter().rev() {
            if next.is_some_and(|next| next.0 != own.0) {
                next_of_another = next;
            }
            let removed_at = delivery(own).removed_at.as_deref().map(instant);
            let by =
                next_of_another.filter(|&later| removed_at.is_none_or(|at| at >= delivery(later).time()));
            let by = by.map(|(by, _)| &keys[by]);
            let by = by.map(|by| Replacement { id: by.id.clone(), last4: by.record.last4.clone() });
            replacements.push((own, by));
            next = Some(own);
        }
    }
    for ((key, number), by) in replacements {
        keys[key].record.deliveries[number].replaced_by = by;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StateDir;
    use std::sync::Barrier;
    use std::{fs, thread};

    const FILE: &str = "env-file:/home/me/.env";

    /// Creates a state directory with a journal of this line for each id.
    fn state(records: &[(&str, String)]) -> (tempfile::TempDir, StateDir) {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::at(directory.path());
        let journals = state.directory("records").unwrap();
        for (id, line) in records {
            fs::write(journals.join(format!("{id}.jsonl")), line).unwrap();
        }
        (directory, state)
    }

    /// Returns the line of a journal with these deliveries: destination, slot and time.
    fn line(last4: &str, deliveries: &[(&str, &str, &str)]) -> String {
        let deliveries = deliveries.iter().map(|&(to, name, at)| DeliveryRecord {
            to: to.to_owned(),
            profile: (to == Keyring::ID).then(|| name.to_owned()),
            variable: to.starts_with(EnvFile::ID_PREFIX).then(|| name.to_owned()),
            at: at.to_owned(),
            ..DeliveryRecord::default()
        });
        let deliveries = deliveries.collect();
        let last4 = Some(last4.to_owned());
        serde_json::to_string(&KeyRecord { deliveries, last4, ..KeyRecord::of_unknown_origin("a") }).unwrap()
    }

    /// Returns, for each delivery, the last four characters of the key that replaced it.
    fn replaced(state: &StateDir) -> Vec<String> {
        let keys = state.known_keys().unwrap();
        let deliveries = keys.iter().flat_map(|key| &key.record.deliveries);
        let by = deliveries.map(|delivery| delivery.replaced_by.as_ref().and_then(|by| by.last4.clone()));
        by.map(|last4| last4.unwrap_or("-".to_owned())).collect()
    }

    #[test]
    fn a_key_is_replaced_by_the_next_one_at_the_same_place() {
        for (deliveries, by) in [
            ([(FILE, "A", "1"), (FILE, "A", "2"), (FILE, "A", "3")], ["bbbb", "cccc", "-"]),
            // The deliveries are ordered by time, not by key.
            ([(FILE, "A", "3"), (FILE, "A", "1"), (FILE, "A", "2")], ["-", "cccc", "aaaa"]),
            ([(FILE, "A", "1"), (FILE, "B", "2"), ("env-file:/x", "A", "3")], ["-", "-", "-"]),
            (
                [(Keyring::ID, "work", "1"), (Keyring::ID, "home", "2"), (Keyring::ID, "work", "3")],
                ["cccc", "-", "-"],
            ),
            ([("stdout", "", "1"), ("stdout", "", "2"), ("pipe", "", "3")], ["-", "-", "-"]),
            // Two runs may end at the same time, and an earlier version wrote whole seconds.
            ([(FILE, "A", "1"), (FILE, "A", "1"), (FILE, "A", "1")], ["bbbb", "cccc", "-"]),
            (
                [(FILE, "A", "10:00:00.5Z"), (FILE, "A", "10:00:00Z"), (FILE, "A", "10:00:01Z")],
                ["cccc", "aaaa", "-"],
            ),
        ] {
            let [a, b, c] = deliveries;
            let records = [("1", line("aaaa", &[a])), ("2", line("bbbb", &[b])), ("3", line("cccc", &[c]))];
            assert_eq!(replaced(&state(&records).1), by, "{deliveries:?}");
        }
    }

    /// Comparing each delivery with every other one would take minutes.
    #[test]
    fn of_very_many_keys_at_one_place_each_is_replaced_by_the_next_one() {
        let line = line("aaaa", &[(FILE, "A", "1")]);
        let mut keys: Vec<_> = (0..20_000)
            .map(|id: usize| RecordedKey { id: id.to_string(), record: serde_json::from_str(&line).unwrap() })
            .collect();
        find_replacements(&mut keys);
        let by = |key: &RecordedKey| key.record.deliveries[0].replaced_by.as_ref().map(|by| by.id.clone());
        let last = keys.pop().unwrap();
        assert_eq!((by(&last), by(&keys[7])), (None, Some("8".to_owned())));
        assert!(keys.iter().all(|key| by(key).is_some()));
    }

    /// A dotenv file may have become a symbolic link after the delivery.
    #[cfg(unix)]
    #[tokio::test]
    async fn a_recorded_file_is_the_one_that_a_delivery_changes_now() {
        use crate::{Overwrite, VariableName};
        use keymint_domain::KeyDestination;
        let directory = tempfile::tempdir().unwrap();
        let [link, target] = [".env", "real.env"].map(|name| directory.path().join(name));
        let recorded = DestinationId::new(EnvFile::id_of(&link)).with_slot("OPENAI_API_KEY");
        let delivery = DeliveryRecord::new(&recorded, "1");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert_eq!(delivery.destination(), recorded, "it leads nowhere");
        fs::write(&target, "").unwrap();
        let file = EnvFile::inspect(&link, VariableName::default()).await.unwrap();
        assert_eq!(delivery.destination(), file.reserve(Overwrite::Never).unwrap().id());
    }

    #[test]
    fn a_state_directory_that_cannot_be_read_is_an_error_and_a_missing_one_is_empty() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(StateDir::at(directory.path().join("missing")).known_keys().unwrap().len(), 0);
        StateDir::at(&file).known_keys().unwrap_err();
        if cfg!(unix) {
            StateDir::at(file.join("state")).known_keys().unwrap_err();
        }
    }

    #[test]
    fn no_note_of_several_at_once_is_lost() {
        let deliveries = [(Keyring::ID, "work", "1"), (FILE, "A", "1")];
        let (_directory, state) = state(&[("1", line("aaaa", &deliveries))]);
        let start = Barrier::new(8);
        thread::scope(|scope| {
            for number in 0..8 {
                let (state, start) = (&state, &start);
                scope.spawn(move || {
                    start.wait();
                    let slot = format!("V{number}");
                    state.update("1", |record| {
                        let to = DestinationId::new(FILE).with_slot(slot);
                        record.deliveries.push(DeliveryRecord::new(&to, "2"));
                    })
                });
            }
        });
        assert_eq!(state.known_keys().unwrap()[0].record.deliveries.len(), 10);
    }

    #[test]
    fn only_the_key_that_was_in_the_keyring_is_noted_as_removed() {
        let records = [
            ("1", line("aaaa", &[(Keyring::ID, "work", "1"), (FILE, "A", "1")])),
            ("2", line("bbbb", &[(Keyring::ID, "work", "2")])),
            ("3", line("cccc", &[(Keyring::ID, "home", "3")])),
        ];
        let (_directory, state) = state(&records);
        state.note_removed_from_keyring("work").unwrap();
        state.note_removed_from_keyring("other").unwrap();
        let removed = |state: &StateDir| -> Vec<bool> {
            let keys = state.known_keys().unwrap();
            let deliveries = keys.iter().flat_map(|key| &key.record.deliveries);
            deliveries.map(|delivery| delivery.removed_at.is_some()).collect()
        };
        assert_eq!(removed(&state), [false, false, true, false]);
        assert_eq!(replaced(&state), ["bbbb", "-", "-", "-"]);

        // A later key does not replace a key that was removed before.
        let later = line("dddd", &[(Keyring::ID, "work", "9999")]);
        fs::write(state.directory("records").unwrap().join("4.jsonl"), later).unwrap();
        assert_eq!(replaced(&state), ["bbbb", "-", "-", "-", "-"]);
        state.note_removed_from_keyring("work").unwrap();
        assert_eq!(removed(&state), [false, false, true, false, true]);
    }

    #[test]
    fn a_revocation_is_noted_once_and_an_unknown_key_is_an_error() {
        let (_directory, state) = state(&[("1", line("aaaa", &[]))]);
        state.note_revoked("1").unwrap();
        let revoked_at = || state.known_keys().unwrap().remove(0).record.revoked_at;
        let first = revoked_at();
        assert!(first.is_some());
        state.note_revoked("1").unwrap();
        assert_eq!(revoked_at(), first);
        assert_eq!(state.note_revoked("2").unwrap_err().kind(), std::io::ErrorKind::NotFound);
    }

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
    fn the_end_of_a_rotation_of_an_earlier_version_is_read() {
        for (end, outcome) in [
            ("", None),
            (r#","is_concluded":false"#, None),
            (r#","is_concluded":true"#, Some(RotationOutcome::MayBeRevoked)),
            (r#","outcome":null"#, None),
            (r#","outcome":"kept""#, Some(RotationOutcome::Kept)),
        ] {
            let json = format!(r#"{{"replaces":"1"{end}}}"#);
            assert_eq!(serde_json::from_str::<RotationRecord>(&json).unwrap().outcome, outcome, "{json}");
        }
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
