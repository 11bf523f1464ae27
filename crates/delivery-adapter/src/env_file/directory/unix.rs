//! A directory that stays the same if its path changes, known by its handle.

use super::{Properties, is_name, is_name_for, new_name, placeholder, read_whole};
use crate::fail_point;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

pub(crate) struct Directory {
    handle: File,
    path: PathBuf,
}

pub(crate) struct Snapshot {
    pub(crate) content: Zeroizing<Vec<u8>>,
    file: File,
    version: FileVersion,
}

/// The properties that change with a file.
#[derive(PartialEq, Eq)]
struct FileVersion {
    inode: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

pub(crate) struct TempFile {
    directory: Arc<Directory>,
    name: String,
    file: File,
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

    /// Returns the current path, if the system reports it: the directory may have been moved.
    pub(crate) fn current_path(&self) -> PathBuf {
        let place = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let here = self.handle.metadata().map(place).ok();
        let is_here = |path: &PathBuf| here.is_some() && fs::metadata(path).map(place).ok() == here;
        let link = format!("/proc/self/fd/{}", self.handle.as_raw_fd());
        fs::read_link(link).ok().filter(is_here).unwrap_or_else(|| self.path.clone())
    }

    /// Checks that no other user can replace the files in it.
    pub(crate) fn check_owner(&self) -> io::Result<()> {
        let metadata = self.handle.metadata()?;
        let is_sticky = metadata.mode() & 0o1000 != 0;
        if !is_ours_or_the_systems(metadata.uid()) {
            Err(io::Error::other("the folder belongs to another user"))
        } else if self.everybody_may_write()? && !is_sticky {
            Err(io::Error::other("every user may replace files in the folder"))
        } else {
            Ok(())
        }
    }

    /// Returns whether another user could have put a link there.
    pub(crate) fn others_may_write(&self) -> io::Result<bool> {
        let metadata = self.handle.metadata()?;
        Ok(metadata.mode() & 0o022 != 0 || !is_ours_or_the_systems(metadata.uid()))
    }

    fn everybody_may_write(&self) -> io::Result<bool> {
        Ok(self.handle.metadata()?.mode() & 0o002 != 0)
    }

    pub(crate) fn is_link(&self, name: &str) -> io::Result<bool> {
        Ok(self.kind(name)?.is_some_and(FileType::is_symlink))
    }

    /// Locks the directory against other runs until it is unlocked or dropped, or the process has ended.
    /// Returns whether it did. On a file system without locks it always does.
    pub(crate) fn try_lock(&self) -> bool {
        !matches!(self.handle.try_lock(), Err(TryLockError::WouldBlock))
    }

    pub(crate) fn unlock(&self) {
        let _ = self.handle.unlock();
    }

    /// Reads a file, which must be a regular one of this user and of at most this size.
    pub(crate) fn read(&self, name: &str, largest: usize) -> io::Result<Option<Snapshot>> {
        let Some(file) = self.open_regular(name)? else { return Ok(None) };
        let metadata = file.metadata()?;
        // The administrator may write another user's file, but not one that any user may have put there.
        if metadata.uid() != euid() && (euid() != 0 || self.everybody_may_write()?) {
            return Err(io::Error::other("the file belongs to another user"));
        }
        let content = read_whole(&file, metadata.size(), largest)?;
        Ok(Some(Snapshot { content, version: FileVersion::of(&file)?, file }))
    }

    fn kind(&self, name: &str) -> io::Result<Option<FileType>> {
        match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
            Err(rustix::io::Errno::NOENT) => Ok(None),
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
                    Err(rustix::io::Errno::NOENT) => Ok(None),
                    Err(error) => Err(error.into()),
                };
            }
            Some(FileType::Directory) => "it is a folder, not a file",
            Some(FileType::Symlink) => "it is a symbolic link",
            Some(_) => "it is no regular file",
        };
        Err(io::Error::other(what))
    }

    /// Returns the temporary files of this user's runs that have ended, with their names.
    pub(super) fn abandoned_temp_files(&self) -> io::Result<Vec<(String, File)>> {
        let mut temp_files = self.temp_files()?;
        temp_files.retain(|(_, file)| !is_locked(file));
        Ok(temp_files)
    }

    /// Returns whether a run of this user has reserved a temporary file for the file of this name. Others can
    /// lock none.
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

    pub(super) fn remove(&self, name: &str) {
        let _ = rustix::fs::unlinkat(&self.handle, name, AtFlags::empty());
    }

    /// Replaces the file of this name, which keeps its owner and mode. Returns whether it did: not if the
    /// file has changed since the snapshot.
    pub(crate) fn replace(
        &self,
        name: &str,
        snapshot: Option<&Snapshot>,
        temp_file: &TempFile,
        content: &[u8],
    ) -> io::Result<bool> {
        temp_file.file.write_all_at(content, 0)?;
        temp_file.file.set_len(content.len() as u64)?;
        temp_file.copy_metadata_from(snapshot)?;
        temp_file.file.sync_all()?;
        fail_point::reached("temp-file-written");
        let now = self.open_regular(name)?.map(|file| FileVersion::of(&file)).transpose()?;
        if now.as_ref() != snapshot.map(|snapshot| &snapshot.version) {
            return Ok(false);
        }
        rustix::fs::renameat(&self.handle, &temp_file.name, &self.handle, name)?;
        fail_point::reached("file-replaced");
        // The name is on the disk only with the directory, if the system can sync directories.
        match self.handle.sync_all() {
            Err(error) if !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
                Err(error)
            }
            _ => Ok(true),
        }
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
    use rustix::fs::{StatxAttributes, StatxFlags, statx};
    let fixed = StatxAttributes::MOUNT_ROOT | StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
    statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::empty())
        .is_ok_and(|status| status.stx_attributes.intersects(fixed))
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

impl TempFile {
    /// Takes the room for this many bytes, and checks that the file can have the owner of the snapshot.
    pub(crate) fn reserve(
        directory: &Arc<Directory>,
        target: &str,
        size: usize,
        snapshot: Option<&Snapshot>,
    ) -> io::Result<Self> {
        let name = new_name(target)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&directory.handle, &name, flags, Mode::RUSR | Mode::WUSR)?.into();
        let temp_file = Self { directory: Arc::clone(directory), name, file };
        // As with the directory, a file system may have no locks.
        let _ = temp_file.file.try_lock();
        temp_file.file.write_all_at(&placeholder(size), 0)?;
        temp_file.file.sync_all()?;
        temp_file.copy_owner_from(snapshot)?;
        Ok(temp_file)
    }

    /// Removes it before it is dropped.
    pub(crate) fn remove(&self) {
        self.directory.remove(&self.name);
    }

    fn copy_owner_from(&self, snapshot: Option<&Snapshot>) -> io::Result<()> {
        let Some(snapshot) = snapshot else { return Ok(()) };
        let (old, new) = (snapshot.file.metadata()?, self.file.metadata()?);
        let owner = (old.uid() != new.uid()).then(|| rustix::fs::Uid::from_raw(old.uid()));
        let group = (old.gid() != new.gid()).then(|| rustix::fs::Gid::from_raw(old.gid()));
        if owner.is_some() || group.is_some() {
            rustix::fs::fchown(&self.file, owner, group)
                .map_err(|error| io::Error::other(format!("its owner and group cannot be kept: {error}")))?;
        }
        Ok(())
    }

    /// Copies the owner, the mode and the attributes of the file that it replaces. A new file is for its
    /// owner alone, whatever the umask.
    fn copy_metadata_from(&self, snapshot: Option<&Snapshot>) -> io::Result<()> {
        self.copy_owner_from(snapshot)?;
        let mode = match snapshot {
            Some(snapshot) => snapshot.file.metadata()?.mode() & 0o777,
            None => 0o600,
        };
        // A directory may give each new file an access list, which the mode would bring into effect.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if rustix::fs::fgetxattr(&self.file, ACCESS_LIST, &mut [0; 0][..]).is_ok() {
            rustix::fs::fremovexattr(&self.file, ACCESS_LIST)?;
        }
        rustix::fs::fchmod(&self.file, Mode::from_raw_mode(mode as rustix::fs::RawMode))?;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(snapshot) = snapshot {
            copy_attributes(&snapshot.file, &self.file)?;
        }
        Ok(())
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const ACCESS_LIST: &str = "system.posix_acl_access";

/// Without its access list a file's group bits would mean something else, and may admit more users.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn copy_attributes(from: &File, to: &File) -> io::Result<()> {
    use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr};
    // The most that Linux has of either (xattr(7)).
    let (mut names, mut value) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let Ok(length) = flistxattr(from, &mut names[..]) else { return Ok(()) };
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let copied = fgetxattr(from, name, &mut value[..])
            .and_then(|length| fsetxattr(to, name, &value[..length], XattrFlags::empty()));
        if let Err(error) = copied
            && name == ACCESS_LIST.as_bytes()
        {
            return Err(io::Error::other(format!("its access list cannot be kept: {error}")));
        }
    }
    Ok(())
}

fn is_locked(file: &File) -> bool {
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn is_ours_or_the_systems(user: u32) -> bool {
    user == euid() || user == 0
}

fn euid() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{XattrFlags, getxattr, setxattr};

    /// acl(5): the version, and for each entry its tag, its permissions, and whom it is for.
    fn access_list() -> Vec<u8> {
        const NOBODY: u32 = u32::MAX;
        let mut list = 2_u32.to_le_bytes().to_vec();
        for (tag, permissions, id) in
            [(1_u16, 6_u16, NOBODY), (2, 4, 12_345), (4, 0, NOBODY), (0x10, 4, NOBODY), (0x20, 0, NOBODY)]
        {
            list.extend([tag.to_le_bytes(), permissions.to_le_bytes()].concat());
            list.extend(id.to_le_bytes());
        }
        list
    }

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

    #[test]
    fn a_file_that_has_the_name_of_a_temporary_one_is_not_read_without_end() {
        let path = tempfile::tempdir().unwrap();
        let large = path.path().join(".keymint-0123456789abcdef.tmp");
        let all_placeholder = placeholder(usize::try_from(super::super::LARGEST).unwrap());
        fs::write(&large, all_placeholder).unwrap();
        // No memory has room for it.
        File::options().write(true).open(&large).unwrap().set_len(1 << 42).unwrap();
        let directory = Directory::open(path.path().to_owned()).unwrap();
        assert_eq!(directory.leftovers().unwrap(), [large]);
    }

    #[test]
    fn a_replaced_file_takes_no_access_list_from_its_directory() {
        use std::os::unix::fs::PermissionsExt;
        let path = tempfile::tempdir().unwrap();
        let file = path.path().join(".env");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        if setxattr(path.path(), "system.posix_acl_default", &access_list(), XattrFlags::empty()).is_err() {
            return crate::skipped("this file system has no access lists");
        }
        let directory = Arc::new(Directory::open(path.path().to_owned()).unwrap());
        let snapshot = directory.read(".env", 100).unwrap();
        let temp_file = TempFile::reserve(&directory, ".env", 100, snapshot.as_ref()).unwrap();
        assert!(getxattr(path.path().join(&temp_file.name), ACCESS_LIST, &mut [0; 100][..]).is_ok());
        assert!(directory.replace(".env", snapshot.as_ref(), &temp_file, b"new").unwrap());
        assert!(getxattr(&file, ACCESS_LIST, &mut [0; 100][..]).is_err());
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_replaced_file_keeps_who_may_read_it_and_what_is_noted_of_it() {
        let path = tempfile::tempdir().unwrap();
        let file = path.path().join(".env");
        fs::write(&file, "old").unwrap();
        let attributes = [("user.note", b"mine".to_vec()), ("system.posix_acl_access", access_list())];
        for (name, value) in &attributes {
            if setxattr(&file, *name, value, XattrFlags::empty()).is_err() {
                return crate::skipped("this file system has no attributes");
            }
        }
        let directory = Arc::new(Directory::open(path.path().to_owned()).unwrap());
        let snapshot = directory.read(".env", 100).unwrap().unwrap();
        let temp_file = TempFile::reserve(&directory, ".env", 100, Some(&snapshot)).unwrap();
        assert!(directory.replace(".env", Some(&snapshot), &temp_file, b"new").unwrap());

        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
        for (name, value) in &attributes {
            let mut kept = [0; 100];
            let length = getxattr(&file, *name, &mut kept[..]).unwrap();
            assert_eq!(&kept[..length], value, "{name}");
        }
    }
}
