//! The path of a file, resolved to an open directory and a name.

use super::directory::Directory;
use super::error::{EnvFileError, EnvFileErrorKind as Kind};
use crate::threads;
use keymint_domain::Clock;
use keymint_domain::text::escape;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf, absolute, is_separator};
use std::sync::Arc;
use std::time::Duration;

/// The interval and the number of attempts to lock a file that another run has locked: 10 s in total.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSES: usize = 100;

/// A file in an open directory. The handle of the directory ensures that the key goes there even if the path later
/// leads elsewhere.
pub struct FileLocation {
    pub(super) directory: Arc<Directory>,
    pub(super) name: String,
    path: PathBuf,
    link: Option<PathBuf>,
}

impl FileLocation {
    /// Opens the directory of the file. The file need not exist. A symbolic link is followed once.
    ///
    /// # Errors
    ///
    /// [`EnvFileError`] if the path cannot be that of a dotenv file, or if another user could replace the file.
    pub async fn find(path: impl Into<PathBuf>) -> Result<Self, EnvFileError> {
        let path = path.into();
        run(path.clone(), move || Self::find_now(&path)).await
    }

    pub(super) fn find_now(path: &Path) -> Result<Self, EnvFileError> {
        if path.as_os_str().is_empty() {
            return Err(EnvFileError::new(path, Kind::EmptyPath));
        } else if path.as_os_str() == "-" {
            return Err(EnvFileError::new(path, Kind::Dash));
        } else if path.as_os_str().as_encoded_bytes().starts_with(b"~") {
            return Err(EnvFileError::new(path, Kind::Tilde));
        }
        if cfg!(windows)
            && let Some(reason) = not_a_file_on_windows(&path.to_string_lossy())
        {
            return Err(EnvFileError::new(path, Kind::Path(reason)));
        }
        let path = absolute(path).map_err(|error| EnvFileError::new(path, error.into()))?;
        let location = Self::of(&path)?;
        if !location.directory.is_link(&location.name).map_err(|error| location.error(error))? {
            return Ok(location);
        }
        if location.directory.others_may_write().map_err(|error| location.error(error))? {
            let whose = "in a directory that other users can write to".to_owned();
            return Err(location.error(Kind::Link(whose)));
        }
        let target = dunce::canonicalize(&location.path).map_err(|error| {
            location.error(Kind::Link(match error.kind() {
                io::ErrorKind::NotFound => "to a missing file".to_owned(),
                _ => format!("that cannot be followed: {error}"),
            }))
        })?;
        Ok(Self { link: Some(location.path), ..Self::of(&target)? })
    }

    fn of(path: &Path) -> Result<Self, EnvFileError> {
        let error = |path: &Path, kind| EnvFileError::new(path, kind);
        let last = path.as_os_str().as_encoded_bytes().last();
        let ends_with_separator = last.is_some_and(|byte| is_separator(char::from(*byte)));
        let (Some(name), Some(parent), false) = (path.file_name(), path.parent(), ends_with_separator) else {
            return Err(error(path, Kind::Path("it is the path of a directory, not of a file")));
        };
        let parent = dunce::canonicalize(parent).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => error(path, Kind::NoDirectory),
            _ => error(path, cause.into()),
        })?;
        let path = parent.join(name);
        let (Some(text), Some(name)) = (path.to_str(), name.to_str()) else {
            return Err(error(&path, Kind::Path("the path is not UTF-8 text")));
        };
        if text.contains(char::is_control) {
            return Err(error(&path, Kind::Path("the path has control characters")));
        }
        // These links lead to the open files of other programs.
        if cfg!(unix)
            && (parent == Path::new("/dev")
                || ["/proc", "/sys"].iter().any(|system| parent.starts_with(system)))
        {
            return Err(error(&path, Kind::Path("regular files cannot be stored there")));
        }
        if path.iter().any(|part| part.eq_ignore_ascii_case(".git")) {
            return Err(error(&path, Kind::Path("git keeps its own files there")));
        }
        let directory = Directory::open(parent).map_err(|cause| error(&path, cause.into()))?;
        directory.check_owner().map_err(|cause| error(&path, Kind::DirectoryOfOthers(cause)))?;
        Ok(Self { directory: Arc::new(directory), name: name.to_owned(), path, link: None })
    }

    /// Returns the absolute path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the symbolic link that was followed to the file, if any.
    pub fn followed_link(&self) -> Option<&Path> {
        self.link.as_deref()
    }

    /// Locks the directory against other runs until the disk space in it is allocated. Returns `false` if another run
    /// has the lock, or has already allocated space for this file.
    ///
    /// # Errors
    ///
    /// [`EnvFileErrorKind::Io`](Kind::Io) if the directory cannot be listed.
    pub fn try_lock(&self) -> Result<bool, EnvFileError> {
        if !self.directory.try_lock() {
            return Ok(false);
        }
        let is_free = self.is_taken().map(|is_taken| !is_taken);
        if !matches!(is_free, Ok(true)) {
            self.directory.unlock();
        }
        is_free
    }

    /// Locks the directory, and waits at most 10 s for another run. Any user who may read the directory can lock it.
    /// Therefore, after the wait, a lock counts only if a run of this user has a temporary file for this file.
    pub(super) async fn lock(&self, clock: &dyn Clock) -> Result<(), EnvFileError> {
        for _ in 0..PAUSES {
            if self.try_lock()? {
                return Ok(());
            }
            clock.sleep(PAUSE).await;
        }
        if self.is_taken()? { Err(self.error(Kind::Locked)) } else { Ok(()) }
    }

    fn is_taken(&self) -> Result<bool, EnvFileError> {
        self.directory.has_live_temp_file(&self.name).map_err(|error| {
            self.error(io::Error::new(error.kind(), format!("cannot list its directory: {error}")))
        })
    }

    /// Returns the current path of the file, since the directory may have been moved. If that path contains control
    /// characters, returns the original one.
    pub fn current_path(&self) -> PathBuf {
        let path = self.directory.current_path().join(&self.name);
        let is_safe = path.to_str().is_some_and(|text| !text.contains(char::is_control));
        if is_safe { path } else { self.path.clone() }
    }

    pub(super) fn error(&self, kind: impl Into<Kind>) -> EnvFileError {
        EnvFileError::new(&self.path, kind.into())
    }
}

impl fmt::Debug for FileLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileLocation").field(&self.path).finish()
    }
}

impl fmt::Display for FileLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(&self.path.to_string_lossy()))
    }
}

/// Runs blocking work on the file at this path.
pub(super) async fn run<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce() -> Result<T, EnvFileError> + Send + 'static,
) -> Result<T, EnvFileError> {
    threads::run_to_completion(work).await.unwrap_or_else(|error| Err(EnvFileError::new(&path, error.into())))
}

/// Returns the reason why Windows would not store the content in a file with this name.
fn not_a_file_on_windows(path: &str) -> Option<&'static str> {
    /// The maximum length of a file name, in UTF-16 units.
    const LONGEST: usize = 255;
    const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
    let after_drive = match path.as_bytes() {
        [drive, b':', ..] if drive.is_ascii_alphabetic() => &path[2..],
        _ => path,
    };
    let name = after_drive.rsplit(['/', '\\']).next()?;
    let stem = name.split(['.', ':']).next()?.trim_end_matches(' ');
    let is_port = |port: &str| {
        let digit = stem.get(..port.len()).filter(|start| start.eq_ignore_ascii_case(port));
        digit.is_some_and(|_| {
            ["1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"].contains(&&stem[port.len()..])
        })
    };
    if DEVICES.iter().any(|device| stem.eq_ignore_ascii_case(device)) || is_port("COM") || is_port("LPT") {
        Some("Windows reserves this name for a device")
    } else if name.contains(':') {
        Some("the colon makes it an alternate data stream of another file")
    } else if !matches!(name, "." | "..") && name.ends_with(['.', ' ']) {
        Some("Windows removes dots and spaces from the end of a name")
    } else if name.encode_utf16().count() > LONGEST {
        Some("its name is longer than 255 characters")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_file_of_its_own_on_windows_is_known() {
        for (paths, reason) in [
            (
                &[
                    "NUL",
                    "nul.env",
                    r"C:\app\aux.env",
                    "C:CON",
                    "dir/COM1.env",
                    "lpt³",
                    r"\\.\NUL",
                    "NUL .txt",
                    "con:",
                ][..],
                Some("Windows reserves this name for a device"),
            ),
            (
                &["x.env:stream", r"C:\app\.env::$DATA", "C:x:y"],
                Some("the colon makes it an alternate data stream of another file"),
            ),
            (
                &["x.env.", ".env ", r"C:\app\.env. ", "C:.env."],
                Some("Windows removes dots and spaces from the end of a name"),
            ),
            (
                &[
                    ".env",
                    r"C:\app\.env",
                    "C:.env",
                    "nul/.env",
                    "null",
                    "COM",
                    "COM10",
                    "com1x.env",
                    "é",
                    ".",
                    "..",
                    "C:\\",
                    "",
                    "a. b",
                ],
                None,
            ),
        ] {
            for path in paths {
                assert_eq!(not_a_file_on_windows(path), reason, "{path}");
            }
        }
        assert_eq!(not_a_file_on_windows(&"é".repeat(255)), None);
        assert_eq!(not_a_file_on_windows(&"é".repeat(256)), Some("its name is longer than 255 characters"));
    }

    #[cfg(windows)]
    #[test]
    fn the_path_of_a_file_is_absolute_and_in_the_usual_form() {
        let directory = tempfile::tempdir().unwrap();
        let location = FileLocation::find_now(&directory.path().join(".env")).unwrap();
        let path = location.path().to_str().unwrap();
        assert!(location.path().is_absolute() && !path.starts_with(r"\\?\") && !path.contains('/'), "{path}");
        for name in ["x.env:stream", "trailing. ", "aux.env"] {
            let error = FileLocation::find_now(&directory.path().join(name)).unwrap_err();
            assert!(matches!(error.kind, Kind::Path(_)), "{error}");
        }
    }
}
