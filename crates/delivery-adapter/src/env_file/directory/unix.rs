//! A directory that is identified by an open handle, which stays valid if the path changes.

mod metadata;
mod replacement;
mod temp_file;

use super::{Properties, read_whole};
use crate::store::private_files::{allow_unsupported, euid, is_ours_or_the_systems};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, Seek};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
pub(crate) use temp_file::TempFile;
use zeroize::Zeroizing;

/// The maximum number of attempts to read a file that another program is changing.
const READS: usize = 100;

pub(crate) struct Directory {
    handle: File,
    path: PathBuf,
}

pub(crate) struct Snapshot {
    pub(crate) content: Zeroizing<Vec<u8>>,
    file: File,
    version: FileVersion,
}

/// The properties that change when a file changes.
#[derive(PartialEq, Eq)]
struct FileVersion {
    inode: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Directory {
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(&path, flags, Mode::empty())?.into();
        Ok(Self { handle, path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the current path if the system reports it, since the directory may have been moved.
    pub(crate) fn current_path(&self) -> PathBuf {
        let place = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let here = self.handle.metadata().map(place).ok();
        let is_here = |path: &PathBuf| here.is_some() && fs::metadata(path).map(place).ok() == here;
        let link = format!("/proc/self/fd/{}", self.handle.as_raw_fd());
        fs::read_link(link).ok().filter(is_here).unwrap_or_else(|| self.path.clone())
    }

    /// Checks that no other user can replace files in the directory.
    pub(crate) fn check_owner(&self) -> io::Result<()> {
        let metadata = self.handle.metadata()?;
        let is_sticky = metadata.mode() & 0o1000 != 0;
        if !is_ours_or_the_systems(metadata.uid()) {
            Err(io::Error::other("the directory belongs to another user"))
        } else if self.everybody_may_write()? && !is_sticky {
            Err(io::Error::other("every user can replace files in the directory"))
        } else {
            Ok(())
        }
    }

    /// Returns whether another user could have created a link in the directory.
    pub(crate) fn others_may_write(&self) -> io::Result<bool> {
        let metadata = self.handle.metadata()?;
        Ok(metadata.mode() & 0o022 != 0 || !is_ours_or_the_systems(metadata.uid()))
    }

    /// Returns whether files can be created in the directory, but neither renamed nor removed.
    fn only_grows(&self) -> bool {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        return has_attribute(&self.handle, rustix::fs::StatxAttributes::APPEND);
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        false
    }

    fn everybody_may_write(&self) -> io::Result<bool> {
        Ok(self.handle.metadata()?.mode() & 0o002 != 0)
    }

    pub(crate) fn is_link(&self, name: &str) -> io::Result<bool> {
        Ok(self.kind(name)?.is_some_and(FileType::is_symlink))
    }

    /// Locks the directory against other runs until it is unlocked or dropped, or the process ends. Returns whether
    /// it is locked. On a file system without locks, the result is always true.
    pub(crate) fn try_lock(&self) -> bool {
        !matches!(self.handle.try_lock(), Err(TryLockError::WouldBlock))
    }

    pub(crate) fn unlock(&self) {
        let _ = self.handle.unlock();
    }

    /// Reads a file. It must be a regular file of this user and of at most this size.
    pub(crate) fn read(&self, name: &str, largest: usize) -> io::Result<Option<Snapshot>> {
        let Some(file) = self.open_regular(name)? else { return Ok(None) };
        let metadata = file.metadata()?;
        // The administrator may write another user's file, but not one in a directory where any user may create
        // files.
        if metadata.uid() != euid() && (euid() != 0 || self.everybody_may_write()?) {
            return Err(io::Error::other("the file belongs to another user"));
        }
        // The content is consistent only if nothing has changed since it was read.
        for _ in 0..READS {
            let version = FileVersion::of(&file)?;
            (&file).rewind()?;
            let content = read_whole(&file, version.size, largest)?;
            if FileVersion::of(&file)? == version {
                return Ok(Some(Snapshot { content, file, version }));
            }
        }
        Err(io::Error::other("another program keeps changing it"))
    }

    fn kind(&self, name: &str) -> io::Result<Option<FileType>> {
        match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn open_regular(&self, name: &str) -> io::Result<Option<File>> {
        let what = match self.kind(name)? {
            None => return Ok(None),
            Some(FileType::RegularFile) => {
                let flags =
                    OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                return match rustix::fs::openat(&self.handle, name, flags, Mode::empty()) {
                    Ok(file) => Ok(Some(file.into())),
                    Err(Errno::NOENT) => Ok(None),
                    Err(error) => Err(error.into()),
                };
            }
            Some(FileType::Directory) => "it is a directory, not a file",
            Some(FileType::Symlink) => "it is a symbolic link",
            Some(_) => "it is not a regular file",
        };
        Err(io::Error::other(what))
    }

    pub(super) fn remove(&self, name: &str) {
        let _ = rustix::fs::unlinkat(&self.handle, name, AtFlags::empty());
    }

    /// Syncs the directory, which makes a new name in it durable.
    fn sync(&self) -> io::Result<()> {
        allow_unsupported(self.handle.sync_all())
    }
}

impl Snapshot {
    pub(crate) fn properties(&self) -> io::Result<Properties> {
        let metadata = self.file.metadata()?;
        Ok(Properties {
            is_read_only: metadata.mode() & 0o200 == 0,
            is_fixed: is_fixed(&self.file),
            has_other_names: metadata.nlink() > 1,
            readable_by_others: Some(metadata.mode() & 0o7777).filter(|mode| mode & 0o044 != 0),
        })
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_fixed(file: &File) -> bool {
    use rustix::fs::StatxAttributes;
    has_attribute(file, StatxAttributes::MOUNT_ROOT | StatxAttributes::IMMUTABLE | StatxAttributes::APPEND)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn has_attribute(file: &File, any: rustix::fs::StatxAttributes) -> bool {
    rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, rustix::fs::StatxFlags::empty())
        .is_ok_and(|status| status.stx_attributes.intersects(any))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_fixed(_: &File) -> bool {
    false
}

impl FileVersion {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            inode: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_another_user_put_where_everybody_may_is_refused_to_the_administrator_too() {
        use std::os::unix::fs::{PermissionsExt, chown};
        let path = tempfile::tempdir().unwrap();
        let file = path.path().join(".env");
        fs::write(&file, "A=1").unwrap();
        if chown(&file, Some(12_345), None).is_err() {
            return crate::skipped("only the administrator can give files away");
        }
        let directory = Directory::open(path.path().to_owned()).unwrap();
        for (mode, is_taken) in [(0o755, true), (0o1777, false)] {
            fs::set_permissions(path.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(directory.read(".env", 100).is_ok(), is_taken, "{mode:o}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_directory_that_only_grows_is_refused_before_a_file_is_left_there() {
        use rustix::fs::{IFlags, ioctl_setflags};
        let path = tempfile::tempdir().unwrap();
        let directory = std::sync::Arc::new(Directory::open(path.path().to_owned()).unwrap());
        if ioctl_setflags(&directory.handle, IFlags::APPEND).is_err() {
            return crate::skipped("only the administrator can set attributes, and not on each file system");
        }
        let refusal = TempFile::reserve(&directory, ".env", 10, None).err();
        let left = fs::read_dir(path.path()).unwrap().count();
        ioctl_setflags(&directory.handle, IFlags::empty()).unwrap();
        assert_eq!((refusal.is_some(), left), (true, 0));
    }

    #[test]
    fn a_file_is_read_as_it_was_at_one_moment() {
        let path = tempfile::tempdir().unwrap();
        let file = path.path().join(".env");
        fs::write(&file, "").unwrap();
        let directory = Directory::open(path.path().to_owned()).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut file = File::options().append(true).open(&file).unwrap();
                (0..5000).for_each(|_| io::Write::write_all(&mut file, b"LINE=1\n").unwrap());
            });
            while !writer.is_finished() {
                let Ok(Some(snapshot)) = directory.read(".env", 100_000) else { continue };
                assert!(matches!(&snapshot.content[..], [] | [.., b'\n']), "half a line");
                assert_eq!(snapshot.content.len() as u64, snapshot.version.size);
            }
        });
    }
}
