//! The temporary files of runs: how they reserve disk space, and how those of other runs are found.

use super::{Directory, Snapshot, metadata};
use crate::env_file::directory::{is_name, is_name_for, new_name, placeholder};
use crate::store::private_files::euid;
use crate::wall_clock::unix_now;
use rustix::fs::{Mode, OFlags};
use std::fs::{File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

pub(crate) struct TempFile {
    directory: Arc<Directory>,
    pub(super) name: String,
    file: File,
}

impl TempFile {
    /// Allocates disk space for this many bytes, and rehearses the replacement: each step that the file system may
    /// refuse is first done with the placeholder, before a key exists.
    pub(crate) fn reserve(
        directory: &Arc<Directory>,
        target: &str,
        size: usize,
        snapshot: Option<&Snapshot>,
    ) -> io::Result<Self> {
        if directory.only_grows() {
            return Err(io::Error::other("its directory is append-only (`chattr +a`)"));
        }
        let mut temp_file = Self::create(directory, target)?;
        temp_file.write(&placeholder(size), snapshot)?;
        let mut replaced = Self::create(directory, target)?;
        rustix::fs::renameat(&directory.handle, &temp_file.name, &directory.handle, &replaced.name)?;
        // Makes `replaced` the file whose name no longer exists, so that dropping it removes nothing.
        std::mem::swap(&mut temp_file.name, &mut replaced.name);
        directory.sync()?;
        // Read back as after a delivery: a file system may return another content or owner than was written.
        if directory.read(&temp_file.name, size)?.is_none_or(|read| *read.content != placeholder(size)) {
            return Err(io::Error::other("files written to its directory cannot be read back"));
        }
        // The key is written before the metadata is copied, which may be more restrictive than this mode.
        metadata::set_mode(&temp_file.file, metadata::PRIVATE, true)?;
        Ok(temp_file)
    }

    fn create(directory: &Arc<Directory>, target: &str) -> io::Result<Self> {
        let name = new_name(target)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&directory.handle, &name, flags, Mode::RUSR | Mode::WUSR)?.into();
        let temp_file = Self { directory: Arc::clone(directory), name, file };
        // The result is ignored: as for the directory, the file system may have no locks.
        let _ = temp_file.file.try_lock();
        Ok(temp_file)
    }

    /// Writes the new content to the disk, with the metadata of the file to be replaced.
    pub(super) fn write(&self, content: &[u8], snapshot: Option<&Snapshot>) -> io::Result<()> {
        self.file.write_all_at(content, 0)?;
        self.file.set_len(content.len() as u64)?;
        metadata::copy(snapshot.map(|snapshot| &snapshot.file), &self.file)?;
        self.file.sync_all()
    }

    /// Returns the mode if other users may read a new file because the file system has no modes.
    pub(crate) fn readable_by_others(&self) -> io::Result<Option<u32>> {
        Ok(Some(metadata::mode(&self.file)?).filter(|mode| mode & 0o044 != 0))
    }

    /// Returns whether the file still has its name, so that no program has removed it.
    pub(crate) fn exists(&self) -> bool {
        self.directory.kind(&self.name).is_ok_and(|kind| kind.is_some())
    }

    /// Removes the file before it is dropped.
    pub(crate) fn remove(&self) {
        self.directory.remove(&self.name);
    }
}

impl Directory {
    /// Returns the temporary files of this user's runs that have ended, with their names.
    pub(crate) fn abandoned_temp_files(&self) -> io::Result<Vec<(String, File)>> {
        let mut temp_files = self.temp_files()?;
        temp_files.retain(|(_, file)| is_abandoned(file));
        Ok(temp_files)
    }

    /// Returns whether a live run of this user has a temporary file for the file with this name. Other users cannot
    /// lock such a file.
    pub(crate) fn has_live_temp_file(&self, name: &str) -> io::Result<bool> {
        Ok(self.temp_files()?.iter().any(|(temp_file, file)| is_name_for(temp_file, name) && is_locked(file)))
    }

    /// Returns the temporary files of this user's runs, with their names.
    fn temp_files(&self) -> io::Result<Vec<(String, File)>> {
        let mut temp_files = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.handle)? {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().ok().filter(|name| is_name(name)) else {
                continue;
            };
            let Ok(Some(file)) = self.open_regular(name) else { continue };
            if file.metadata()?.uid() == euid() {
                temp_files.push((name.to_owned(), file));
            }
        }
        Ok(temp_files)
    }
}

fn is_abandoned(file: &File) -> bool {
    match file.try_lock_shared() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(_)) => file.metadata().is_ok_and(|metadata| is_old(&metadata)),
    }
}

/// Returns whether the file is so old that no run can still be waiting for the browser. This decides on file systems
/// without locks.
fn is_old(metadata: &Metadata) -> bool {
    const DAY: u64 = 24 * 60 * 60;
    let modified = u64::try_from(metadata.mtime()).unwrap_or_default();
    unix_now().saturating_sub(modified) > DAY
}

fn is_locked(file: &File) -> bool {
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn without_locks_only_an_old_temporary_file_is_abandoned() {
        let file = tempfile::tempfile().unwrap();
        for (hours, expected) in [(0, false), (23, false), (25, true)] {
            let modified = unix_now() - hours * 60 * 60;
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(modified)).unwrap();
            assert_eq!(is_old(&file.metadata().unwrap()), expected, "{hours}");
        }
    }

    #[test]
    fn a_file_system_without_modes_is_noticed() {
        use std::os::unix::fs::PermissionsExt;
        let path = tempfile::tempdir().unwrap();
        let directory = Arc::new(Directory::open(path.path().to_owned()).unwrap());
        let temp_file = TempFile::reserve(&directory, ".env", 100, None).unwrap();
        assert_eq!(temp_file.readable_by_others().unwrap(), None);
        // This simulates a file system that gives every file the same mode.
        temp_file.file.set_permissions(fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(temp_file.readable_by_others().unwrap(), Some(0o755));
    }

    #[test]
    fn a_rehearsal_leaves_one_file_with_the_placeholder_for_its_owner_alone() {
        let path = tempfile::tempdir().unwrap();
        let directory = Arc::new(Directory::open(path.path().to_owned()).unwrap());
        let temp_file = TempFile::reserve(&directory, ".env", 100, None).unwrap();
        let names: Vec<_> =
            fs::read_dir(path.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [&*temp_file.name]);
        assert_eq!(fs::read(path.path().join(&temp_file.name)).unwrap(), placeholder(100));
        assert_eq!(metadata::mode(&temp_file.file).unwrap(), metadata::PRIVATE);
        assert!(directory.has_live_temp_file(".env").unwrap());
    }

    #[test]
    fn a_file_that_has_the_name_of_a_temporary_one_is_not_read_without_end() {
        let path = tempfile::tempdir().unwrap();
        let large = path.path().join(".keymint-0123456789abcdef.tmp");
        let all_placeholder = placeholder(usize::try_from(crate::env_file::directory::LARGEST).unwrap());
        fs::write(&large, all_placeholder).unwrap();
        // No memory is large enough for it.
        File::options().write(true).open(&large).unwrap().set_len(1 << 42).unwrap();
        let directory = Directory::open(path.path().to_owned()).unwrap();
        assert_eq!(directory.leftovers().unwrap(), [large]);
    }
}
