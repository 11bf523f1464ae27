//! The replacement of a file by a temporary file. It loses no change by another program.

use super::temp_file::TempFile;
use super::{Directory, FileVersion, Snapshot};
use crate::env_file::directory::read_whole;
use crate::fail_point;
#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::fs::RenameFlags;
use rustix::io::Errno;
use std::io;

impl Directory {
    /// Replaces the file with this name unless it has changed since the snapshot, and keeps its owner and mode.
    /// Returns whether the file was replaced.
    pub(crate) fn replace(
        &self,
        name: &str,
        snapshot: Option<&Snapshot>,
        temp_file: &TempFile,
        content: &[u8],
    ) -> io::Result<bool> {
        temp_file.write(content, snapshot)?;
        fail_point::reached("temp-file-written");
        let now = self.open_regular(name)?.map(|file| FileVersion::of(&file)).transpose()?;
        if now.as_ref() != snapshot.map(|snapshot| &snapshot.version) {
            return Ok(false);
        }
        let replacement = Replacement { directory: self, name, old: snapshot, temp_file };
        if !replacement.begin()? {
            return Ok(false);
        }
        fail_point::reached("file-replaced");
        replacement.finish()
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn exchange(&self, one: &str, other: &str) -> Result<(), Errno> {
        rustix::fs::renameat_with(&self.handle, one, &self.handle, other, RenameFlags::EXCHANGE)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn rename_to_new(&self, from: &str, to: &str) -> Result<(), Errno> {
        rustix::fs::renameat_with(&self.handle, from, &self.handle, to, RenameFlags::NOREPLACE)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn exchange(&self, _: &str, _: &str) -> Result<(), Errno> {
        Err(Errno::NOSYS)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn rename_to_new(&self, _: &str, _: &str) -> Result<(), Errno> {
        Err(Errno::NOSYS)
    }
}

/// The replacement of one file by a temporary file that has its new content.
struct Replacement<'a> {
    directory: &'a Directory,
    name: &'a str,
    /// The file to be replaced. `None` if it does not exist.
    old: Option<&'a Snapshot>,
    temp_file: &'a TempFile,
}

impl Replacement<'_> {
    /// Renames the temporary file to the file. If the system can exchange names, the old file gets the name of the
    /// temporary file, so that a simultaneous write of another program to the old file is not lost. Returns `false`
    /// if another program has created or removed the file.
    fn begin(&self) -> io::Result<bool> {
        let Self { directory, name, old, temp_file } = *self;
        let renamed = match old {
            Some(old) => {
                // After the exchange, other runs take the old file for a temporary file of this run. The lock shows
                // them that the run is alive.
                let _ = old.file.try_lock();
                directory.exchange(&temp_file.name, name)
            }
            None => directory.rename_to_new(&temp_file.name, name),
        };
        match renamed {
            Ok(()) => Ok(true),
            Err(Errno::EXIST | Errno::NOENT) if directory.kind(&temp_file.name)?.is_some() => Ok(false),
            // The system or the file system cannot exchange names, but it has already renamed a temporary file.
            Err(_) => {
                rustix::fs::renameat(&directory.handle, &temp_file.name, &directory.handle, name)?;
                Ok(true)
            }
        }
    }

    /// Removes the old file, which now has the name of the temporary file. If it has changed since the snapshot,
    /// restores it and returns `false`.
    fn finish(&self) -> io::Result<bool> {
        // Checks at once, since another program may also write to the new file. Checks again after the sync, for a
        // program that opened the old file before.
        if self.undo_if_changed()? {
            return Ok(false);
        }
        let synced = self.directory.sync();
        if self.undo_if_changed()? {
            return Ok(false);
        }
        self.temp_file.remove();
        synced?;
        Ok(true)
    }

    /// Restores the old file if it has changed since the snapshot. Returns whether it was restored.
    fn undo_if_changed(&self) -> io::Result<bool> {
        let Self { directory, name, old: Some(old), temp_file } = *self else { return Ok(false) };
        // If the system cannot exchange names, there is no old file to restore.
        if directory.kind(&temp_file.name)?.is_none() || self.is_unchanged(old)? {
            return Ok(false);
        }
        directory.exchange(&temp_file.name, name)?;
        Ok(true)
    }

    /// Returns whether the file with the name of the temporary file is the old file, with unchanged content.
    fn is_unchanged(&self, old: &Snapshot) -> io::Result<bool> {
        let Some(file) = self.directory.open_regular(&self.temp_file.name)? else { return Ok(false) };
        let version = FileVersion::of(&file)?;
        // The system may record the renaming as a change.
        Ok(version.inode == old.version.inode
            && version.size == old.version.size
            && *read_whole(&file, version.size, old.content.len())? == *old.content)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::sync::Arc;

    #[test]
    fn a_change_of_another_program_at_the_moment_of_the_replacement_is_not_lost() {
        let path = tempfile::tempdir().unwrap();
        let file = path.path().join(".env");
        fs::write(&file, "old").unwrap();
        let directory = Arc::new(Directory::open(path.path().to_owned()).unwrap());
        let snapshot = directory.read(".env", 100).unwrap();
        let temp_file = TempFile::reserve(&directory, ".env", 100, snapshot.as_ref()).unwrap();
        let names = || fs::read_dir(path.path()).unwrap().count();

        // A program that opened the file before the replacement writes to it afterwards.
        let mut old = File::options().append(true).open(&file).unwrap();
        let replacement =
            |old| Replacement { directory: &directory, name: ".env", old, temp_file: &temp_file };
        replacement(snapshot.as_ref()).begin().unwrap();
        io::Write::write_all(&mut old, b", and more").unwrap();
        assert!(!replacement(snapshot.as_ref()).finish().unwrap());
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), names()), ("old, and more", 2));

        // Another program creates the file, which did not exist before.
        fs::remove_file(&file).unwrap();
        fs::write(&file, "another").unwrap();
        assert!(!replacement(None).begin().unwrap());
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), names()), ("another", 2));
    }
}
