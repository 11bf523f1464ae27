//! The owner, the mode and the attributes of a file, which its replacement keeps.

use rustix::fs::Mode;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

/// The mode of a new file.
pub(super) const PRIVATE: u32 = 0o600;

pub(super) fn mode(file: &File) -> io::Result<u32> {
    Ok(file.metadata()?.mode() & 0o777)
}

/// Copies the owner, the mode and the attributes of the replaced file. A new file is private to its owner, whatever
/// the umask.
pub(super) fn copy(replaced: Option<&File>, file: &File) -> io::Result<()> {
    if let Some(replaced) = replaced {
        copy_owner(replaced, file)?;
    }
    // A directory may have a default access list for new files, which a change of the mode would activate.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if rustix::fs::fgetxattr(file, ACCESS_LIST, &mut [0; 0][..]).is_ok() {
        rustix::fs::fremovexattr(file, ACCESS_LIST)?;
    }
    set_mode(file, replaced.map_or(Ok(PRIVATE), mode)?, replaced.is_none())?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(replaced) = replaced {
        copy_attributes(replaced, file)?;
    }
    Ok(())
}

fn copy_owner(from: &File, to: &File) -> io::Result<()> {
    let (old, new) = (from.metadata()?, to.metadata()?);
    let owner = (old.uid() != new.uid()).then(|| rustix::fs::Uid::from_raw(old.uid()));
    let group = (old.gid() != new.gid()).then(|| rustix::fs::Gid::from_raw(old.gid()));
    if owner.is_some() || group.is_some() {
        rustix::fs::fchown(to, owner, group)
            .map_err(|error| io::Error::other(format!("cannot keep its owner and group: {error}")))?;
    }
    Ok(())
}

/// Changes the mode, and checks the result: a file system without modes may refuse the change, or ignore it.
pub(super) fn set_mode(file: &File, wanted: u32, is_new: bool) -> io::Result<()> {
    let changed = rustix::fs::fchmod(file, Mode::from_raw_mode(wanted as rustix::fs::RawMode));
    check_mode(wanted, mode(file)?, is_new).map_err(|problem| match changed {
        Err(error) => io::Error::other(format!("{problem}: {error}")),
        Ok(()) => io::Error::other(problem),
    })
}

/// Checks the resulting mode of a file. On a file system without modes, a new file may be readable by other users.
/// The user gets a warning about that.
fn check_mode(wanted: u32, found: u32, is_new: bool) -> Result<(), &'static str> {
    match is_new {
        _ if found == wanted => Ok(()),
        true if found & PRIVATE == PRIVATE => Ok(()),
        true => Err("cannot make it readable and writable"),
        false => Err("cannot keep its mode"),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const ACCESS_LIST: &str = "system.posix_acl_access";

/// Copies the attributes. They include the access list: without it, the group bits of the mode have another meaning,
/// and may admit more users.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn copy_attributes(from: &File, to: &File) -> io::Result<()> {
    use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr};
    // The maximum sizes of the list of names and of a value on Linux (xattr(7)).
    let (mut names, mut value) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let Ok(length) = flistxattr(from, &mut names[..]) else { return Ok(()) };
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let copied = fgetxattr(from, name, &mut value[..])
            .and_then(|length| fsetxattr(to, name, &value[..length], XattrFlags::empty()));
        if let Err(error) = copied
            && name == ACCESS_LIST.as_bytes()
        {
            return Err(io::Error::other(format!("cannot keep its access control list: {error}")));
        }
    }
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[cfg(test)]
mod tests {
    use super::super::Directory;
    use super::super::temp_file::TempFile;
    use super::*;
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    /// Returns an access list in the format of acl(5): the version, and for each entry its tag, its permissions and
    /// its id.
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
    fn a_mode_that_a_file_did_not_get_is_noticed() {
        for (wanted, found, is_new, expected) in [
            (0o600, 0o600, true, Ok(())),
            (0o600, 0o777, true, Ok(())),
            (0o600, 0o400, true, Err("cannot make it readable and writable")),
            (0o640, 0o640, false, Ok(())),
            (0o640, 0o755, false, Err("cannot keep its mode")),
            (0o640, 0o600, false, Err("cannot keep its mode")),
        ] {
            assert_eq!(check_mode(wanted, found, is_new), expected, "{wanted:o} {found:o}");
        }
    }

    #[test]
    fn a_replaced_file_takes_no_access_list_from_its_directory() {
        let path = tempfile::tempdir().unwrap();
        let file = path.path().join(".env");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
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
