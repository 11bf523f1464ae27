//! Files and directories that no other user can write, and files that no other user can read.

use crate::wall_clock::utc_now;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::{env, io};

/// The maximum size of a file that this program writes itself, in bytes.
const LONGEST: u64 = 256 * 1024;

/// Returns a standard directory of the user (XDG Base Directory Specification): the value of `variable`, or of
/// `windows` on Windows, or else `in_home` in the home directory. Relative paths are ignored.
pub fn standard_directory(variable: &str, windows: &str, in_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable).or_else(|| absolute(windows)).or_else(|| {
        Some(in_home.split('/').fold(env::home_dir()?, |path, part| path.join(part)))
            .filter(|path| path.is_absolute())
    })
}

/// Creates a private directory, or checks that an existing one is private.
///
/// # Errors
///
/// [`io::Error`] if the directory cannot be created, or if another user may write in it.
pub fn create_directory(directory: &Path) -> io::Result<()> {
    // Created from the nearest existing ancestor downwards, since each directory needs its mode before the next one
    // is created.
    let is_missing = |directory: &&Path| !directory.as_os_str().is_empty() && !directory.exists();
    let missing: Vec<_> = directory.ancestors().take_while(is_missing).collect();
    if let Some(parent) = missing.last().and_then(|first| first.parent()) {
        check_parent(parent)?;
    }
    for directory in missing.into_iter().rev() {
        match new_directory(directory) {
            // Another run has created it at the same moment.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => created?,
        }
    }
    if !fs::metadata(directory)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    check_owner(directory)
}

/// Creates a private directory, whatever the umask. An existing one is an error, since it could belong to another
/// user.
pub(super) fn new_directory(directory: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "the mode is of Unix"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    // The result is ignored: some file systems have no modes.
    #[cfg(unix)]
    let _ = fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o700));
    Ok(())
}

/// Checks that the parent of a new directory belongs to this user or to the administrator. Another user could replace
/// its content. If this program runs as the administrator in a user's home directory, that user could not use the new
/// directory.
#[cfg(unix)]
pub(super) fn check_parent(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    // A relative path begins with an empty one.
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    if is_ours_or_the_systems(fs::metadata(directory)?.uid()) {
        return Ok(());
    }
    let hint = if euid() == 0 { "; run keymint without sudo, or with `sudo -H`" } else { "" };
    let directory = directory.display();
    Err(io::Error::other(format!("it would be created in {directory}, which belongs to another user{hint}")))
}

#[cfg(not(unix))]
pub(super) fn check_parent(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Checks that no other user may write in a directory.
///
/// # Errors
///
/// [`io::Error`] if another user may write in it.
#[cfg(unix)]
pub(crate) fn check_owner(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(directory)?;
    // The owner of a symbolic link controls its target.
    let link_owner = fs::symlink_metadata(directory)?.uid();
    let is_ours =
        metadata.uid() == euid() && (!is_shared_number(euid()) || is_owner(&File::open(directory)?));
    if !is_ours || !is_ours_or_the_systems(link_owner) {
        Err(io::Error::other("it belongs to another user"))
    } else if metadata.mode() & 0o022 != 0 {
        Err(io::Error::other("other users can write to it; run `chmod 700` on it"))
    } else {
        Ok(())
    }
}

/// Checks that a directory exists, since this system does not report who may write in it.
///
/// # Errors
///
/// [`io::Error`] if the directory does not exist.
#[cfg(not(unix))]
pub(crate) fn check_owner(directory: &Path) -> io::Result<()> {
    fs::metadata(directory).map(drop)
}

/// Returns a unique name for a file of this run. The names sort by time.
pub(crate) fn new_id() -> String {
    format!("{}-{}", utc_now().replace([':', '.'], ""), std::process::id())
}

/// Creates a file that only its owner can read.
///
/// # Errors
///
/// [`io::Error`] if the file cannot be created, or already exists.
pub fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|error| about(path, &error))?;
    leave_to_owner(&file);
    Ok(file)
}

/// Opens a file that only its owner can read, and creates the file if it does not exist.
pub(super) fn open_or_create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|error| about(path, &error))?;
    leave_to_owner(&file);
    Ok(file)
}

/// Restricts a file to its owner, whatever the umask. Errors are ignored, since some file systems have no modes.
#[cfg(unix)]
pub(crate) fn leave_to_owner(file: &File) {
    let _ = file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600));
}

/// Does nothing on this system.
#[cfg(not(unix))]
pub(crate) fn leave_to_owner(_: &File) {}

/// Returns the names in a directory. The standard library would panic if closing the directory fails.
#[cfg(unix)]
pub(super) fn names(directory: &Path) -> io::Result<Vec<OsString>> {
    use rustix::fs::{Dir, Mode, OFlags, open};
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let entries = Dir::new(open(directory, flags, Mode::empty())?)?;
    let names = entries.map(|entry| Ok(OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned()));
    names.filter(|name| !name.as_ref().is_ok_and(|name| name == "." || name == "..")).collect()
}

/// Returns the names in a directory.
#[cfg(not(unix))]
fn names(directory: &Path) -> io::Result<Vec<OsString>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect()
}

/// Returns the paths of the files in a directory with this extension, sorted by name.
///
/// # Errors
///
/// [`io::Error`] if the directory cannot be read.
pub(crate) fn list(directory: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let names = names(directory)?
        .into_iter()
        .filter(|name| Path::new(name).extension().is_some_and(|found| found == extension));
    let mut paths: Vec<PathBuf> = names.map(|name| directory.join(name)).collect();
    paths.sort_by(|one, other| one.file_stem().cmp(&other.file_stem()));
    Ok(paths)
}

/// Reads a file that this program wrote itself, up to the maximum size.
pub(super) fn read_small(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other(format!("it has more than {LONGEST} bytes")));
    }
    Ok(bytes)
}

/// Opens a file for reading, and checks that no other user could have written it.
///
/// # Errors
///
/// [`io::Error`] if another user could have written the file, or if it cannot be read.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    // Prevents waiting for the writer of a pipe.
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

/// Checks that this user or the administrator owns the file, and that no other user may write it.
#[cfg(unix)]
fn check_writers(file: &File) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata()?;
    let owner = metadata.uid();
    if !is_ours_or_the_systems(owner) || (is_shared_number(owner) && !is_owner(file)) {
        Err(io::Error::other("it belongs to another user"))
    } else if others_may_write(&metadata) {
        Err(io::Error::other("other users can write to it; run `chmod go-w` on it"))
    } else {
        Ok(())
    }
}

/// Returns whether another user may write the file or directory.
///
/// The administrator's group does not count. A group whose number is that of this user does not count either: it is
/// the user's private group, whose members may write if the umask is 002, as on Ubuntu.
#[cfg(unix)]
pub(super) fn others_may_write(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let is_private_group = [0, euid()].contains(&metadata.gid());
    let writers = if is_private_group { 0o002 } else { 0o022 };
    metadata.mode() & writers != 0
}

#[cfg(unix)]
pub(crate) fn is_ours_or_the_systems(user: u32) -> bool {
    [euid(), 0].contains(&user)
}

/// Returns whether several users may share this number. In a user namespace, users without a number there all have
/// the same one (user_namespaces(7)), and this process may have it too.
#[cfg(unix)]
fn is_shared_number(user: u32) -> bool {
    const USUAL: u32 = 65_534;
    let number = || fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?.trim().parse().ok();
    cfg!(target_os = "linux") && user != 0 && user == number().unwrap_or(USUAL)
}

/// Returns whether the system treats this process as the owner of the file. Only the owner can set this flag
/// (fcntl(2)).
#[cfg(target_os = "linux")]
fn is_owner(file: &File) -> bool {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    fcntl_getfl(file).and_then(|flags| fcntl_setfl(file, flags | OFlags::NOATIME)).is_ok()
}

/// Never called: this system has no such flag.
#[cfg(all(unix, not(target_os = "linux")))]
fn is_owner(_: &File) -> bool {
    true
}

#[cfg(unix)]
pub(crate) fn euid() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn check_writers(_: &File) -> io::Result<()> {
    Ok(())
}

/// Syncs the names in a directory to the disk, if the system can sync directories.
///
/// # Errors
///
/// [`io::Error`] if the disk fails.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { allow_unsupported(File::open(directory)?.sync_all()) } else { Ok(()) }
}

/// Ignores the error of a file system that does not support the operation.
pub(crate) fn allow_unsupported(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => Ok(()),
        _ => Err(error),
    })
}

/// Locks a file, unless another process has locked it. Returns whether this process may continue. On a file system
/// without locks, it always may.
pub(super) fn try_lock(file: &File) -> bool {
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// Returns whether the run with this [id](new_id) is alive. `file` belongs to the run, and is locked while the run is
/// alive. On a file system without locks, the process id in the id decides.
pub(super) fn is_live(file: &File, id: &str) -> bool {
    match file.try_lock_shared() {
        Ok(()) => false,
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(_)) => process_exists(id),
    }
}

#[cfg(unix)]
fn process_exists(id: &str) -> bool {
    use rustix::process::{Pid, test_kill_process};
    let process = id.rsplit_once('-').and_then(|(_, process)| Pid::from_raw(process.parse().ok()?));
    process.is_some_and(|process| test_kill_process(process) != Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn process_exists(_: &str) -> bool {
    false
}

/// Adds the path to the text of an error.
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
    fn each_directory_that_is_created_is_for_its_owner_alone_whatever_the_umask() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for (umask, base) in [(0o177, "a"), (0o777, "b"), (0o000, "c")] {
            let base = home.path().join(base);
            let directory = base.join("state/keymint");
            // The umask is the process's, and other tests write files.
            let script = format!("umask {umask:03o}; exec \"$@\"");
            let test = std::env::current_exe().unwrap();
            let status = std::process::Command::new("sh")
                .args(["-c", &script, "sh"])
                .arg(test)
                .args(["--exact", "store::private_files::tests::creates_the_directory_of_the_environment"])
                .env("KEYMINT_TEST_DIRECTORY", &directory)
                .stdout(std::process::Stdio::null())
                .status();
            assert!(status.unwrap().success(), "{umask:o}");
            for created in directory.ancestors().take(3) {
                assert_eq!(mode(created), 0o700, "{umask:o}: {}", created.display());
            }
        }
    }

    /// Runs in the child process of the test above.
    #[cfg(unix)]
    #[test]
    fn creates_the_directory_of_the_environment() {
        if let Some(directory) = env::var_os("KEYMINT_TEST_DIRECTORY") {
            create_directory(Path::new(&directory)).unwrap();
        }
    }

    #[test]
    fn only_what_a_file_system_cannot_do_at_all_is_ignored() {
        for (kind, is_ignored) in [
            (io::ErrorKind::InvalidInput, true),
            (io::ErrorKind::Unsupported, true),
            (io::ErrorKind::StorageFull, false),
            (io::ErrorKind::PermissionDenied, false),
        ] {
            assert_eq!(allow_unsupported(Err(kind.into())).is_ok(), is_ignored, "{kind}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn without_locks_the_process_of_a_run_decides_whether_it_lives() {
        assert!(process_exists(&new_id()));
        // No system has process ids this large.
        for id in ["20260101T000000Z-2147483647", "a-run", "-", ""] {
            assert!(!process_exists(id), "{id:?}");
        }
    }

    /// The process has the HOME of another user, as after `sudo -E`.
    #[cfg(unix)]
    #[test]
    fn nothing_is_created_in_a_directory_of_another_user() {
        let home = tempfile::tempdir().unwrap();
        if std::os::unix::fs::chown(home.path(), Some(12_345), None).is_err() {
            return crate::skipped("only the administrator can give directories away");
        }
        let state = home.path().join(".local/state/keymint");
        for refusal in [
            create_directory(&state).unwrap_err(),
            crate::StateDir::at(&state).check().unwrap_err(),
            crate::StateDir::at(&state).journal().map(drop).unwrap_err(),
        ] {
            let refusal = refusal.to_string();
            assert!(
                refusal.contains("belongs to another user") && refusal.contains("`sudo -H`"),
                "{refusal}"
            );
        }
        assert!(!home.path().join(".local").exists());
    }

    /// In such a namespace, all users without a number share one, which this user has as well.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_of_another_user_is_refused_in_a_user_namespace_without_numbers() {
        use std::os::unix::fs::{PermissionsExt, chown};
        let home = tempfile::tempdir().unwrap();
        let (file, directory) = (home.path().join("file"), home.path().join("directory"));
        fs::write(&file, "text").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        create_directory(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let is_ours = || {
            let status = std::process::Command::new("unshare")
                .arg("--user")
                .arg(env::current_exe().unwrap())
                .args([
                    "--exact",
                    "store::private_files::tests::takes_what_the_environment_names_for_its_own",
                ])
                .env("KEYMINT_TEST_FILE", &file)
                .env("KEYMINT_TEST_OWNED_DIRECTORY", &directory)
                .stdout(std::process::Stdio::null())
                .status();
            status.is_ok_and(|status| status.success())
        };
        if !is_ours() {
            return crate::skipped("the system has no user namespaces");
        }
        for path in [&file, &directory] {
            if chown(path, Some(12_345), None).is_err() {
                return crate::skipped("only the administrator can give files away");
            }
            assert!(!is_ours(), "{}", path.display());
            chown(path, Some(0), None).unwrap();
        }
    }

    /// Runs in the child process of the test above.
    #[cfg(target_os = "linux")]
    #[test]
    fn takes_what_the_environment_names_for_its_own() {
        if let Some(directory) = env::var_os("KEYMINT_TEST_OWNED_DIRECTORY") {
            check_owner(Path::new(&directory)).unwrap();
            open(Path::new(&env::var_os("KEYMINT_TEST_FILE").unwrap())).unwrap();
        }
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
