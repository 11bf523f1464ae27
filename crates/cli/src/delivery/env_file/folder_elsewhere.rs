//! A folder and one file in it that is replaced whole, with what every system has: paths.

use super::drafts;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use zeroize::Zeroizing;

pub(super) struct Folder {
    path: PathBuf,
}

/// A file as it was found.
pub(super) struct Found {
    pub(super) content: Zeroizing<Vec<u8>>,
    stamp: Stamp,
    is_read_only: bool,
}

/// What changes when a file does.
#[derive(PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
}

/// A file beside the one that it will replace, which holds the room for it. It is gone when it is
/// dropped.
pub(super) struct Draft {
    path: PathBuf,
}

impl Folder {
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        fs::read_dir(&path)?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// It is known by its path alone.
    pub(super) fn path_now(&self) -> PathBuf {
        self.path.clone()
    }

    /// Who may write where is not told by the standard library.
    pub(super) fn check_owner(&self) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn others_may_write(&self) -> io::Result<bool> {
        Ok(false)
    }

    pub(super) fn is_link(&self, name: &str) -> io::Result<bool> {
        match fs::symlink_metadata(self.path.join(name)) {
            Ok(metadata) => Ok(metadata.is_symlink()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Folders cannot be locked. Two runs are kept apart by the look before each replacement.
    pub(super) fn try_lock(&self) -> bool {
        true
    }

    /// Never asked, since the folder is never locked.
    pub(super) fn has_live_draft(&self) -> io::Result<bool> {
        Ok(false)
    }

    /// Reads a file, which must be a regular one of at most this size.
    pub(super) fn look(&self, name: &str, largest: usize) -> io::Result<Option<Found>> {
        let path = self.path.join(name);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if !metadata.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let too_large = || io::Error::other(format!("the file has more than {largest} bytes"));
        let size = usize::try_from(metadata.len()).ok().filter(|size| *size <= largest);
        // Never moved while it grows, which would leave a copy behind.
        let mut content = Zeroizing::new(Vec::with_capacity(size.ok_or_else(too_large)? + 1));
        File::open(&path)?.take(metadata.len() + 1).read_to_end(&mut content)?;
        let is_read_only = metadata.permissions().readonly();
        Ok(Some(Found { content, stamp: Stamp::of(&metadata), is_read_only }))
    }

    /// The drafts of runs that were killed, which may hold a key. Those that never held more than
    /// the placeholder are removed.
    pub(super) fn leftovers(&self) -> io::Result<Vec<PathBuf>> {
        let mut left = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(drafts::is_name) || !entry.file_type()?.is_file() {
                continue;
            }
            if drafts::may_hold_a_key(File::open(entry.path())?)? {
                left.push(entry.path());
            } else {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(left)
    }

    /// Puts the content into the place of what was found under this name. Says whether it did: not
    /// where the file has changed since.
    pub(super) fn replace(
        &self,
        name: &str,
        found: Option<&Found>,
        draft: &Draft,
        content: &[u8],
    ) -> io::Result<bool> {
        let mut file = OpenOptions::new().write(true).open(&draft.path)?;
        file.write_all(content)?;
        file.set_len(content.len() as u64)?;
        file.sync_all()?;
        drop(file);
        let path = self.path.join(name);
        let now = fs::symlink_metadata(&path).ok().map(|metadata| Stamp::of(&metadata));
        if now.as_ref() != found.map(|found| &found.stamp) {
            return Ok(false);
        }
        fs::rename(&draft.path, &path)?;
        Ok(true)
    }
}

impl Found {
    /// Not told by the standard library.
    pub(super) fn readable_by_others(&self) -> io::Result<Option<u32>> {
        Ok(None)
    }

    pub(super) fn is_read_only(&self) -> io::Result<bool> {
        Ok(self.is_read_only)
    }

    /// Not told by the standard library.
    pub(super) fn is_fixed(&self) -> bool {
        false
    }

    /// Not told by the standard library.
    pub(super) fn has_other_names(&self) -> io::Result<bool> {
        Ok(false)
    }
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self { size: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl Draft {
    /// Makes sure that there is room for this many bytes.
    pub(super) fn reserve(folder: &Arc<Folder>, size: usize, _found: Option<&Found>) -> io::Result<Self> {
        let path = folder.path.join(drafts::new_name()?);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let draft = Self { path };
        file.write_all(&drafts::placeholder(size))?;
        file.sync_all()?;
        Ok(draft)
    }

    /// Removes it before it is dropped.
    pub(super) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.remove();
    }
}
