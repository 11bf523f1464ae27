//! The search for a program before it is needed.

use crate::startable::{self, NotStartable, may_be_executed};
use std::ffi::OsStr;
use std::path::{Path, PathBuf, absolute, is_separator};
use std::{env, io};

/// The reason why a program cannot be started. The text continues a sentence that begins with the program's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WhichError {
    /// No file has this name.
    #[error("was not found")]
    NotFound,
    /// A file has this name, but the user may not execute it.
    #[error("is not executable")]
    NotExecutable,
    /// The system cannot start the file with this name.
    #[error(transparent)]
    NotStartable(#[from] NotStartable),
    /// The current directory is unknown.
    #[error("has no absolute path")]
    NoFullPath,
}

/// Returns the full path of a program that can be started, so that the checked program is the one that runs.
///
/// A name with a separator is a path relative to the current directory. Any other name is searched in the directories
/// of the variable `PATH`. Relative directories in `PATH` are skipped, since the files there may belong to another
/// user.
///
/// # Errors
///
/// [`WhichError`] with the reason.
pub fn which(name: &str) -> Result<PathBuf, WhichError> {
    find(name, &env::var_os("PATH").unwrap_or_default())
}

/// Returns the path of a program as the system would find it, except that relative directories in `PATH` are skipped.
/// The system may still refuse to start the program.
///
/// # Errors
///
/// [`NotFound`](io::ErrorKind::NotFound), or [`PermissionDenied`](io::ErrorKind::PermissionDenied) if a file has
/// this name and may not be executed.
pub fn search(name: &OsStr) -> io::Result<PathBuf> {
    // If `PATH` is not set, the system searches its own directories.
    search_in(name, &env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into()))
}

fn search_in(name: &OsStr, search_path: &OsStr) -> io::Result<PathBuf> {
    let candidates = candidates(name, search_path);
    let problem = if candidates.iter().any(|path| path.exists()) {
        io::ErrorKind::PermissionDenied
    } else {
        io::ErrorKind::NotFound
    };
    candidates.into_iter().find(|path| may_be_executed(path)).ok_or_else(|| problem.into())
}

/// Returns the possible paths of a program, in the order of the search.
fn candidates(name: &OsStr, search_path: &OsStr) -> Vec<PathBuf> {
    let is_path = name.as_encoded_bytes().iter().any(|byte| is_separator(char::from(*byte)));
    let directories: Vec<PathBuf> = if is_path {
        vec![PathBuf::new()]
    } else {
        env::split_paths(search_path).filter(|directory| directory.is_absolute()).collect()
    };
    directories.iter().flat_map(|directory| spellings(&directory.join(name))).collect()
}

fn find(name: &str, search_path: &OsStr) -> Result<PathBuf, WhichError> {
    let mut problem = WhichError::NotFound;
    for path in candidates(name.as_ref(), search_path) {
        if may_be_executed(&path) {
            match startable::check(&path, &|name| find(name, search_path).is_ok()) {
                Ok(()) => return absolute(path).map_err(|_| WhichError::NoFullPath),
                Err(found) => problem = found.into(),
            }
        } else if path.exists() {
            problem = WhichError::NotExecutable;
        }
    }
    Err(problem)
}

#[cfg(unix)]
fn spellings(path: &Path) -> [PathBuf; 1] {
    [path.to_owned()]
}

/// Returns the path with the extension that Windows adds, and without it.
#[cfg(not(unix))]
fn spellings(path: &Path) -> [PathBuf; 2] {
    let mut with_ending = path.as_os_str().to_owned();
    with_ending.push(".exe");
    [with_ending.into(), path.to_owned()]
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_first_program_that_can_be_started_is_found() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        for path in ["a/tool", "b/tool"] {
            put(&at(path), 0o755);
        }
        fs::write(at("a/tool"), "#!/bin/sh\r\n").unwrap();
        let search_path = env::join_paths([at("a"), at("b")]).unwrap();
        assert_eq!(find("tool", &search_path), Ok(at("b/tool")));
        let error = find("tool", at("a").as_os_str()).unwrap_err();
        assert_eq!(error.to_string(), r#"needs "/bin/sh\r", which cannot be started"#);
    }

    fn put(path: &Path, mode: u32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_program_is_looked_for_as_a_shell_looks_for_it() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        for (path, mode) in [("a/tool", 0o644), ("b/tool", 0o755), ("c/tool", 0o755), ("a/data", 0o644)] {
            put(&at(path), mode);
        }
        fs::create_dir(at("b/directory")).unwrap();
        let search_path = env::join_paths([at("missing"), at("a"), at("b"), at("c")]).unwrap();

        assert_eq!(find("tool", &search_path), Ok(at("b/tool")));
        for (name, problem) in [
            ("data", WhichError::NotExecutable),
            ("directory", WhichError::NotExecutable),
            ("nothing", WhichError::NotFound),
            ("", WhichError::NotExecutable),
            ("b/tool", WhichError::NotFound),
        ] {
            assert_eq!(find(name, &search_path), Err(problem), "{name:?}");
        }
        assert_eq!(find("sh", OsStr::new("")), Err(WhichError::NotFound));
    }

    #[test]
    fn a_relative_directory_of_the_search_path_does_not_count() {
        let home = tempfile::tempdir_in(".").unwrap();
        put(&home.path().join("tool"), 0o755);
        let relative = Path::new(home.path().file_name().unwrap());
        assert!(may_be_executed(&relative.join("tool")));
        let name = OsStr::new("tool");
        for before in ["", "/nowhere"] {
            let search_path = env::join_paths([Path::new(before), relative, Path::new(".")]).unwrap();
            assert_eq!(find("tool", &search_path), Err(WhichError::NotFound));
            assert_eq!(search_in(name, &search_path).unwrap_err().kind(), io::ErrorKind::NotFound);
        }
        let absolute = home.path().canonicalize().unwrap();
        assert_eq!(search_in(name, absolute.as_os_str()).unwrap(), absolute.join("tool"));
        put(&home.path().join("data"), 0o644);
        let refused = search_in(OsStr::new("data"), absolute.as_os_str()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_path_is_resolved_in_the_current_directory_and_made_absolute() {
        let here = env::current_dir().unwrap();
        let up = "../".repeat(here.components().count() - 1);
        let found = find(&format!("{up}bin/sh"), OsStr::new("")).unwrap();
        assert!(found.is_absolute() && found.starts_with(&here), "{}", found.display());
        assert_eq!(find("/bin/sh", OsStr::new("")), Ok("/bin/sh".into()));
    }
}
