//! The private directory for state that persists between runs.

mod delivery;
mod description;
mod inspection;
mod journal;
mod made_here;
mod pending_sign_in;
mod port_lock;
pub mod private_files;
mod record;
mod recovery;
mod replacement;
mod room;
mod rotation;
mod selection;
mod trusted_file;

use crate::threads;
use crate::wall_clock::utc_now;
pub use delivery::{DeliveryRecord, Replacement};
pub use description::{AccountDescription, KeyDescription};
pub use journal::{FinishedRun, Journal};
use keymint_domain::DeliveryReport;
pub use made_here::MadeHere;
pub use pending_sign_in::{FindSignInError, PendingSignIn};
pub use port_lock::{PortLock, PortLockError, PortLockHolder};
use private_files::{about, check_owner, check_parent, create_directory, standard_directory};
pub use record::{Expiry, KeyOrigin, KeyRecord, KeyState, Named};
pub use recovery::{RecoveryStore, StoredKey};
pub use rotation::{RotationOutcome, RotationRecord};
pub use selection::is_same_file;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
pub use trusted_file::{check_trusted_directory, read_trusted};

/// The subdirectories of the journals and of the keys that are stored for recovery.
const JOURNALS: &str = "records";
const RECOVERY: &str = "recovery";

/// The private directory for state that persists between runs. It is created when something is first stored.
#[derive(Debug, Clone)]
pub struct StateDir(PathBuf);

/// A recorded key: this machine created or imported it, or requested it without learning the outcome.
#[derive(Debug, Clone)]
pub struct RecordedKey {
    /// The [id](Journal::id) of the journal of the run that created it.
    pub id: String,
    /// The record of the key.
    pub record: KeyRecord,
}

impl StateDir {
    /// Returns the state directory at this path, without creating it.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Returns keymint's state directory, `$XDG_STATE_HOME/keymint` or its equivalent on this system, without
    /// creating it.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if there is no home directory.
    pub fn open_default() -> io::Result<Self> {
        standard_directory("XDG_STATE_HOME", "LOCALAPPDATA", ".local/state")
            .map(|base| Self(base.join("keymint")))
            .ok_or_else(|| io::Error::other("there is no home directory"))
    }

    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path of a subdirectory, and creates the subdirectory if it does not exist.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if it cannot be created, or if another user may write in it.
    pub fn directory(&self, name: &str) -> io::Result<PathBuf> {
        let directory = self.0.join(name);
        create_directory(&self.0)
            .and_then(|()| create_directory(&directory))
            .map_err(|error| about(&directory, &error))?;
        Ok(directory)
    }

    /// Checks whether state can be stored, without creating anything.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if state cannot be stored.
    pub fn check(&self) -> io::Result<()> {
        // A missing directory is created in its nearest existing ancestor.
        let exists = |directory: &&Path| directory.symlink_metadata().is_ok();
        let nearest = self.0.ancestors().find(exists).unwrap_or(&self.0);
        check_directory(nearest, nearest == self.0).map_err(|error| about(nearest, &error))
    }

    /// Begins the journal of this run. Also reserves the disk space and a thread to store the key for recovery.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the journal cannot be written or the disk space cannot be reserved.
    pub fn journal(&self) -> io::Result<Journal> {
        threads::keep_one_ready();
        let recovery = self.directory(RECOVERY)?;
        let mut journal = Journal::begin_in(&self.directory(JOURNALS)?)?;
        journal.reserve_room(&recovery)?;
        Ok(journal)
    }

    /// Returns the journals of the runs that have ended, the oldest first. Skips those that cannot be read.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the directory cannot be read.
    pub fn finished_runs(&self) -> io::Result<Vec<FinishedRun>> {
        journal::finished_runs_in(&self.directory(JOURNALS)?)
    }

    /// Returns the recorded keys, including those that may exist, the oldest first. Creates nothing if there is no
    /// state directory.
    ///
    /// [`kept_in`](KeyRecord::kept_in) of a record is the file that has the key in the recovery store now.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if a directory cannot be read.
    pub fn known_keys(&self) -> io::Result<Vec<RecordedKey>> {
        if !self.0.try_exists().map_err(|error| about(&self.0, &error))? {
            return Ok(Vec::new());
        }
        let runs = self.finished_runs()?.into_iter();
        let mut keys: Vec<_> = runs.map(|run| RecordedKey { id: run.id, record: run.record }).collect();
        // A stored key may have been deleted by hand, or stored without an entry in its journal.
        keys.iter_mut().for_each(|key| key.record.kept_in = None);
        for stored in self.stored_keys()? {
            let kept_in = Some(stored.path);
            match keys.iter_mut().find(|key| key.id == stored.id) {
                Some(key) => key.record.kept_in = kept_in,
                None => {
                    keys.push(RecordedKey { id: stored.id, record: KeyRecord { kept_in, ..stored.record } })
                }
            }
        }
        replacement::find_replacements(&mut keys);
        Ok(keys)
    }

    /// Records that destinations received a recorded key again. `id` is the [id](RecordedKey::id) of the key.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the journal of the key does not exist, belongs to a running program, or cannot be written.
    pub fn note_delivered(&self, id: &str, report: &DeliveryReport) -> io::Result<()> {
        self.update(id, |record| {
            record.add_destinations(report);
            let is_by_last_four = record.fingerprint.is_none();
            let new = record.deliveries.iter_mut().rev().take(report.delivered_to().len());
            new.for_each(|delivery| delivery.by_last_four = is_by_last_four);
            if !report.delivered_to().is_empty() {
                record.state = KeyState::Delivered;
            }
        })
    }

    /// Records that a key was revoked on the server. `id` is the [id](RecordedKey::id) of the key.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the journal of the key does not exist, belongs to a running program, or cannot be written.
    pub fn note_revoked(&self, id: &str) -> io::Result<()> {
        self.update(id, |record| {
            record.revoked_at.get_or_insert_with(utc_now);
        })
    }

    /// Records that the key of a profile was removed from the keyring. Does nothing if no recorded key was there.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if a journal cannot be read or written.
    pub fn note_removed_from_keyring(&self, profile: &str) -> io::Result<()> {
        let was_there = |delivery: &DeliveryRecord| delivery.is_in_keyring(profile);
        for key in self.known_keys()? {
            if key.record.deliveries.iter().any(was_there) {
                self.update(&key.id, |record| {
                    for delivery in record.deliveries.iter_mut().filter(|delivery| was_there(delivery)) {
                        delivery.removed_at = Some(utc_now());
                    }
                })?;
            }
        }
        Ok(())
    }

    /// Changes the record in the journal of a run that has ended.
    fn update(&self, id: &str, change: impl FnOnce(&mut KeyRecord)) -> io::Result<()> {
        journal::update_finished(&self.directory(JOURNALS)?, id, change).map(drop)
    }

    /// Returns the recovery store for the key of a run. `id` is the [id](Journal::id) of its journal.
    ///
    /// Any other id must consist of the characters `A-Za-z0-9._-` and not begin with a dot. Otherwise a delivery to
    /// the store fails.
    pub fn recovery(&self, id: &str) -> RecoveryStore {
        RecoveryStore { state: self.clone(), id: id.to_owned(), path: None }
    }

    /// Returns the keys in the recovery store, the oldest first.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the directory cannot be read.
    pub fn stored_keys(&self) -> io::Result<Vec<StoredKey>> {
        recovery::list(self)
    }
}

fn check_directory(directory: &Path, must_be_private: bool) -> io::Result<()> {
    if !fs::metadata(directory)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    #[cfg(unix)]
    rustix::fs::access(directory, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)?;
    if must_be_private { check_owner(directory) } else { check_parent(directory) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EnvFile, Keyring};
    use keymint_domain::DestinationId;
    use std::sync::Barrier;
    use std::thread;

    pub(super) const FILE: &str = "env-file:/home/me/.env";

    /// Creates a state directory with a journal of this line for each id.
    pub(super) fn state(records: &[(&str, String)]) -> (tempfile::TempDir, StateDir) {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::at(directory.path());
        let journals = state.directory("records").unwrap();
        for (id, line) in records {
            fs::write(journals.join(format!("{id}.jsonl")), line).unwrap();
        }
        (directory, state)
    }

    /// Returns the line of a journal with these deliveries: destination, slot and time.
    pub(super) fn line(last4: &str, deliveries: &[(&str, &str, &str)]) -> String {
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
    pub(super) fn replaced(state: &StateDir) -> Vec<String> {
        let keys = state.known_keys().unwrap();
        let deliveries = keys.iter().flat_map(|key| &key.record.deliveries);
        let by = deliveries.map(|delivery| delivery.replaced_by.as_ref().and_then(|by| by.last4.clone()));
        by.map(|last4| last4.unwrap_or("-".to_owned())).collect()
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
}
