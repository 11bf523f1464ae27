//! A directory that is identified by its path, which works on every system.

use super::{Properties, is_name, new_name, placeholder, read_whole};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use zeroize::Zeroizing;

pub(crate) struct Directory {
    path: PathBuf,
}

pub(crate) struct Snapshot {
    pub(crate) content: Zeroizing<Vec<u8>>,
    version: FileVersion,
    is_read_only: bool,
}

/// The properties that change when a file changes.
#[derive(PartialEq, Eq)]
struct FileVersion {
    size: u64,
    modified: Option<SystemTime>,
}

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

    /// Returns the path, which is all that identifies the directory here.
    pub(crate) fn current_path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Checks nothing: the standard library does not report who may write to a directory.
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

    /// Returns true: directories cannot be locked here. The check before each replacement protects against other
    /// runs.
    pub(crate) fn try_lock(&self) -> bool {
        true
    }

    pub(crate) fn unlock(&self) {}

    pub(crate) fn has_live_temp_file(&self, _name: &str) -> io::Result<bool> {
        Ok(false)
    }

    /// Reads a file. It must be a regular file of at most this size.
    pub(crate) fn read(&self, name: &str, largest: usize) -> io::Result<Option<Snapshot>> {
        let path = self.path.join(name);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let content = read_whole(File::open(&path)?, metadata.len(), largest)?;
        let is_read_only = metadata.permissions().readonly();
        Ok(Some(Snapshot { content, version: FileVersion::of(&metadata), is_read_only }))
    }

    /// Returns the temporary files with their names. Files have no locks here, so every run is assumed to have ended.
    pub(super) fn abandoned_temp_files(&self) -> io::Result<Vec<(String, File)>> {
        let mut temp_files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let Some(name) = entry.file_name().into_string().ok().filter(|name| is_name(name)) else {
                continue;
            };
            if entry.file_type()?.is_file() {
                temp_files.push((name, File::open(entry.path())?));
            }
        }
        Ok(temp_files)
    }

    pub(super) fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.path.join(name));
    }

    /// Replaces the file of this name, unless it has changed since the snapshot. Returns whether it was replaced.
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
    pub(crate) fn properties(&self) -> io::Result<Properties> {
        Ok(Properties { is_read_only: self.is_read_only, ..Properties::default() })
    }
}

impl FileVersion {
    fn of(metadata: &fs::Metadata) -> Self {
        Self { size: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl TempFile {
    /// Allocates disk space for this many bytes.
    pub(crate) fn reserve(
        directory: &Arc<Directory>,
        target: &str,
        size: usize,
        _snapshot: Option<&Snapshot>,
    ) -> io::Result<Self> {
        let path = directory.path.join(new_name(target)?);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let temp_file = Self { path };
        file.write_all(&placeholder(size))?;
        file.sync_all()?;
        Ok(temp_file)
    }

    /// Returns `None`: the standard library does not report who may read a file.
    pub(crate) fn readable_by_others(&self) -> io::Result<Option<u32>> {
        Ok(None)
    }

    /// Returns whether the file still has its name, so that no program has removed it.
    pub(crate) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Removes the file before it is dropped.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}
