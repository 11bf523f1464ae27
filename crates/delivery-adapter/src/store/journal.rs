//! The journal of a run.
//!
//! Each run records a key, without the key itself, before it requests the key. If the program, the machine or the
//! response is lost after that, the record shows that a key may exist.

use super::private_files;
use super::record::{KeyRecord, KeyState};
use super::room::Room;
use super::rotation::RotationOutcome;
use crate::threads;
use crate::wall_clock::utc_of;
use keymint_domain::{ApiKey, DeliveryReport, KeyDetails, ServiceAccountId};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The extension of a journal's file name.
const EXTENSION: &str = "jsonl";

/// The file next to the journals that is locked while the journal of a finished run is changed.
const LOCK: &str = "lock";

/// The version of the record's format. Records of other versions are ignored.
const VERSION: u32 = 1;

/// A line of a journal.
#[derive(Serialize, Deserialize)]
struct Line<T> {
    /// The version of the record's format. The first version had no such member.
    #[serde(default = "first_version")]
    version: u32,
    #[serde(flatten)]
    record: T,
}

fn first_version() -> u32 {
    1
}

/// The journal of this run. Each line of its file is a complete [`KeyRecord`], and the last complete line counts, so
/// that nothing is lost if the run is killed during a write. The file is locked while the run is alive.
#[derive(Debug)]
pub struct Journal {
    id: String,
    file: Option<(PathBuf, File)>,
    record: Option<KeyRecord>,
    /// The reserved disk space for the key in the recovery store.
    room: Option<Room>,
}

impl Journal {
    /// Returns a journal that writes no file, for a run that creates no key or only a worthless one.
    pub fn disabled() -> Self {
        Self { id: private_files::new_id(), file: None, record: None, room: None }
    }

    /// Creates the file, to detect an error before a key is requested. Dropping the journal removes the file, unless
    /// a key was requested.
    pub(super) fn begin_in(directory: &Path) -> io::Result<Self> {
        let id = private_files::new_id();
        let path = directory.join(format!("{id}.{EXTENSION}"));
        let file = private_files::new_file(&path)?;
        // No other run has this id.
        private_files::try_lock(&file);
        Ok(Self { id, file: Some((path, file)), record: None, room: None })
    }

    /// Reserves disk space in the recovery store until the journal is dropped. Frees the reservations of killed runs.
    pub(super) fn reserve_room(&mut self, recovery: &Path) -> io::Result<()> {
        if let Some((path, _)) = &self.file {
            Room::free_abandoned(recovery, |id| {
                is_live(&path.with_file_name(format!("{id}.{EXTENSION}")), id)
            });
        }
        self.room = Some(Room::reserve(recovery, &self.id)?);
        Ok(())
    }

    /// Returns the id of the run, which is unique.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the record of the requested key. `None` if no key was requested.
    pub fn record(&self) -> Option<&KeyRecord> {
        self.record.as_ref()
    }

    /// Syncs the empty file and its name to the disk. This detects an error early, and makes [`requested`] faster.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the disk fails.
    ///
    /// [`requested`]: Self::requested
    pub async fn sync(&self) -> io::Result<()> {
        let Some((path, file)) = &self.file else { return Ok(()) };
        let (path, file) = (path.clone(), file.try_clone()?);
        let synced =
            threads::run(move || sync(&path, &file).map_err(|error| private_files::about(&path, &error)));
        synced.await?
    }

    /// Records that a key is about to be requested, and syncs the record to the disk.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the disk fails. The key must not be requested then.
    pub fn requested(&mut self, record: KeyRecord) -> io::Result<()> {
        if let Some((path, file)) = &mut self.file {
            append(file, &record)
                .and_then(|()| sync(path, file))
                .map_err(|error| private_files::about(path, &error))?;
        }
        self.record = Some(record);
        Ok(())
    }

    /// Records that the key exists, with the server's description. The record is not synced, so that the key does not
    /// wait for the disk: after a power failure, the record may say only that the key was requested.
    pub fn created(&mut self, key: &ApiKey, details: &KeyDetails) {
        self.update(|record| {
            record.state = KeyState::Created;
            record.identify(key);
            record.key_id = details.id.as_ref().map(|id| id.as_str().to_owned());
            record.created_at = details.created_at.map(utc_of);
            record.expires_at = details.expires_at.map(utc_of);
        });
    }

    /// Records the id of the service account that owns the key.
    pub fn service_account(&mut self, id: &ServiceAccountId) {
        self.update(|record| {
            if let Some(account) = &mut record.service_account {
                id.as_str().clone_into(&mut account.id);
            }
        });
    }

    /// Records the destinations that have the key.
    pub fn delivered(&mut self, report: &DeliveryReport) {
        self.update(|record| {
            record.add_destinations(report);
            if !report.must_be_kept() {
                record.state = KeyState::Delivered;
            }
        });
        self.flush();
    }

    /// Records the file of the recovery store that has the key.
    pub fn kept(&mut self, path: &Path) {
        self.update(|record| {
            record.state = KeyState::Delivered;
            record.kept_in = Some(path.to_owned());
        });
        self.flush();
    }

    /// Records the outcome of the rotation. The caller reports it to the user, since no later run does.
    pub fn concluded(&mut self, outcome: RotationOutcome) {
        self.update(|record| record.conclude(outcome));
        self.flush();
    }

    /// Records that the key may exist. The caller warns the user, since no later run does.
    pub fn unknown(&mut self) {
        self.update(|record| record.state = KeyState::Unknown);
        self.flush();
    }

    /// Records that certainly no key exists.
    pub fn discard(&mut self) {
        self.record = None;
    }

    /// Writes a change of the record. A write error is ignored, since a created key must not wait for the disk. The
    /// earlier line already says that the key may exist.
    fn update(&mut self, change: impl FnOnce(&mut KeyRecord)) {
        if let Some(record) = &mut self.record {
            change(record);
            if let Some((_, file)) = &mut self.file {
                let _ = append(file, record);
            }
        }
    }

    fn flush(&self) {
        if let Some((_, file)) = &self.file {
            let _ = file.sync_all();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let (None, Some((path, _))) = (&self.record, &self.file) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Syncs a file and its name to the disk.
fn sync(path: &Path, file: &File) -> io::Result<()> {
    file.sync_all().and_then(|()| path.parent().map_or(Ok(()), private_files::sync_directory))
}

fn append(file: &mut File, record: &KeyRecord) -> io::Result<()> {
    let line = serde_json::to_string(&Line { version: VERSION, record })?;
    // The last line may be incomplete, so this one begins with a newline.
    file.write_all(format!("\n{line}").as_bytes())
}

/// The journal of a run that has ended.
#[derive(Debug)]
pub struct FinishedRun {
    /// The id of the run.
    pub id: String,
    /// The last record of its key.
    pub record: KeyRecord,
    directory: PathBuf,
}

impl FinishedRun {
    /// Returns the id of the old key's run, if this run was a rotation that delivered its key and was interrupted
    /// after that.
    pub fn unconcluded_rotation(&self) -> Option<&str> {
        let KeyRecord { state, deliveries, rotation, .. } = &self.record;
        let is_delivered = *state == KeyState::Delivered && !deliveries.is_empty();
        let rotation = rotation.as_ref().filter(|rotation| is_delivered && rotation.outcome.is_none())?;
        Some(&rotation.replaces)
    }

    /// Records that the rotation was interrupted, and that the user was warned about it.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the journal cannot be written.
    pub fn cut_short(&mut self) -> io::Result<()> {
        self.update(|record| record.conclude(RotationOutcome::MayBeRevoked))
    }

    /// Records that the user was warned that the key may exist.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the journal cannot be written.
    pub fn unknown(&mut self) -> io::Result<()> {
        self.update(|record| record.state = KeyState::Unknown)
    }

    fn update(&mut self, change: impl FnOnce(&mut KeyRecord)) -> io::Result<()> {
        self.record = update_finished(&self.directory, &self.id, change)?;
        Ok(())
    }
}

/// Changes the record of a finished run, and returns it. The record is read again under a lock, so that no change by
/// another process is lost.
pub(super) fn update_finished(
    directory: &Path,
    id: &str,
    change: impl FnOnce(&mut KeyRecord),
) -> io::Result<KeyRecord> {
    let path = directory.join(format!("{id}.{EXTENSION}"));
    let lock = private_files::open_or_create(&directory.join(LOCK))?;
    // A file system without locks excludes no other process. A holder only reads and appends.
    let _ = lock.lock();
    let FinishedRun { mut record, .. } = read(path.clone()).ok_or(io::ErrorKind::NotFound)?;
    change(&mut record);
    let mut file = File::options().append(true).open(path)?;
    append(&mut file, &record)?;
    file.sync_all()?;
    Ok(record)
}

pub(super) fn finished_runs_in(directory: &Path) -> io::Result<Vec<FinishedRun>> {
    Ok(private_files::list(directory, EXTENSION)?.into_iter().filter_map(read).collect())
}

/// Returns whether the run of a journal is alive. A live run holds the lock of its journal.
fn is_live(path: &Path, id: &str) -> bool {
    private_files::open(path).is_ok_and(|file| private_files::is_live(&file, id))
}

fn read(path: PathBuf) -> Option<FinishedRun> {
    let file = private_files::open(&path).ok()?;
    let id = path.file_stem()?.to_str()?.to_owned();
    // A live run holds the lock of its journal.
    if private_files::is_live(&file, &id) {
        return None;
    }
    let text = private_files::read_small(file).ok()?;
    // An incomplete line may end within a character.
    let text = String::from_utf8_lossy(&text);
    let is_whole = |line: &&str| serde_json::from_str::<IgnoredAny>(line).is_ok();
    // If the last complete line has another version, the earlier lines are outdated.
    let last = text.lines().rev().find(is_whole)?;
    let Line { version, mut record } = serde_json::from_str::<Line<KeyRecord>>(last).ok()?;
    record.complete();
    let directory = path.parent()?.to_owned();
    (version == VERSION).then_some(FinishedRun { id, record, directory })
}

#[cfg(test)]
mod tests {
    use super::*;
    use keymint_domain::KeyId;
    use std::fs::OpenOptions;

    fn record(state: KeyState) -> KeyRecord {
        KeyRecord { state, ..KeyRecord::of_unknown_origin("a name") }
    }

    /// Returns the only run, once it has ended. A process that another test starts has the lock as well, until it is
    /// executed.
    fn finished_run_in(directory: &Path) -> FinishedRun {
        loop {
            let mut runs = finished_runs_in(directory).unwrap();
            assert!(runs.len() < 2);
            if let Some(run) = runs.pop() {
                return run;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_journal_is_seen_when_its_run_has_ended_and_says_the_last_that_was_known() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin_in(directory.path()).unwrap();
        journal.requested(record(KeyState::Requested)).unwrap();
        let mut details = KeyDetails::default();
        details.id = KeyId::parse("key_1").ok();
        details.expires_at = Some(1_771_927_200);
        journal.created(&ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap(), &details);
        assert!(finished_runs_in(directory.path()).unwrap().is_empty(), "it still runs");

        let id = journal.id().to_owned();
        drop(journal);
        let run = finished_run_in(directory.path());
        assert_eq!((&run.id, run.record.state), (&id, KeyState::Created));
        let KeyRecord { last4, key_id, created_at, expires_at, .. } = &run.record;
        let described = [last4, key_id, created_at, expires_at].map(Option::as_deref);
        assert_eq!(described, [Some("6789"), Some("key_1"), None, Some("2026-02-24T10:00:00Z")]);
    }

    #[test]
    fn a_line_that_was_cut_short_does_not_count() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin_in(directory.path()).unwrap();
        journal.requested(record(KeyState::Requested)).unwrap();
        let path = journal.file.as_ref().unwrap().0.clone();
        drop(journal);
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        for cut_short in [&b"\n{\"state\":\"deliv"[..], b"\n{\"title\":\"caf\xc3"] {
            file.write_all(cut_short).unwrap();
        }
        let mut run = finished_run_in(directory.path());
        assert_eq!(run.record.state, KeyState::Requested);
        run.unknown().unwrap();
        assert_eq!(finished_run_in(directory.path()).record.state, KeyState::Unknown);
    }

    #[test]
    fn a_last_line_of_another_version_or_a_file_of_another_program_says_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a-run.jsonl");
        let record = record(KeyState::Created);
        let without_version = serde_json::to_string(&record).unwrap();
        let ours = serde_json::to_string(&Line { version: VERSION, record }).unwrap();
        assert_ne!(without_version, ours);
        let padded = format!("{}{ours}", "\n".repeat(1024 * 1024));
        for (last, is_read) in [
            (ours.as_str(), true),
            (&without_version, true),
            (&ours.replace("\"version\":1", "\"version\":2"), false),
            (&ours.replace("\"created\"", "\"moved\""), false),
            ("{}", false),
            ("7", false),
            (&padded, false),
        ] {
            fs::write(&path, format!("{ours}\n{last}\n")).unwrap();
            assert_eq!(
                finished_runs_in(directory.path()).unwrap().len(),
                usize::from(is_read),
                "{last:.200}"
            );
        }
    }

    #[test]
    fn a_run_that_requested_nothing_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        drop(Journal::begin_in(directory.path()).unwrap());
        let mut discarded = Journal::begin_in(directory.path()).unwrap();
        discarded.requested(record(KeyState::Requested)).unwrap();
        discarded.discard();
        drop(discarded);
        let mut failed = Journal::begin_in(directory.path()).unwrap();
        let (path, file) = failed.file.as_mut().unwrap();
        *file = File::open(path).unwrap();
        failed.requested(record(KeyState::Requested)).unwrap_err();
        drop(failed);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
