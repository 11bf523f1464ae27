//! The private store for keys whose destination failed.

use super::journal::FinishedRun;
use super::private_files;
use super::record::{KeyRecord, KeyState};
use super::room::Room;
use super::{RECOVERY, StateDir};
use crate::fail_point;
use crate::wall_clock::utc_now;
use keymint_domain::{ApiKey, DeliveryError, DeliveryReport, DestinationId, KeyDestination, async_trait};
use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The extension of a stored key's file name.
const EXTENSION: &str = "key";

/// The recovery store for the key of one run. It writes the key to a separate file that only this user can read, in
/// the state directory or, if that is not writable, in a new directory for temporary files.
#[derive(Debug)]
pub struct RecoveryStore {
    pub(super) state: StateDir,
    pub(super) id: String,
    pub(super) path: Option<PathBuf>,
}

impl RecoveryStore {
    /// Returns the file that has the key, after its delivery.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

#[async_trait]
impl KeyDestination for RecoveryStore {
    fn id(&self) -> DestinationId {
        DestinationId::new(RECOVERY)
    }

    async fn deliver(&mut self, key: &ApiKey) -> Result<(), DeliveryError> {
        if !is_file_name(&self.id) {
            return Err(DeliveryError::new("the id of the run cannot be the name of a file"));
        }
        let stored = self.state.directory(RECOVERY).and_then(|directory| store(&directory, &self.id, key));
        let stored = stored.or_else(|_| store(&new_temporary_directory()?, &self.id, key));
        self.path = Some(stored.map_err(DeliveryError::new)?);
        Ok(())
    }
}

/// Returns whether the id is a plain file name that is not hidden.
fn is_file_name(id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !id.is_empty() && !id.starts_with('.') && id.bytes().all(is_allowed)
}

fn store(directory: &Path, id: &str, key: &ApiKey) -> io::Result<PathBuf> {
    let path = directory.join(format!("{id}.{EXTENSION}"));
    let file = match Room::of(directory, id).take(&path) {
        Some(file) => file,
        None => private_files::new_file(&path)?,
    };
    fail_point::reached("recovery-made");
    fill(file, &path, key)?;
    fail_point::reached("kept");
    Ok(path)
}

/// Writes the key to the disk. On failure, removes the file, since a part of the key could be mistaken for the key.
fn fill(mut file: File, path: &Path, key: &ApiKey) -> io::Result<()> {
    let directory = path.parent().unwrap_or(path);
    let text = Zeroizing::new(format!("{}\n", key.expose()));
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| cut(&file, text.len() as u64))
        .and_then(|()| file.sync_all());
    // Closed first, since the process may not be able to have two files open.
    drop(file);
    written
        // The name becomes durable only when the directory is synced.
        .and_then(|()| private_files::sync_directory(directory))
        .inspect_err(|_| drop(fs::remove_file(path)))
        .map_err(|error| private_files::about(path, &error))
}

/// Truncates the unused part of the reserved space, if there is one. A new file has none and is not truncated, since
/// some file systems cannot do that.
fn cut(file: &File, length: u64) -> io::Result<()> {
    if file.metadata()?.len() > length { file.set_len(length) } else { Ok(()) }
}

/// A key in a recovery store.
#[derive(Debug)]
pub struct StoredKey {
    /// The id of the run that created the key.
    pub id: String,
    /// The file that has the key.
    pub path: PathBuf,
    /// The record of the key.
    pub record: KeyRecord,
}

pub(super) fn list(state: &StateDir) -> io::Result<Vec<StoredKey>> {
    let mut runs = state.finished_runs()?;
    let mut stored: Vec<StoredKey> = Vec::new();
    for path in private_files::list(&state.directory(RECOVERY)?, EXTENSION)? {
        let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let record = runs.iter().position(|run| run.id == id).map(|place| runs.remove(place).record);
        let record = record.unwrap_or_else(|| KeyRecord::of_unknown_origin(&id));
        stored.push(StoredKey { id, path, record });
    }
    // If the directory was not writable, the key is at another path.
    for FinishedRun { id, record, .. } in runs {
        if let Some(path) = record.kept_in.clone().filter(|path| is_ours(path)) {
            stored.insert(stored.partition_point(|other| other.id < id), StoredKey { id, path, record });
        }
    }
    Ok(stored)
}

/// Returns whether a file exists in a directory of this user. Systems delete temporary files, and any user could then
/// create a file with another key at the same path.
fn is_ours(path: &Path) -> bool {
    path.exists() && path.parent().is_some_and(|directory| private_files::check_owner(directory).is_ok())
}

impl StoredKey {
    /// Reads the key from its file.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the file cannot be read, or contains no key.
    pub fn read(&self) -> io::Result<ApiKey> {
        let bytes = Zeroizing::new(private_files::read_small(private_files::open(&self.path)?)?);
        let mut text = Zeroizing::new(str::from_utf8(&bytes).map_err(io::Error::other)?.to_owned());
        let length = text.trim_end().len();
        text.truncate(length);
        ApiKey::parse(std::mem::take(&mut *text)).map_err(|_| io::Error::other("it contains no key"))
    }

    /// Deletes the file. The key itself stays valid.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the file cannot be deleted.
    pub fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// Records in the journal of the run that created the key which destinations now have the key in the file. Does
    /// nothing if the file has another key than the run created.
    pub fn note_delivered(&self, state: &StateDir, key: &ApiKey, report: &DeliveryReport) {
        // A failure to record it does not matter, since the key is delivered.
        let _ = state.update(&self.id, |record| {
            if record.last4.is_none() {
                record.identify(key);
            }
            if record.is_of(key) {
                record.add_destinations(report);
            }
        });
    }

    /// Records in the journal of the run that created the key that the file was removed.
    pub fn note_removed(&self, state: &StateDir) {
        // A failure to record it does not matter, since the file is removed.
        let _ = state.update(&self.id, |record| {
            record.state = KeyState::Delivered;
            record.kept_in = None;
        });
    }
}

fn new_temporary_directory() -> io::Result<PathBuf> {
    let name = format!("keymint-{}-{}", std::process::id(), utc_now().replace(':', ""));
    let directory = absolute_or_tmp(env::temp_dir()).join(name);
    private_files::new_directory(&directory).map_err(|error| private_files::about(&directory, &error))?;
    Ok(directory)
}

/// Returns the directory if it is absolute, or else the system's directory for temporary files. A relative one
/// depends on the current directory, and could be published with it.
fn absolute_or_tmp(directory: PathBuf) -> PathBuf {
    if directory.is_absolute() { directory } else { "/tmp".into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keymint_domain::testing::conformance;

    fn key() -> ApiKey {
        ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap()
    }

    #[tokio::test]
    async fn it_keeps_what_the_port_promises() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::at(directory.path().join("state"));
        let mut recovery = state.recovery("a-run");
        let read = async || Some(state.stored_keys().unwrap().pop()?.read().unwrap().expose().to_owned());
        conformance::key_destination(&mut recovery, read).await.unwrap();
        assert!(recovery.path().unwrap().ends_with("state/recovery/a-run.key"));

        for id in ["", ".", "..", ".hidden", "../x", "/x", "a/b", "a\\b", "a:b", "a b", "é"] {
            assert!(state.recovery(id).deliver(&key()).await.is_err(), "{id:?}");
        }
        assert_eq!(state.stored_keys().unwrap().len(), 1);
    }

    #[test]
    fn a_kept_key_is_there_whole_and_private_and_takes_the_place_of_no_other() {
        let directory = tempfile::tempdir().unwrap();

        let path = store(directory.path(), "one", &key()).unwrap();

        assert_eq!(fs::read_to_string(&path).unwrap(), "sk-proj-0123456789\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(store(directory.path(), "one", &key()).is_err());
    }

    #[test]
    fn a_key_takes_the_room_that_was_reserved_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::at(directory.path());
        let recovery = directory.path().join(RECOVERY);
        let names = || -> Vec<_> {
            fs::read_dir(&recovery).unwrap().map(|entry| entry.unwrap().file_name()).collect()
        };
        fs::create_dir(&recovery).unwrap();
        fs::write(recovery.join("20260101T000000Z-2147483647.room"), "of a run that was killed").unwrap();

        let journal = state.journal().unwrap();
        let room = format!("{}.room", journal.id());
        assert_eq!(names(), [&*room]);
        assert!(state.stored_keys().unwrap().is_empty());
        // Another run does not touch it.
        let other = state.journal().unwrap();
        assert_eq!(names().len(), 1 + usize::from(other.id() != journal.id()));
        drop(other);
        let reserved = File::open(recovery.join(room)).unwrap();
        let path = store(&recovery, journal.id(), &key()).unwrap();
        assert_eq!(io::read_to_string(reserved).unwrap(), "sk-proj-0123456789\n");
        drop(journal);
        assert_eq!(names(), [path.file_name().unwrap()]);
    }

    /// A run that is killed before it stores the key leaves such a file.
    #[test]
    fn a_room_without_a_key_is_no_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a-run.key");
        let room = Room::reserve(directory.path(), "a-run").unwrap();
        drop(room.take(&path).unwrap());
        let stored = StoredKey { id: String::new(), path, record: KeyRecord::of_unknown_origin("") };
        assert!(stored.read().is_err());
    }

    #[test]
    fn a_file_that_does_not_take_the_key_is_not_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("one.key");
        fs::write(&path, "").unwrap();
        let takes_nothing = File::open(&path).unwrap();
        assert!(fill(takes_nothing, &path, &key()).is_err());
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_another_user_could_have_put_there_is_no_stored_key() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = store(directory.path(), "one", &key()).unwrap();
        for (mode, is_kept) in [(0o700, true), (0o777, false), (0o1777, false)] {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_ours(&path), is_kept, "{mode:o}");
        }
        assert!(!is_ours(&directory.path().join("two.key")));
    }

    #[cfg(unix)]
    #[test]
    fn a_relative_directory_of_temporary_files_does_not_count() {
        for (named, taken) in [("/var/tmp", "/var/tmp"), ("tmp", "/tmp"), ("", "/tmp")] {
            assert_eq!(absolute_or_tmp(named.into()), Path::new(taken), "{named:?}");
        }
    }

    #[test]
    fn a_stored_key_is_read_within_bounds() {
        let directory = tempfile::tempdir().unwrap();
        let path = store(directory.path(), "one", &key()).unwrap();
        File::options().append(true).open(&path).unwrap().set_len(1 << 30).unwrap();
        let stored = StoredKey { id: "one".to_owned(), path, record: KeyRecord::of_unknown_origin("one") };
        assert!(stored.read().unwrap_err().to_string().contains("more than"));
    }

    #[test]
    fn another_key_in_the_file_is_not_noted_as_the_key_of_the_run() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::at(directory.path());
        let mut journal = state.journal().unwrap();
        journal.requested(KeyRecord::imported("mine", &key(), "")).unwrap();
        let id = journal.id().to_owned();
        drop(journal);
        let stored = StoredKey { id, path: PathBuf::new(), record: KeyRecord::of_unknown_origin("mine") };
        let other = ApiKey::parse("sk-proj-another-6789".to_owned()).unwrap();
        let mut report = DeliveryReport::default();
        report.add(&state.recovery("elsewhere"), Ok(()));
        for (key, deliveries) in [(other, 0), (key(), 1)] {
            stored.note_delivered(&state, &key, &report);
            assert_eq!(state.known_keys().unwrap()[0].record.deliveries.len(), deliveries);
        }
    }

    #[test]
    fn a_key_that_cannot_be_stored_is_an_error() {
        assert!(store(Path::new("/dev/null/recovery"), "one", &key()).is_err());
    }
}
