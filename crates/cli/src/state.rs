//! The private folder of what is kept from one run to the next.

use crate::os::clock;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::{env, io};

/// The folder of this name in `$XDG_STATE_HOME/keymint`, or in what this system has in its place;
/// made where it is not there yet. Nobody else may write in it.
pub(crate) fn folder(name: &str) -> io::Result<PathBuf> {
    let base = base().ok_or_else(|| io::Error::other("there is no home folder"))?;
    let folder = base.join(name);
    make_private(&base).and_then(|()| make_private(&folder)).map_err(|error| about(&folder, &error))?;
    Ok(folder)
}

/// Where the state is, whether or not it is there yet.
pub(crate) fn base() -> Option<PathBuf> {
    Some(standard_folder("XDG_STATE_HOME", "LOCALAPPDATA", ".local/state")?.join("keymint"))
}

/// The folder that a variable names, or, on Windows, another, or the one in the home folder. A
/// relative one does not count (XDG Base Directory Specification).
pub(crate) fn standard_folder(variable: &str, windows: &str, in_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable)
        .or_else(|| absolute(windows))
        .or_else(|| Some(env::home_dir()?.join(in_home)).filter(|path| path.is_absolute()))
}

/// Finds out, without making anything, whether the state can be kept, and tells where.
pub(crate) fn check() -> io::Result<PathBuf> {
    let base = base().ok_or_else(|| io::Error::other("there is no home folder"))?;
    // What is not there yet is made in the nearest folder that is.
    let nearest = base.ancestors().find(|folder| folder.symlink_metadata().is_ok()).unwrap_or(&base);
    check_folder(nearest, nearest == base).map_err(|error| about(nearest, &error))?;
    Ok(base)
}

fn check_folder(folder: &Path, must_be_private: bool) -> io::Result<()> {
    if !fs::metadata(folder)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    #[cfg(unix)]
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)?;
    if must_be_private { check_owner(folder) } else { Ok(()) }
}

/// Makes the folder for its owner alone, or makes sure that one that is there is so.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    check_owner(folder)
}

/// What somebody else may write could be theirs.
#[cfg(unix)]
pub(crate) fn check_owner(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let (metadata, me) = (fs::metadata(folder)?, rustix::process::geteuid().as_raw());
    // Whose link leads there decides what it leads to.
    let link_owner = fs::symlink_metadata(folder)?.uid();
    if metadata.uid() != me || ![me, 0].contains(&link_owner) {
        Err(io::Error::other("it belongs to another user"))
    } else if metadata.mode() & 0o022 != 0 {
        Err(io::Error::other("other users may write in it; `chmod 700` takes that from them"))
    } else {
        Ok(())
    }
}

#[cfg(not(unix))]
pub(crate) fn check_owner(folder: &Path) -> io::Result<()> {
    fs::metadata(folder).map(drop)
}

/// A name for a file that no other run gives, and that sorts by time.
pub(crate) fn new_id() -> String {
    format!("{}-{}", clock::utc_now().replace([':', '.'], ""), std::process::id())
}

/// A new file that its owner alone can read.
pub(crate) fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|error| about(path, &error))?;
    leave_to_owner(&file);
    Ok(file)
}

/// Lets its owner read and write the file, whatever the umask took away. Not every file system has
/// modes.
#[cfg(unix)]
pub(crate) fn leave_to_owner(file: &File) {
    let _ = file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600));
}

#[cfg(not(unix))]
pub(crate) fn leave_to_owner(_: &File) {}

/// Opens a file to read it, and makes sure that nobody else could have written it.
pub(crate) fn open_own(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    check_writers(&file)?;
    Ok(file)
}

/// Makes sure that nobody else could put another file in this one's place: neither in its folder,
/// nor, where it is a link, in that of the file that it leads to.
#[cfg(unix)]
pub(crate) fn check_folders(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    for path in [path.to_owned(), path.canonicalize()?] {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let mode = fs::metadata(folder)?.mode();
        let is_sticky = mode & 0o1000 != 0;
        if mode & 0o022 != 0 && !is_sticky {
            let folder = folder.display();
            return Err(io::Error::other(format!(
                "other users may write in its folder; `chmod go-w {folder}` takes that from them"
            )));
        }
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn check_folders(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Does not wait for the writer of a pipe.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

/// It is this user's or the administrator's, and nobody else may write it.
#[cfg(unix)]
fn check_writers(file: &File) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata()?;
    if metadata.uid() != 0 && metadata.uid() != rustix::process::geteuid().as_raw() {
        Err(io::Error::other("it belongs to another user"))
    } else if metadata.mode() & 0o022 != 0 {
        Err(io::Error::other("other users may write it; `chmod go-w` takes that from them"))
    } else {
        Ok(())
    }
}

#[cfg(not(unix))]
fn check_writers(_: &File) -> io::Result<()> {
    Ok(())
}

/// Makes sure that the names in a folder are on the disk.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The same error with the path that it is about.
pub(crate) fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_folder_is_private_from_the_start_and_one_that_is_not_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("state/keymint");
        make_private(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);

        fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).unwrap();
        let refusal = make_private(&folder).unwrap_err();
        assert!(refusal.to_string().contains("chmod 700"), "{refusal}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_of_another_user_is_not_followed_to_a_folder() {
        use std::os::unix::fs::{lchown, symlink};
        let home = tempfile::tempdir().unwrap();
        let (folder, link) = (home.path().join("folder"), home.path().join("link"));
        make_private(&folder).unwrap();
        symlink(&folder, &link).unwrap();
        make_private(&link).unwrap();
        if lchown(&link, Some(12_345), None).is_err() {
            let mut stderr = io::stderr();
            io::Write::write_all(&mut stderr, b"SKIPPED: only the administrator can give links away\n")
                .unwrap();
            return;
        }
        assert!(make_private(&link).is_err());
    }
}
