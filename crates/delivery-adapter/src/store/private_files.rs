//! Files and directories that no other user can read or write.

use crate::wall_clock::utc_now;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::{env, io};

/// Returns the directory that a variable names, or, on Windows, another variable, or the one in the home
/// directory. A relative path does not count (XDG Base Directory Specification).
pub fn standard_directory(variable: &str, windows: &str, in_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable)
        .or_else(|| absolute(windows))
        .or_else(|| Some(env::home_dir()?.join(in_home)).filter(|path| path.is_absolute()))
}

/// Creates a directory for its owner alone, or checks that an existing one is private.
///
/// # Errors
///
/// If it cannot be created, or another user may write in it.
pub fn create_directory(directory: &Path) -> io::Result<()> {
    builder().recursive(true).create(directory)?;
    check_owner(directory)
}

/// Builds directories for their owner alone.
pub(super) fn builder() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "the mode is of Unix"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Checks that no other user may write in a directory.
///
/// # Errors
///
/// If one may.
#[cfg(unix)]
pub fn check_owner(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let (metadata, me) = (fs::metadata(directory)?, rustix::process::geteuid().as_raw());
    // The owner of a link decides its target.
    let link_owner = fs::symlink_metadata(directory)?.uid();
    if metadata.uid() != me || ![me, 0].contains(&link_owner) {
        Err(io::Error::other("it belongs to another user"))
    } else if metadata.mode() & 0o022 != 0 {
        Err(io::Error::other("other users may write in it; `chmod 700` takes that from them"))
    } else {
        Ok(())
    }
}

/// Checks that a directory exists.
///
/// # Errors
///
/// If it does not.
#[cfg(not(unix))]
pub fn check_owner(directory: &Path) -> io::Result<()> {
    fs::metadata(directory).map(drop)
}

/// Returns a name for a file that no other run uses, and that sorts by time.
pub fn new_id() -> String {
    format!("{}-{}", utc_now().replace([':', '.'], ""), std::process::id())
}

/// Creates a file that its owner alone can read.
///
/// # Errors
///
/// If it cannot be created, or exists.
pub fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|error| about(path, &error))?;
    leave_to_owner(&file);
    Ok(file)
}

/// Lets the owner read and write the file, whatever the umask. Not every file system has modes.
#[cfg(unix)]
pub fn leave_to_owner(file: &File) {
    let _ = file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600));
}

/// Does nothing on this system.
#[cfg(not(unix))]
pub fn leave_to_owner(_: &File) {}

/// Returns the paths of the files in a directory that have this extension, in the order of their names.
///
/// # Errors
///
/// If the directory cannot be read.
pub fn list(directory: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for file in fs::read_dir(directory)? {
        let path = file?.path();
        if path.extension().is_some_and(|found| found == extension) {
            paths.insert(paths.partition_point(|other| other.file_stem() < path.file_stem()), path);
        }
    }
    Ok(paths)
}

/// Opens a file for reading, and checks that no other user could have written it.
///
/// # Errors
///
/// If one could have, or the file cannot be read.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    // Does not wait for the writer of a pipe.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        rustix::fs::OFlags::NONBLOCK.bits().cast_signed(),
    );
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    check_writers(&file)?;
    Ok(file)
}

/// Checks that no other user could replace a file: neither in its directory, nor, if it is a link, in that of
/// its target.
///
/// # Errors
///
/// If one could.
#[cfg(unix)]
pub fn check_directories(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    for path in [path.to_owned(), path.canonicalize()?] {
        let directory = path.parent().unwrap_or(Path::new("/"));
        let mode = fs::metadata(directory)?.mode();
        let is_sticky = mode & 0o1000 != 0;
        if mode & 0o022 != 0 && !is_sticky {
            let directory = directory.display();
            return Err(io::Error::other(format!(
                "other users may write in its folder; `chmod go-w {directory}` takes that from them"
            )));
        }
    }
    Ok(())
}

/// Does nothing on this system.
///
/// # Errors
///
/// Never.
#[cfg(not(unix))]
pub fn check_directories(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Checks that this user or the administrator owns the file, and no other user may write it.
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

/// Writes the names in a directory to the disk.
///
/// # Errors
///
/// If the disk fails.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// Adds the path to an error.
pub fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_directory_is_private_from_the_start_and_one_that_is_not_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("state/keymint");
        create_directory(&directory).unwrap();
        assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);

        fs::set_permissions(&directory, fs::Permissions::from_mode(0o770)).unwrap();
        let refusal = create_directory(&directory).unwrap_err();
        assert!(refusal.to_string().contains("chmod 700"), "{refusal}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_of_another_user_is_not_followed_to_a_directory() {
        use std::os::unix::fs::{lchown, symlink};
        let home = tempfile::tempdir().unwrap();
        let (directory, link) = (home.path().join("directory"), home.path().join("link"));
        create_directory(&directory).unwrap();
        symlink(&directory, &link).unwrap();
        create_directory(&link).unwrap();
        if lchown(&link, Some(12_345), None).is_err() {
            return crate::skipped("only the administrator can give links away");
        }
        assert!(create_directory(&link).is_err());
    }
}
