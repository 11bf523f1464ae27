//! The private directory for state that persists between runs.

mod description;
mod inspection;
mod journal;
mod made_here;
mod pending_sign_in;
mod port_lock;
pub mod private_files;
mod record;
mod recovery;
mod room;
mod selection;
mod trusted_file;

use crate::threads;
use crate::wall_clock::utc_now;
pub use description::{AccountDescription, KeyDescription};
pub use journal::{FinishedRun, Journal};
use keymint_domain::DeliveryReport;
pub use made_here::MadeHere;
pub use pending_sign_in::{FindSignInError, PendingSignIn};
pub use port_lock::{PortLock, PortLockError, PortLockHolder};
use private_files::{about, check_owner, check_parent, create_directory, standard_directory};
pub use record::{
    DeliveryRecord, Expiry, KeyOrigin, KeyRecord, KeyState, Named, Replacement, RotationOutcome,
    RotationRecord,
};
pub use recovery::{RecoveryStore, StoredKey};
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
        record::find_replacements(&mut keys);
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
