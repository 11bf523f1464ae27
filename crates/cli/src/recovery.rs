//! The private folder that keeps a key whose destination failed.

use crate::os::clock;
use crate::os::fail_point;
use crate::record;
use crate::record::Entry;
use crate::state;
use keymint_domain::ApiKey;
use std::env;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The end of a kept key's file name.
const EXTENSION: &str = "key";

/// Where kept keys are.
pub(crate) fn folder() -> io::Result<PathBuf> {
    state::folder("recovery")
}

/// Keeps the key in a file of its own, which nobody else can read, and tells where: in the state
/// folder, or, where that cannot be written, in a new folder among the temporary files.
pub(crate) fn keep(key: &ApiKey, id: &str) -> io::Result<PathBuf> {
    folder()
        .and_then(|folder| keep_in(&folder, id, key))
        .or_else(|_| keep_in(&new_temporary_folder()?, id, key))
}

fn keep_in(folder: &Path, id: &str, key: &ApiKey) -> io::Result<PathBuf> {
    let path = folder.join(format!("{id}.{EXTENSION}"));
    let file = state::new_file(&path)?;
    fail_point::reached("recovery-made");
    fill(file, &path, key)?;
    fail_point::reached("kept");
    Ok(path)
}

/// Writes the key to the disk, or removes the file: one that is not whole would pass for the key,
/// which is then kept elsewhere.
fn fill(mut file: File, path: &Path, key: &ApiKey) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    let text = Zeroizing::new(format!("{}\n", key.expose()));
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    // There may be no room for two open files.
    drop(file);
    written
        // The name is safe only when the folder is.
        .and_then(|()| state::sync(folder))
        .inspect_err(|_| drop(fs::remove_file(path)))
        .map_err(|error| state::about(path, &error))
}

/// A key that is kept.
pub(crate) struct Kept {
    pub(crate) id: String,
    pub(crate) path: PathBuf,
    pub(crate) entry: Entry,
}

/// The keys that are kept, the oldest first.
pub(crate) fn kept() -> io::Result<Vec<Kept>> {
    let mut past: Vec<_> = record::past()?;
    let mut kept = Vec::new();
    for file in fs::read_dir(folder()?)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let entry = past.iter().find(|past| past.id == id).map(|past| past.entry.clone());
            kept.push(Kept { entry: entry.unwrap_or_else(|| Entry::of_unknown_origin(&id)), id, path });
        }
    }
    // Where the folder could not be written, it is elsewhere.
    past.retain(|past| kept.iter().all(|kept: &Kept| kept.id != past.id));
    kept.extend(past.into_iter().filter_map(|past| {
        let path = past.entry.kept_in.clone().filter(|path| is_ours(path))?;
        Some(Kept { id: past.id, path, entry: past.entry })
    }));
    kept.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(kept)
}

/// Whether a file is there, in a folder that nobody else has made: systems clear the temporary files
/// away, and then anybody can put a key of theirs there.
fn is_ours(path: &Path) -> bool {
    path.exists() && path.parent().is_some_and(|folder| state::check_owner(folder).is_ok())
}

impl Kept {
    /// The key itself.
    pub(crate) fn read(&self) -> io::Result<ApiKey> {
        let mut text = Zeroizing::new(io::read_to_string(state::open_own(&self.path)?)?);
        let length = text.trim_end().len();
        text.truncate(length);
        ApiKey::parse(std::mem::take(&mut *text)).map_err(|_| io::Error::other("no key is in it"))
    }

    /// Deletes the file. The key itself stays valid.
    pub(crate) fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// Takes note of where the key is now, and under which profile if that is a keyring.
    pub(crate) fn note(&self, delivered_to: &[String], profile: Option<&str>, is_removed: bool) {
        let past = record::past().unwrap_or_default().into_iter().find(|past| past.id == self.id);
        if let Some(mut past) = past {
            // The key is where it is, whatever becomes of the note.
            let _ = past.amend(|entry| {
                entry.deliver_to(delivered_to, profile);
                if is_removed {
                    entry.kept_in = None;
                }
            });
        }
    }
}

/// Not one that is there already: it could belong to somebody else.
fn new_temporary_folder() -> io::Result<PathBuf> {
    let name = format!("keymint-{}-{}", std::process::id(), clock::utc_now().replace(':', ""));
    let folder = findable(env::temp_dir()).join(name);
    let mut builder = DirBuilder::new();
    // With it, one that is there would do.
    builder.recursive(false);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&folder).map_err(|error| state::about(&folder, &error))?;
    Ok(folder)
}

/// A relative folder, as a variable may name one, would be found from the current folder alone, and may
/// be published with it.
fn findable(folder: PathBuf) -> PathBuf {
    if folder.is_absolute() { folder } else { "/tmp".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_key_is_there_whole_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let key = ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap();

        let path = keep_in(folder.path(), "one", &key).unwrap();

        assert_eq!(fs::read_to_string(&path).unwrap(), "sk-proj-0123456789\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_kept_key_never_takes_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let key = ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap();
        keep_in(folder.path(), "one", &key).unwrap();
        assert!(keep_in(folder.path(), "one", &key).is_err());
    }

    #[test]
    fn a_file_that_does_not_take_the_key_is_not_left() {
        let folder = tempfile::tempdir().unwrap();
        let key = ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap();
        let path = folder.path().join("one.key");
        fs::write(&path, "").unwrap();
        let takes_nothing = File::open(&path).unwrap();
        assert!(fill(takes_nothing, &path, &key).is_err());
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn what_others_could_have_put_where_a_key_was_kept_is_none() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let key = ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap();
        let path = keep_in(folder.path(), "one", &key).unwrap();
        for (mode, is_kept) in [(0o700, true), (0o777, false), (0o1777, false)] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_ours(&path), is_kept, "{mode:o}");
        }
        assert!(!is_ours(&folder.path().join("two.key")));
    }

    #[cfg(unix)]
    #[test]
    fn a_relative_folder_of_temporary_files_does_not_count() {
        for (named, taken) in [("/var/tmp", "/var/tmp"), ("tmp", "/tmp"), ("", "/tmp")] {
            assert_eq!(findable(named.into()), Path::new(taken), "{named:?}");
        }
    }

    #[test]
    fn what_cannot_be_kept_is_an_error() {
        let key = ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap();
        assert!(keep_in(Path::new("/dev/null/recovery"), "one", &key).is_err());
    }
}
