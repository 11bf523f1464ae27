//! A directory that stays the same if its path changes, known by its handle.

use super::{Properties, is_name, is_name_for, new_name, placeholder, read_whole};
use crate::fail_point;
use crate::store::private_files::allow_unsupported;
use crate::wall_clock::unix_now;
#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::fs::RenameFlags;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, Seek};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The mode of a new file.
const PRIVATE: u32 = 0o600;

/// How many times a file is read that another program changes meanwhile.
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
        // What was read is of one moment only if nothing has changed since.
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
            Some(FileType::Directory) => "it is a folder, not a file",
            Some(FileType::Symlink) => "it is a symbolic link",
            Some(_) => "it is no regular file",
        };
        Err(io::Error::other(what))
    }

    /// Returns the temporary files of this user's runs that have ended, with their names.
    pub(super) fn abandoned_temp_files(&self) -> io::Result<Vec<(String, File)>> {
        let mut temp_files = self.temp_files()?;
        temp_files.retain(|(_, file)| is_abandoned(file));
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
        if !self.put_in_place(name, snapshot, temp_file)? {
            return Ok(false);
        }
        fail_point::reached("file-replaced");
        self.finish_replacement(name, snapshot, temp_file)
    }

    /// Removes the old file, which has the name of the temporary file now. Returns `false`, with the old file in
    /// its place again, if it has changed since the snapshot.
    fn finish_replacement(
        &self,
        name: &str,
        snapshot: Option<&Snapshot>,
        temp_file: &TempFile,
    ) -> io::Result<bool> {
        // At once, since the new file may be written to as well, and once more after some time, for a program that
        // opened the old file before.
        if !self.keeps_place(name, snapshot, temp_file)? {
            return Ok(false);
        }
        let synced = self.sync();
        if !self.keeps_place(name, snapshot, temp_file)? {
            return Ok(false);
        }
        temp_file.remove();
        synced?;
        Ok(true)
    }

    /// Returns `false`, with the old file in its place again, if that has changed since the snapshot.
    fn keeps_place(&self, name: &str, snapshot: Option<&Snapshot>, temp_file: &TempFile) -> io::Result<bool> {
        let Some(snapshot) = snapshot else { return Ok(true) };
        // The names were not exchanged where the system cannot do that.
        if self.kind(&temp_file.name)?.is_none() || self.is_unchanged(&temp_file.name, snapshot)? {
            return Ok(true);
        }
        self.exchange(&temp_file.name, name)?;
        Ok(false)
    }

    /// A name is on the disk only with the directory.
    fn sync(&self) -> io::Result<()> {
        allow_unsupported(self.handle.sync_all())
    }

    /// Gives the temporary file this name. The old file, if there is one, gets the name of the temporary file, where
    /// the system can exchange names: what another program writes to it at this moment is not lost.
    fn put_in_place(
        &self,
        name: &str,
        snapshot: Option<&Snapshot>,
        temp_file: &TempFile,
    ) -> io::Result<bool> {
        let exclusive = match snapshot {
            Some(snapshot) => {
                // Other runs take the old file for a temporary file of this one, which is alive.
                let _ = snapshot.file.try_lock();
                self.exchange(&temp_file.name, name)
            }
            None => self.rename_to_new(&temp_file.name, name),
        };
        match exclusive {
            Ok(()) => Ok(true),
            Err(Errno::EXIST | Errno::NOENT) if self.kind(&temp_file.name)?.is_some() => Ok(false),
            // The system or the file system cannot do that, but it has renamed a temporary file before.
            Err(_) => {
                rustix::fs::renameat(&self.handle, &temp_file.name, &self.handle, name)?;
                Ok(true)
            }
        }
    }

    /// Returns whether the file of this name is that of the snapshot, with its content.
    fn is_unchanged(&self, name: &str, snapshot: &Snapshot) -> io::Result<bool> {
        let Some(file) = self.open_regular(name)? else { return Ok(false) };
        let version = FileVersion::of(&file)?;
        // The system may note the renaming as a change.
        Ok(version.inode == snapshot.version.inode
            && version.size == snapshot.version.size
            && *read_whole(&file, version.size, snapshot.content.len())? == *snapshot.content)
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
    /// Takes the room for this many bytes, and rehearses the replacement: each step that may be refused is
    /// taken with the placeholder, so that the file system refuses it before a key exists.
    pub(crate) fn reserve(
        directory: &Arc<Directory>,
        target: &str,
        size: usize,
        snapshot: Option<&Snapshot>,
    ) -> io::Result<Self> {
        let mut temp_file = Self::create(directory, target)?;
        temp_file.file.write_all_at(&placeholder(size), 0)?;
        temp_file.file.set_len(size as u64)?;
        temp_file.copy_metadata_from(snapshot)?;
        temp_file.file.sync_all()?;
        let mut replaced = Self::create(directory, target)?;
        rustix::fs::renameat(&directory.handle, &temp_file.name, &directory.handle, &replaced.name)?;
        // The name that no file has now is the one that is removed.
        std::mem::swap(&mut temp_file.name, &mut replaced.name);
        directory.sync()?;
        // The key is written before the metadata is copied, which may be stricter by then.
        temp_file.set_mode(PRIVATE, true)?;
        Ok(temp_file)
    }

    fn create(directory: &Arc<Directory>, target: &str) -> io::Result<Self> {
        let name = new_name(target)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&directory.handle, &name, flags, Mode::RUSR | Mode::WUSR)?.into();
        let temp_file = Self { directory: Arc::clone(directory), name, file };
        // As with the directory, a file system may have no locks.
        let _ = temp_file.file.try_lock();
        Ok(temp_file)
    }

    /// Returns the mode if other users may read a new file, because the file system has no modes.
    pub(crate) fn readable_by_others(&self) -> io::Result<Option<u32>> {
        Ok(Some(self.mode()?).filter(|mode| mode & 0o044 != 0))
    }

    fn mode(&self) -> io::Result<u32> {
        Ok(self.file.metadata()?.mode() & 0o777)
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
            None => PRIVATE,
        };
        // A directory may give each new file an access list, which the mode would bring into effect.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if rustix::fs::fgetxattr(&self.file, ACCESS_LIST, &mut [0; 0][..]).is_ok() {
            rustix::fs::fremovexattr(&self.file, ACCESS_LIST)?;
        }
        self.set_mode(mode, snapshot.is_none())?;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(snapshot) = snapshot {
            copy_attributes(&snapshot.file, &self.file)?;
        }
        Ok(())
    }

    /// Changes the mode, and checks what became of it: a file system without modes may refuse the change, or
    /// ignore it.
    fn set_mode(&self, mode: u32, is_new: bool) -> io::Result<()> {
        let changed = rustix::fs::fchmod(&self.file, Mode::from_raw_mode(mode as rustix::fs::RawMode));
        check_mode(mode, self.mode()?, is_new).map_err(|problem| match changed {
            Err(error) => io::Error::other(format!("{problem}: {error}")),
            Ok(()) => io::Error::other(problem),
        })
    }
}

/// Checks the mode that a file got. A new file may admit other users where the file system has no modes, since
/// the user is warned.
fn check_mode(wanted: u32, found: u32, is_new: bool) -> Result<(), &'static str> {
    match is_new {
        _ if found == wanted => Ok(()),
        true if found & PRIVATE == PRIVATE => Ok(()),
        true => Err("it cannot be made readable and writable"),
        false => Err("its mode cannot be kept"),
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

fn is_abandoned(file: &File) -> bool {
    match file.try_lock_shared() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(_)) => file.metadata().is_ok_and(|metadata| is_old(&metadata)),
    }
}

/// Returns whether no run can still wait for the browser, for file systems without locks.
fn is_old(metadata: &Metadata) -> bool {
    const DAY: u64 = 24 * 60 * 60;
    let modified = u64::try_from(metadata.mtime()).unwrap_or_default();
    unix_now().saturating_sub(modified) > DAY
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
    fn a_mode_that_a_file_did_not_get_is_noticed() {
        for (wanted, found, is_new, expected) in [
            (0o600, 0o600, true, Ok(())),
            (0o600, 0o777, true, Ok(())),
            (0o600, 0o400, true, Err("it cannot be made readable and writable")),
            (0o640, 0o640, false, Ok(())),
            (0o640, 0o755, false, Err("its mode cannot be kept")),
            (0o640, 0o600, false, Err("its mode cannot be kept")),
        ] {
            assert_eq!(check_mode(wanted, found, is_new), expected, "{wanted:o} {found:o}");
        }
    }

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
        // Stands in for a file system that gives every file this mode.
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
        assert_eq!(temp_file.mode().unwrap(), PRIVATE);
        assert!(directory.has_live_temp_file(".env").unwrap());
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
        fs::write(path.path().join("new"), "").unwrap();
        assert!(getxattr(path.path().join("new"), ACCESS_LIST, &mut [0; 100][..]).is_ok());
        let temp_file = TempFile::reserve(&directory, ".env", 100, snapshot.as_ref()).unwrap();
        assert!(directory.replace(".env", snapshot.as_ref(), &temp_file, b"new").unwrap());
        assert!(getxattr(&file, ACCESS_LIST, &mut [0; 100][..]).is_err());
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
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

    #[test]
    fn what_another_program_writes_at_the_moment_of_the_replacement_is_not_lost() {
        let path = tempfile::tempdir().unwrap();
        let file = path.path().join(".env");
        fs::write(&file, "old").unwrap();
        let directory = Arc::new(Directory::open(path.path().to_owned()).unwrap());
        let snapshot = directory.read(".env", 100).unwrap();
        let temp_file = TempFile::reserve(&directory, ".env", 100, snapshot.as_ref()).unwrap();
        let names = || fs::read_dir(path.path()).unwrap().count();

        // It was opened before the replacement and is written after it.
        let mut old = File::options().append(true).open(&file).unwrap();
        directory.put_in_place(".env", snapshot.as_ref(), &temp_file).unwrap();
        io::Write::write_all(&mut old, b", and more").unwrap();
        assert!(!directory.finish_replacement(".env", snapshot.as_ref(), &temp_file).unwrap());
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), names()), ("old, and more", 2));

        // A new file comes where there was none.
        fs::remove_file(&file).unwrap();
        fs::write(&file, "another").unwrap();
        assert!(!directory.put_in_place(".env", None, &temp_file).unwrap());
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), names()), ("another", 2));
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
