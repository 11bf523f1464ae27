//! What this machine knows of the keys that it was given, and of those that it may have been given.
//!
//! Each run that is about to ask for a key writes a record first, without the key. Should the
//! program, the machine or the answer be lost after that, the record says what may exist.

use crate::delivery::KEYRING;
use crate::os::clock;
use crate::state;
use keymint_domain::Target;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The end of a record's file name.
const EXTENSION: &str = "jsonl";

/// A key, as far as it is known. Never the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) state: State,
    /// When it was asked for, in UTC.
    pub(crate) time: String,
    pub(crate) name: String,
    pub(crate) organization: Named,
    pub(crate) project: Named,
    /// The platform that was asked.
    pub(crate) api_base: String,
    #[serde(default)]
    pub(crate) last4: Option<String>,
    /// Where the key is, by the names of the destinations.
    #[serde(default)]
    pub(crate) delivered_to: Vec<String>,
    /// The file in the recovery folder that has it.
    #[serde(default)]
    pub(crate) kept_in: Option<PathBuf>,
    /// The profile of the keyring that has it.
    #[serde(default)]
    pub(crate) profile: Option<String>,
}

/// An organization or a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) title: Option<String>,
}

/// How far the key has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It was asked for. In the record of a run that has ended: it may exist.
    Requested,
    /// It exists. In the record of a run that has ended: perhaps nobody has it.
    Created,
    /// It is where it was wanted, or in the recovery folder.
    Delivered,
    /// It may exist, and a person has been told.
    Unknown,
}

impl Entry {
    /// A key of which nothing else is known.
    pub(crate) fn of_unknown_origin(id: &str) -> Self {
        let unknown = Named { id: "unknown".to_owned(), title: None };
        Self {
            state: State::Delivered,
            time: String::new(),
            name: id.to_owned(),
            organization: unknown.clone(),
            project: unknown,
            api_base: String::new(),
            last4: None,
            delivered_to: Vec::new(),
            kept_in: None,
            profile: None,
        }
    }

    /// Takes note of the places that have it, of which a keyring has it for a profile.
    pub(crate) fn deliver_to(&mut self, places: &[String], profile: Option<&str>) {
        self.delivered_to.extend_from_slice(places);
        if places.iter().any(|place| place == KEYRING) {
            self.profile = profile.map(str::to_owned);
        }
    }

    /// A key that is about to be asked for.
    pub(crate) fn requested(name: &str, target: &Target, api_base: &str) -> Self {
        let named = |id: &str, title: &Option<String>| Named { id: id.to_owned(), title: title.clone() };
        Self {
            state: State::Requested,
            time: clock::utc_now(),
            name: name.to_owned(),
            organization: named(target.organization_id.as_str(), &target.organization_title),
            project: named(target.project_id.as_str(), &target.project_title),
            api_base: api_base.to_owned(),
            last4: None,
            delivered_to: Vec::new(),
            kept_in: None,
            profile: None,
        }
    }
}

/// The record of this run. Each line of its file is the whole [`Entry`]; the last whole one counts,
/// so that a run that is killed while it writes loses nothing. The file is locked while the run
/// lives.
pub(crate) struct Record {
    id: String,
    file: Option<(PathBuf, File)>,
    entry: Option<Entry>,
}

impl Record {
    /// Makes the file, which so is known to be possible before a key is asked for. It is removed
    /// with this value, unless a key was asked for.
    pub(crate) fn begin() -> io::Result<Self> {
        Self::begin_in(&folder()?)
    }

    /// A record that is kept nowhere: of a key that is good for nothing, or of none.
    pub(crate) fn of_nothing() -> Self {
        Self { id: state::new_id(), file: None, entry: None }
    }

    fn begin_in(folder: &Path) -> io::Result<Self> {
        let id = state::new_id();
        let path = folder.join(format!("{id}.{EXTENSION}"));
        let file = state::new_file(&path)?;
        file.try_lock().map_err(|error| state::about(&path, &error.into()))?;
        Ok(Self { id, file: Some((path, file)), entry: None })
    }

    /// A name that no other run has.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Writes what is known now, to the disk.
    pub(crate) fn write(&mut self, entry: Entry) -> io::Result<&Entry> {
        let entry = self.entry.insert(entry);
        if let Some((path, file)) = &mut self.file {
            append(file, entry)
                .and_then(|()| path.parent().map_or(Ok(()), state::sync))
                .map_err(|error| state::about(path, &error))?;
        }
        Ok(entry)
    }

    /// Takes note of what has become of the key that was asked for. A key in hand does not wait for
    /// a disk that fails: what was written before says that it may exist.
    pub(crate) fn amend(&mut self, change: impl FnOnce(&mut Entry)) {
        if let Some(mut entry) = self.entry.take() {
            change(&mut entry);
            let _ = self.write(entry);
        }
    }

    /// Takes note that there certainly is no key.
    pub(crate) fn withdraw(&mut self) {
        self.entry = None;
    }

    /// The key that was asked for.
    pub(crate) fn entry(&self) -> Option<&Entry> {
        self.entry.as_ref()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if let (None, Some((path, _))) = (&self.entry, &self.file) {
            let _ = fs::remove_file(path);
        }
    }
}

fn append(file: &mut File, entry: &Entry) -> io::Result<()> {
    // It begins a line of its own, whatever became of the last one.
    file.write_all(format!("\n{}", serde_json::to_string(entry)?).as_bytes())?;
    file.sync_all()
}

/// What an ended run left.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) id: String,
    pub(crate) entry: Entry,
    path: PathBuf,
}

impl Past {
    /// Writes what has become known since.
    pub(crate) fn amend(&mut self, change: impl FnOnce(&mut Entry)) -> io::Result<()> {
        change(&mut self.entry);
        let mut file = File::options().append(true).open(&self.path)?;
        append(&mut file, &self.entry)
    }
}

/// The records of the runs that have ended, the oldest first. What cannot be read is passed over.
pub(crate) fn past() -> io::Result<Vec<Past>> {
    past_in(&folder()?)
}

fn past_in(folder: &Path) -> io::Result<Vec<Past>> {
    let mut paths: Vec<_> = fs::read_dir(folder)?.filter_map(|file| Some(file.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
    paths.sort();
    Ok(paths.into_iter().filter_map(read).collect())
}

fn read(path: PathBuf) -> Option<Past> {
    let mut file = state::open_own(&path).ok()?;
    // A run that lives holds its record.
    file.try_lock_shared().ok()?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).ok()?;
    // A line may have been cut short within a character.
    let text = String::from_utf8_lossy(&text);
    let entry = text.lines().rev().find_map(|line| serde_json::from_str(line).ok())?;
    Some(Past { id: path.file_stem()?.to_str()?.to_owned(), entry, path })
}

fn folder() -> io::Result<PathBuf> {
    state::folder("records")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    fn entry(state: State) -> Entry {
        let named = |id: &str| Named { id: id.to_owned(), title: None };
        Entry {
            state,
            time: "2026-11-24T07:00:00Z".to_owned(),
            name: "a name".to_owned(),
            organization: named("org-1"),
            project: named("proj_1"),
            api_base: "https://api.example".to_owned(),
            last4: None,
            delivered_to: Vec::new(),
            kept_in: None,
            profile: None,
        }
    }

    #[test]
    fn a_record_is_seen_when_its_run_has_ended_and_says_the_last_that_was_known() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = Record::begin_in(folder.path()).unwrap();
        record.write(entry(State::Requested)).unwrap();
        record.amend(|entry| entry.state = State::Created);
        assert!(past_in(folder.path()).unwrap().is_empty(), "it still runs");

        let id = record.id().to_owned();
        drop(record);
        let past = past_in(folder.path()).unwrap();
        assert_eq!((past.len(), &past[0].id, past[0].entry.state), (1, &id, State::Created));
    }

    #[test]
    fn a_line_that_was_cut_short_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = Record::begin_in(folder.path()).unwrap();
        record.write(entry(State::Requested)).unwrap();
        let path = record.file.as_ref().unwrap().0.clone();
        drop(record);
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        for cut_short in [&b"\n{\"state\":\"deliv"[..], b"\n{\"title\":\"caf\xc3"] {
            file.write_all(cut_short).unwrap();
        }
        let mut past = past_in(folder.path()).unwrap();
        assert_eq!(past[0].entry.state, State::Requested);
        past[0].amend(|entry| entry.state = State::Unknown).unwrap();
        assert_eq!(past_in(folder.path()).unwrap()[0].entry.state, State::Unknown);
    }

    #[test]
    fn a_run_that_asked_for_nothing_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        drop(Record::begin_in(folder.path()).unwrap());
        let mut withdrawn = Record::begin_in(folder.path()).unwrap();
        withdrawn.write(entry(State::Requested)).unwrap();
        withdrawn.withdraw();
        drop(withdrawn);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
