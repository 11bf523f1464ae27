//! The inspection of a dotenv file, and its reservation for a key.

use super::directory::{Snapshot, TempFile};
use super::dotenv::Dotenv;
use super::error::{EnvFileError, EnvFileErrorKind};
use super::git::{self, GitStatus};
use super::line_numbers::LineNumbers;
use super::location::{FileLocation, run};
use super::{EnvFile, LARGEST, Reserved};
use crate::Overwrite;
use crate::variable::VariableName;
use keymint_domain::ApiKey;
use keymint_tokio_clock::TokioClock;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use zeroize::Zeroizing;

/// The space that is reserved for a key, in bytes. Current keys have 164 bytes.
pub(super) const ROOM: usize = 1024;

/// An inspected dotenv file, with the disk space for its new content. Its values are not accessible, except a
/// [key](Self::key).
pub struct FoundEnvFile {
    location: FileLocation,
    variable: VariableName,
    temp_file: TempFile,
    current: Current,
    value: Zeroizing<Vec<u8>>,
    warnings: Vec<Warning>,
    git: GitStatus,
}

/// The current value of the variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Current {
    /// The variable is not set, or is empty.
    Unset,
    /// These lines set the variable to the same value.
    One(LineNumbers),
    /// These lines set the variable to different values.
    Several(LineNumbers),
}

/// A property of the file or its directory that the user should know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Killed runs left this file, and perhaps others. Each of them may contain a key.
    LeftBehind {
        /// The first file.
        path: PathBuf,
        /// The number of other files.
        others: usize,
    },
    /// The file has another hard link, which keeps the old content.
    HardLink,
    /// Other users may read the file.
    ReadableByOthers {
        /// The mode of the file.
        mode: u32,
    },
    /// These lines keep their quotes or comments. `docker run --env-file` and other readers that support neither take
    /// them for a part of the value.
    TakenLiterally(LineNumbers),
    /// Other users can read the file, even if it is new: the file system has no modes.
    NoModes {
        /// The mode of every file on that file system.
        mode: u32,
    },
}

impl FileLocation {
    /// Inspects the file and allocates the disk space for its new content. The reservation excludes other runs until
    /// the result is dropped.
    ///
    /// Waits at most 10 s for another run, and removes the temporary files of killed runs that contain no key.
    ///
    /// # Errors
    ///
    /// [`EnvFileError`] if the file cannot take a key.
    pub async fn inspect(self, variable: VariableName) -> Result<FoundEnvFile, EnvFileError> {
        self.lock(&TokioClock::new()).await?;
        let mut found = run(self.path().to_owned(), move || FoundEnvFile::read(self, variable)).await?;
        let Self { directory, name, .. } = &found.location;
        found.git = git::status(&TokioClock::new(), directory.path(), name).await;
        Ok(found)
    }

    pub(super) fn read(&self) -> Result<Option<Snapshot>, EnvFileError> {
        self.directory.read(&self.name, LARGEST).map_err(|error| self.error(error))
    }

    pub(super) fn parse<'a>(
        &self,
        snapshot: &'a Snapshot,
        variable: &'a VariableName,
    ) -> Result<Dotenv<'a>, EnvFileError> {
        Dotenv::parse(&snapshot.content, variable).map_err(|problem| self.error(problem))
    }
}

impl FoundEnvFile {
    fn read(location: FileLocation, variable: VariableName) -> Result<Self, EnvFileError> {
        let failed = |error: io::Error| location.error(error);
        let mut left = location.directory.leftovers().map_err(failed)?.into_iter();
        let mut warnings = Vec::new();
        if let Some(path) = left.next() {
            warnings.push(Warning::LeftBehind { path, others: left.len() });
        }
        let snapshot = location.read()?;
        let (mut current, mut value) = (Current::Unset, Zeroizing::default());
        let mut current_mode = None;
        if let Some(snapshot) = &snapshot {
            let properties = snapshot.properties().map_err(failed)?;
            if properties.is_read_only {
                return Err(location.error(EnvFileErrorKind::ReadOnly));
            } else if properties.is_fixed {
                return Err(location.error(EnvFileErrorKind::Fixed));
            }
            if properties.has_other_names {
                warnings.push(Warning::HardLink);
            }
            current_mode = properties.readable_by_others;
            let dotenv = location.parse(snapshot, &variable)?;
            (current, value) = Current::of(&dotenv);
            let decorated: Vec<_> = dotenv.decorated_lines().collect();
            if !decorated.is_empty() {
                warnings.push(Warning::TakenLiterally(LineNumbers(decorated)));
            }
        }
        let size = snapshot.as_ref().map_or(0, |snapshot| snapshot.content.len()) + ROOM;
        let temp_file = TempFile::reserve(&location.directory, &location.name, size, snapshot.as_ref())
            .map_err(|error| location.error(EnvFileErrorKind::NotWritable(error)))?;
        warnings.extend(access_warning(current_mode, temp_file.readable_by_others().map_err(failed)?));
        location.directory.unlock();
        Ok(Self { location, variable, temp_file, current, value, warnings, git: GitStatus::Outside })
    }

    /// Returns the absolute path of the file.
    pub fn path(&self) -> &Path {
        self.location.path()
    }

    /// Returns the variable that gets the key.
    pub fn variable(&self) -> &VariableName {
        &self.variable
    }

    /// Returns the state of the variable, without its value.
    pub fn current(&self) -> &Current {
        &self.current
    }

    /// Returns the current value, if it is a key.
    pub fn key(&self) -> Option<ApiKey> {
        ApiKey::parse(String::from_utf8(self.value.to_vec()).ok()?).ok()
    }

    /// Returns the properties of the file that the user should know.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Returns the git status of the file.
    pub fn git(&self) -> GitStatus {
        self.git
    }

    /// Returns the line for a `.gitignore` in the directory of the file that matches this file only.
    pub fn gitignore_line(&self) -> String {
        git::ignore_line(&self.location.name)
    }

    /// Reserves the file for the key. Dropping the result frees the disk space.
    ///
    /// # Errors
    ///
    /// [`EnvFileError`] if the value may not be replaced.
    pub fn reserve(self, overwrite: Overwrite) -> Result<EnvFile, EnvFileError> {
        let Self { location, variable, temp_file, current, value, .. } = self;
        let name = || variable.as_str().to_owned();
        let replaceable = match (overwrite, current) {
            (Overwrite::Always, _) => None,
            (_, Current::Several(lines)) => {
                return Err(location.error(EnvFileErrorKind::DifferentValues { variable: name(), lines }));
            }
            (Overwrite::Never, Current::One(lines)) => {
                return Err(location.error(EnvFileErrorKind::HasValue { variable: name(), lines }));
            }
            (Overwrite::Never | Overwrite::IfUnchanged, _) => Some(value),
        };
        let temp_file = Mutex::new(Some(Arc::new(temp_file)));
        Ok(EnvFile(Arc::new(Reserved { location, variable, temp_file, replaceable })))
    }
}

/// Omits the value of the variable.
impl fmt::Debug for FoundEnvFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { location, variable, current, warnings, git, .. } = self;
        f.debug_struct("FoundEnvFile")
            .field("location", location)
            .field("variable", variable)
            .field("current", current)
            .field("warnings", warnings)
            .field("git", git)
            .finish_non_exhaustive()
    }
}

/// Returns the warning about other users who may read the file. `current` is the mode of the file, and `private` the
/// mode of a new private file. Each is present only if it admits other users. On a file system without modes, `chmod`
/// does not help.
fn access_warning(current: Option<u32>, private: Option<u32>) -> Option<Warning> {
    let no_modes = private.map(|mode| Warning::NoModes { mode });
    no_modes.or(current.map(|mode| Warning::ReadableByOthers { mode }))
}

impl Current {
    /// Returns the state of the variable, and its value if there is one.
    pub(super) fn of(dotenv: &Dotenv<'_>) -> (Self, Zeroizing<Vec<u8>>) {
        let lines = LineNumbers(dotenv.lines().collect());
        let mut values = dotenv.values();
        let first = values.next().unwrap_or_default();
        if !values.all(|value| value == first) {
            (Self::Several(lines), Zeroizing::default())
        } else if first.is_empty() {
            (Self::Unset, Zeroizing::default())
        } else {
            (Self::One(lines), Zeroizing::new(first.to_vec()))
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use keymint_domain::{Clock, Moment, async_trait};
    use std::fs;
    use std::time::Duration;

    /// A clock whose pauses take no time.
    struct Impatient;

    #[async_trait]
    impl Clock for Impatient {
        fn now(&self) -> Moment {
            Moment::ORIGIN
        }

        async fn sleep(&self, _duration: Duration) {}
    }

    fn location(directory: &Path, name: &str) -> FileLocation {
        FileLocation::find_now(&directory.join(name)).unwrap()
    }

    #[test]
    fn the_owner_of_a_file_that_no_mode_can_protect_is_not_advised_to_change_its_mode() {
        let without_modes = Some(Warning::NoModes { mode: 0o755 });
        for (current, private, expected) in [
            (None, None, None),
            (Some(0o640), None, Some(Warning::ReadableByOthers { mode: 0o640 })),
            (None, Some(0o755), without_modes.clone()),
            (Some(0o755), Some(0o755), without_modes),
        ] {
            assert_eq!(access_warning(current, private), expected);
        }
    }

    #[tokio::test]
    async fn a_value_is_replaced_only_as_far_as_the_caller_says() {
        for (text, overwrite, is_allowed) in [
            ("", Overwrite::Never, true),
            ("OPENAI_API_KEY=\n", Overwrite::Never, true),
            ("OPENAI_API_KEY=old\n", Overwrite::Never, false),
            ("OPENAI_API_KEY=old\n", Overwrite::IfUnchanged, true),
            ("OPENAI_API_KEY=old\nOPENAI_API_KEY=other\n", Overwrite::IfUnchanged, false),
            ("OPENAI_API_KEY=old\nOPENAI_API_KEY=other\n", Overwrite::Always, true),
        ] {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join(".env"), text).unwrap();
            let found = location(directory.path(), ".env").inspect(VariableName::default()).await.unwrap();
            assert!(!format!("{found:?}").contains("old"), "{found:?}");
            assert_eq!(found.reserve(overwrite).is_ok(), is_allowed, "{text:?}, {overwrite:?}");
        }
    }

    #[tokio::test]
    async fn a_run_that_does_not_end_is_waited_for_and_then_reported_and_a_strangers_lock_is_ignored() {
        let directory = tempfile::tempdir().unwrap();
        let second = location(directory.path(), ".env");
        let stranger = fs::File::open(directory.path()).unwrap();
        stranger.lock().unwrap();
        second.lock(&Impatient).await.unwrap();
        drop(stranger);
        // The inspection comes before the question whether a value may be lost.
        let first = location(directory.path(), ".env").inspect(VariableName::default()).await.unwrap();
        assert!(second.directory.leftovers().unwrap().is_empty());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "the file of a living run is removed");
        let error = second.lock(&Impatient).await.unwrap_err();
        assert!(matches!(error.kind, EnvFileErrorKind::Locked), "{error}");
        drop(first);
        second.lock(&Impatient).await.unwrap();
    }

    #[tokio::test]
    async fn runs_for_different_files_of_a_directory_do_not_wait_for_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let _first = location(directory.path(), ".env").inspect(VariableName::default()).await.unwrap();
        for (name, is_free) in [(".env.local", true), (".env", false), (".ENV", false)] {
            let other = location(directory.path(), name);
            assert_eq!(other.try_lock().unwrap(), is_free, "{name}");
        }
        let found = location(directory.path(), ".env.local");
        let found = found.inspect(VariableName::default()).await.unwrap();
        assert_eq!(found.warnings(), [], "the temporary file of the first run is not left behind");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
