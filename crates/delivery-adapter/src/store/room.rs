//! The reserved space for a key in the recovery store.

use super::private_files;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The reserved disk space for a key that does not exist yet. Dropping it frees the space, unless it contains a key.
#[derive(Debug)]
pub(super) struct Room(PathBuf);

impl Room {
    const EXTENSION: &str = "room";

    /// The reserved size, in bytes. It is one block of most file systems, and more than a current key needs, which
    /// has 164 bytes.
    const SIZE: usize = 4096;

    /// Reserves the space for the key of the run with this id.
    pub(super) fn reserve(recovery: &Path, id: &str) -> io::Result<Self> {
        let room = Self::of(recovery, id);
        let mut file = private_files::new_file(&room.0)?;
        // Readers ignore blanks after a key, and a file with only blanks is not a key.
        file.write_all(&[b'\n'; Self::SIZE])
            .and_then(|()| allocate(&file).or_else(|_| file.sync_all()))
            .map_err(|error| private_files::about(&room.0, &error))?;
        Ok(room)
    }

    /// Returns the reserved space of the run with this id, if it exists.
    pub(super) fn of(recovery: &Path, id: &str) -> Self {
        Self(recovery.join(format!("{id}.{}", Self::EXTENSION)))
    }

    /// Renames the file to this path, which must not exist, and opens it.
    pub(super) fn take(self, path: &Path) -> Option<File> {
        if path.exists() || fs::rename(&self.0, path).is_err() {
            return None;
        }
        File::options().write(true).open(path).inspect_err(|_| drop(fs::remove_file(path))).ok()
    }

    /// Frees the space of runs that are no longer alive.
    pub(super) fn free_abandoned(recovery: &Path, is_live: impl Fn(&str) -> bool) {
        for path in private_files::list(recovery, Self::EXTENSION).unwrap_or_default() {
            if path.file_stem().is_some_and(|id| !is_live(&id.to_string_lossy())) {
                drop(Self(path));
            }
        }
    }
}

/// Allocates the file's blocks on the disk. Otherwise, a later sync might report that the disk is full. It takes a
/// hundredth of the time of a sync.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn allocate(file: &File) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    Ok(fallocate(file, FallocateFlags::empty(), 0, Room::SIZE as u64)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn allocate(_: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
