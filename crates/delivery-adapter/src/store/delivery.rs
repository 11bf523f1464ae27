//! The record of a delivery: a destination that received a key.

use crate::{Command, EnvFile, Keyring};
use keymint_domain::DestinationId;
use serde::{Deserialize, Serialize};
use std::path::Path;

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
    /// journal: [`RecordedKey::inspect_files`](super::RecordedKey::inspect_files) determines it.
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

impl DeliveryRecord {
    /// Creates the record of a delivery to this destination.
    pub(super) fn new(to: &DestinationId, at: &str) -> Self {
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
    pub(super) fn time(&self) -> &str {
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
    pub(super) fn place(&self) -> Option<(&str, &str)> {
        Some((&self.to, self.slot()?))
    }
}

/// Returns a time in a form that sorts as text: without the `Z`, whole seconds sort before their fractions.
pub(super) fn instant(utc: &str) -> &str {
    utc.strip_suffix('Z').unwrap_or(utc)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::{Overwrite, VariableName};
    use keymint_domain::KeyDestination;
    use std::fs;

    /// A dotenv file may have become a symbolic link after the delivery.
    #[tokio::test]
    async fn a_recorded_file_is_the_one_that_a_delivery_changes_now() {
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
}
