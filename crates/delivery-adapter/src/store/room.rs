//! The room for a key that must be kept.

use super::private_files;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The room for a key, taken before the key exists. It is freed on drop, unless a key is in it.
#[derive(Debug)]
pub(super) struct Room(PathBuf);

impl Room {
    const EXTENSION: &str = "room";

    /// More than a current key needs, which has 164 bytes, and one block of most file systems.
    const SIZE: usize = 4096;

    /// Takes the room for the key of the run of this id.
    pub(super) fn reserve(recovery: &Path, id: &str) -> io::Result<Self> {
        let room = Self::of(recovery, id);
        let mut file = private_files::new_file(&room.0)?;
        // Blanks after a key are ignored, and a file of blanks is no key.
        file.write_all(&[b'\n'; Self::SIZE])
            .and_then(|()| allocate(&file).or_else(|_| file.sync_all()))
            .map_err(|error| private_files::about(&room.0, &error))?;
        Ok(room)
    }

    /// The room of the run of this id, if there is one.
    pub(super) fn of(recovery: &Path, id: &str) -> Self {
        Self(recovery.join(format!("{id}.{}", Self::EXTENSION)))
    }

    /// Gives the file this path, which no other may have, and opens it.
    pub(super) fn take(self, path: &Path) -> Option<File> {
        if path.exists() || fs::rename(&self.0, path).is_err() {
            return None;
        }
        File::options().write(true).open(path).inspect_err(|_| drop(fs::remove_file(path))).ok()
    }

    /// Removes the rooms of the runs that do not live.
    pub(super) fn free_abandoned(recovery: &Path, is_live: impl Fn(&str) -> bool) {
        for path in private_files::list(recovery, Self::EXTENSION).unwrap_or_default() {
            if path.file_stem().is_some_and(|id| !is_live(&id.to_string_lossy())) {
                drop(Self(path));
            }
        }
    }
}

/// Gives the file its blocks on the disk, which otherwise may be found missing when it is synced. Takes a
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
