//! A directory known by its path, which is what every system has.

use super::{is_name, may_hold_a_key, new_name, placeholder};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use zeroize::Zeroizing;

pub(crate) struct Directory {
    path: PathBuf,
}

/// A file at one moment.
pub(crate) struct Snapshot {
    pub(crate) content: Zeroizing<Vec<u8>>,
    version: FileVersion,
    is_read_only: bool,
}

/// The properties that change with a file.
#[derive(PartialEq, Eq)]
struct FileVersion {
    size: u64,
    modified: Option<SystemTime>,
}

/// A file beside the one that it will replace, which takes the room for the new content. It is removed on
/// drop.
pub(crate) struct TempFile {
    path: PathBuf,
}

impl Directory {
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        fs::read_dir(&path)?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory is known by its path alone.
    pub(crate) fn current_path(&self) -> PathBuf {
        self.path.clone()
    }

    /// The standard library does not report who may write where.
    pub(crate) fn check_owner(&self) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn others_may_write(&self) -> io::Result<bool> {
        Ok(false)
    }

    pub(crate) fn is_link(&self, name: &str) -> io::Result<bool> {
        match fs::symlink_metadata(self.path.join(name)) {
            Ok(metadata) => Ok(metadata.is_symlink()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Directories cannot be locked here. The check before each replacement keeps two runs apart.
    pub(crate) fn try_lock(&self) -> bool {
        true
    }

    /// Reads a file, which must be a regular one of at most this size.
    pub(crate) fn read(&self, name: &str, largest: usize) -> io::Result<Option<Snapshot>> {
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
        Ok(Some(Snapshot { content, version: FileVersion::of(&metadata), is_read_only }))
    }

    /// Returns the temporary files of killed runs that may hold a key. Those with nothing but the placeholder
    /// are removed.
    pub(crate) fn leftovers(&self) -> io::Result<Vec<PathBuf>> {
        let mut left = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(is_name) || !entry.file_type()?.is_file() {
                continue;
            }
            if may_hold_a_key(File::open(entry.path())?)? {
                left.push(entry.path());
            } else {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(left)
    }

    /// Replaces the file of this name. Returns whether it did: not if the file has changed since the
    /// snapshot.
    pub(crate) fn replace(
        &self,
        name: &str,
        snapshot: Option<&Snapshot>,
        temp_file: &TempFile,
        content: &[u8],
    ) -> io::Result<bool> {
        let mut file = OpenOptions::new().write(true).open(&temp_file.path)?;
        file.write_all(content)?;
        file.set_len(content.len() as u64)?;
        file.sync_all()?;
        drop(file);
        let path = self.path.join(name);
        let now = fs::symlink_metadata(&path).ok().map(|metadata| FileVersion::of(&metadata));
        if now.as_ref() != snapshot.map(|snapshot| &snapshot.version) {
            return Ok(false);
        }
        fs::rename(&temp_file.path, &path)?;
        Ok(true)
    }
}

impl Snapshot {
    /// The standard library does not report this.
    pub(crate) fn readable_by_others(&self) -> io::Result<Option<u32>> {
        Ok(None)
    }

    pub(crate) fn is_read_only(&self) -> io::Result<bool> {
        Ok(self.is_read_only)
    }

    /// The standard library does not report this.
    pub(crate) fn is_fixed(&self) -> bool {
        false
    }

    /// The standard library does not report this.
    pub(crate) fn has_other_names(&self) -> io::Result<bool> {
        Ok(false)
    }
}

impl FileVersion {
    fn of(metadata: &fs::Metadata) -> Self {
        Self { size: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl TempFile {
    /// Takes the room for this many bytes.
    pub(crate) fn reserve(
        directory: &Arc<Directory>,
        size: usize,
        _snapshot: Option<&Snapshot>,
    ) -> io::Result<Self> {
        let path = directory.path.join(new_name()?);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let temp_file = Self { path };
        file.write_all(&placeholder(size))?;
        file.sync_all()?;
        Ok(temp_file)
    }

    /// Removes it before it is dropped.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        self.remove();
    }
}
