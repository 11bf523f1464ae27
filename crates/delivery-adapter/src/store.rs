//! The private directory of what is kept from one run to the next.

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
pub use port_lock::{PortLock, PortLockError};
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

/// The directory of the journals, and the directory of the keys whose destination failed.
const JOURNALS: &str = "records";
const RECOVERY: &str = "recovery";

/// The private directory of what is kept from one run to the next. It is created when something is kept.
#[derive(Debug, Clone)]
pub struct StateDir(PathBuf);

/// A key that this machine was given, or may have been given.
#[derive(Debug, Clone)]
pub struct RecordedKey {
    /// The [id](Journal::id) of the journal of its run.
    pub id: String,
    /// What is known of it.
    pub record: KeyRecord,
}

impl StateDir {
    /// The directory at this path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory of keymint: `$XDG_STATE_HOME/keymint`, or its equivalent on this system.
    ///
    /// # Errors
    ///
    /// If there is no home directory.
    pub fn open_default() -> io::Result<Self> {
        standard_directory("XDG_STATE_HOME", "LOCALAPPDATA", ".local/state")
            .map(|base| Self(base.join("keymint")))
            .ok_or_else(|| io::Error::other("there is no home directory"))
    }

    /// The path of the directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the directory of this name in it, and creates it if it does not exist. No other user may
    /// write in it.
    ///
    /// # Errors
    ///
    /// If it cannot be created, or another user may write in it.
    pub fn directory(&self, name: &str) -> io::Result<PathBuf> {
        let directory = self.0.join(name);
        create_directory(&self.0)
            .and_then(|()| create_directory(&directory))
            .map_err(|error| about(&directory, &error))?;
        Ok(directory)
    }

    /// Checks, without creating anything, whether something can be kept.
    ///
    /// # Errors
    ///
    /// If it cannot.
    pub fn check(&self) -> io::Result<()> {
        // A missing directory is created in the nearest one that exists.
        let exists = |directory: &&Path| directory.symlink_metadata().is_ok();
        let nearest = self.0.ancestors().find(exists).unwrap_or(&self.0);
        check_directory(nearest, nearest == self.0).map_err(|error| about(nearest, &error))
    }

    /// Begins the journal of this run, and takes what is needed to keep its key for recovery: the room, and a
    /// thread.
    ///
    /// # Errors
    ///
    /// If one of them cannot be had.
    pub fn journal(&self) -> io::Result<Journal> {
        threads::keep_one_ready();
        let recovery = self.directory(RECOVERY)?;
        let mut journal = Journal::begin_in(&self.directory(JOURNALS)?)?;
        journal.reserve_room(&recovery)?;
        Ok(journal)
    }

    /// The journals of the runs that have ended, the oldest first. Those that cannot be read are skipped.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read.
    pub fn finished_runs(&self) -> io::Result<Vec<FinishedRun>> {
        journal::finished_runs_in(&self.directory(JOURNALS)?)
    }

    /// The keys that this machine was given or may have been given, the oldest first. `kept_in` of a record is where
    /// the recovery store has the key now. Nothing is created if nothing was ever kept.
    ///
    /// # Errors
    ///
    /// If a directory cannot be read.
    pub fn known_keys(&self) -> io::Result<Vec<RecordedKey>> {
        if !self.0.try_exists().map_err(|error| about(&self.0, &error))? {
            return Ok(Vec::new());
        }
        let runs = self.finished_runs()?.into_iter();
        let mut keys: Vec<_> = runs.map(|run| RecordedKey { id: run.id, record: run.record }).collect();
        // What a journal says is kept may have been deleted by hand, and the other way round.
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

    /// Notes that destinations were given a known key again, by the [id](RecordedKey::id) of the key.
    ///
    /// # Errors
    ///
    /// If the journal of the key does not exist, belongs to a run that has not ended, or cannot be written.
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

    /// Notes that a known key was revoked on the server, by the [id](RecordedKey::id) of the key.
    ///
    /// # Errors
    ///
    /// If the journal of the key does not exist, belongs to a run that has not ended, or cannot be written.
    pub fn note_revoked(&self, id: &str) -> io::Result<()> {
        self.update(id, |record| {
            record.revoked_at.get_or_insert_with(utc_now);
        })
    }

    /// Notes that the keyring no longer has the key of a profile. Nothing is noted if no known key was there.
    ///
    /// # Errors
    ///
    /// If a journal cannot be read or written.
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

    /// The recovery store for the key of a run, by the [id](Journal::id) of its journal. Another
    /// id may have the characters `A-Za-z0-9._-` and does not begin with a dot, or no key is delivered.
    pub fn recovery(&self, id: &str) -> RecoveryStore {
        RecoveryStore { state: self.clone(), id: id.to_owned(), path: None }
    }

    /// The keys that recovery stores have, the oldest first.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read.
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
