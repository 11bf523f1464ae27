//! The key as a variable in a dotenv file.

mod directory;
mod dotenv;
mod error;
mod git;
mod location;
mod parser;

use crate::variable::VariableName;
use crate::{Overwrite, threads};
use directory::{Snapshot, TempFile};
use dotenv::{Dotenv, PlainValue};
pub use error::{EnvFileError, EnvFileErrorKind};
pub use git::GitStatus;
use keymint_domain::{ApiKey, DeliveryError, DestinationId, KeyDestination, async_trait};
use keymint_tokio_clock::TokioClock;
pub use location::FileLocation;
use location::run;
pub use parser::SyntaxError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Largest file that is edited, in bytes. One that a user wrote has a few thousand.
const LARGEST: usize = 1024 * 1024;

/// Room for a key, in bytes. Current keys have 164.
const ROOM: usize = 1024;

/// A dotenv file that is ready for a key: it was checked, and the room for its next content is taken, which
/// keeps other runs away from it.
///
/// A delivery replaces the file at once and keeps its owner, its mode and every other byte.
pub struct EnvFile(Arc<Reserved>);

struct Reserved {
    location: FileLocation,
    variable: VariableName,
    temp_file: TempFile,
    /// The value that may be replaced. `None` if any may.
    replaceable: Option<Zeroizing<Vec<u8>>>,
}

/// A dotenv file as it was found, with the room for its next content. Its values cannot be read.
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
    /// The variable is not set, or empty.
    Unset,
    /// These lines set the variable to one value.
    One(LineNumbers),
    /// These lines set the variable to different values.
    Several(LineNumbers),
}

/// The numbers of some lines of a file. Displayed as "line 3" or "lines 3, 7".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineNumbers(Vec<usize>);

/// A property of the file or its directory that the user should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Killed runs left this file and others, each of which may hold a key.
    LeftBehind {
        /// The first file.
        path: PathBuf,
        /// The number of the others.
        others: usize,
    },
    /// The file has another name, which keeps the old content.
    HardLink,
    /// Other users may read the file.
    ReadableByOthers {
        /// The mode of the file.
        mode: u32,
    },
    /// These lines have quotes or a comment, which stay. `docker run --env-file` and other readers that know
    /// neither take them for a part of the value.
    TakenLiterally(LineNumbers),
    /// The file is new, and other users will be able to read it: the file system has no modes.
    NoModes {
        /// The mode that each file has there.
        mode: u32,
    },
}

impl EnvFile {
    /// Looks at the file, which need not exist, as [`FileLocation::inspect`] does. A symbolic link is followed
    /// once.
    ///
    /// # Errors
    ///
    /// [`EnvFileError`]
    pub async fn inspect(
        path: impl Into<PathBuf>,
        variable: VariableName,
    ) -> Result<FoundEnvFile, EnvFileError> {
        FileLocation::find(path).await?.inspect(variable).await
    }

    /// Returns the key that a file sets the variable to, if it does. It locks nothing and waits for nothing.
    ///
    /// # Errors
    ///
    /// [`EnvFileError`]
    pub fn find_key(path: &Path, variable: &VariableName) -> Result<Option<ApiKey>, EnvFileError> {
        if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Ok(None);
        }
        let location = FileLocation::find_now(path)?;
        let Some(snapshot) = location.read()? else { return Ok(None) };
        match Current::of(&location.parse(&snapshot, variable)?) {
            (Current::Unset, _) => Ok(None),
            (Current::One(_), value) => {
                let key = String::from_utf8(value.to_vec()).ok().and_then(|value| ApiKey::parse(value).ok());
                key.map(Some).ok_or_else(|| location.error(EnvFileErrorKind::NotAKey))
            }
            (Current::Several(lines), _) => {
                let variable = variable.as_str().to_owned();
                Err(location.error(EnvFileErrorKind::DifferentValues { variable, lines }))
            }
        }
    }

    /// The path of the file now: its directory may have been moved.
    pub fn path(&self) -> PathBuf {
        self.0.location.current_path()
    }

    /// The variable that gets the key.
    pub fn variable(&self) -> &VariableName {
        &self.0.variable
    }
}

#[async_trait]
impl KeyDestination for EnvFile {
    /// `env-file:` and the absolute path.
    fn id(&self) -> DestinationId {
        DestinationId::new(format!("env-file:{}", self.path().display()))
    }

    async fn deliver(&mut self, key: &ApiKey) -> Result<(), DeliveryError> {
        let reserved = Arc::clone(&self.0);
        let key = Zeroizing::new(key.expose().to_owned());
        let written = threads::run(move || reserved.write(&key)).await;
        written.and_then(|result| result).map_err(DeliveryError::new)
    }
}

impl Drop for EnvFile {
    /// An abandoned delivery may still hold the temporary file.
    fn drop(&mut self) {
        self.0.temp_file.remove();
    }
}

impl Reserved {
    /// Writes the key into the current content of the file, and verifies that it is there.
    fn write(&self, key: &str) -> io::Result<()> {
        let Some(value) = PlainValue::parse(key) else {
            return Err(io::Error::other(
                "the key has characters that programs read differently from such a file",
            ));
        };
        let FileLocation { directory, name, .. } = &self.location;
        // Again if another program changes the file at the same moment.
        for _ in 0..10 {
            let snapshot = directory.read(name, LARGEST)?;
            let old = snapshot.as_ref().map_or(&[][..], |snapshot| &snapshot.content);
            let dotenv = Dotenv::parse(old, &self.variable).map_err(io::Error::other)?;
            if !self.may_replace(&dotenv) {
                return Err(io::Error::other("it has another value now than before the sign-in"));
            }
            let new = dotenv.set(&value);
            if directory.replace(name, snapshot.as_ref(), &self.temp_file, &new)? {
                // Another program may have added its lines since.
                let now = directory.read(name, LARGEST + new.len())?;
                let has_key = now.is_some_and(|now| {
                    Dotenv::parse(&now.content, &self.variable).is_ok_and(|now| now.is_set_to(key))
                });
                let lost = || io::Error::other("another program changed it at the same moment");
                return if has_key { Ok(()) } else { Err(lost()) };
            }
        }
        Err(io::Error::other("another program keeps changing it"))
    }

    fn may_replace(&self, dotenv: &Dotenv<'_>) -> bool {
        let Some(replaceable) = &self.replaceable else { return true };
        dotenv.values().all(|value| value.is_empty() || value == &***replaceable)
    }
}

impl FileLocation {
    /// Looks at the file, and takes the room for its next content, which keeps other runs away from the file
    /// until the result is dropped. Waits at most 10 s for another run, and removes the temporary files of killed runs that
    /// hold no key.
    ///
    /// # Errors
    ///
    /// [`EnvFileError`]
    pub async fn inspect(self, variable: VariableName) -> Result<FoundEnvFile, EnvFileError> {
        self.lock(&TokioClock::new()).await?;
        let mut found = run(self.path().to_owned(), move || FoundEnvFile::read(self, variable)).await?;
        let Self { directory, name, .. } = &found.location;
        found.git = git::status(&TokioClock::new(), directory.path(), name).await;
        Ok(found)
    }
}

impl FileLocation {
    fn read(&self) -> Result<Option<Snapshot>, EnvFileError> {
        self.directory.read(&self.name, LARGEST).map_err(|error| self.error(error))
    }

    fn parse<'a>(
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
            if let Some(mode) = properties.readable_by_others {
                warnings.push(Warning::ReadableByOthers { mode });
            }
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
        let readable = temp_file.readable_by_others().map_err(failed)?;
        if let (None, Some(mode)) = (&snapshot, readable) {
            warnings.push(Warning::NoModes { mode });
        }
        location.directory.unlock();
        Ok(Self { location, variable, temp_file, current, value, warnings, git: GitStatus::Outside })
    }

    /// The absolute path of the file.
    pub fn path(&self) -> &Path {
        self.location.path()
    }

    /// The variable that gets the key.
    pub fn variable(&self) -> &VariableName {
        &self.variable
    }

    /// The current value of the variable, without the value itself.
    pub fn current(&self) -> &Current {
        &self.current
    }

    /// The properties of the file that the user should know of.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The status of the file in git.
    pub fn git(&self) -> GitStatus {
        self.git
    }

    /// The line that makes a `.gitignore` in the directory of the file match it, and nothing else there.
    pub fn gitignore_line(&self) -> String {
        git::ignore_line(&self.location.name)
    }

    /// Makes the file ready for the key. Dropping the result frees the room.
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
        Ok(EnvFile(Arc::new(Reserved { location, variable, temp_file, replaceable })))
    }
}

impl Current {
    /// The state of the variable, and its value if it is one.
    fn of(dotenv: &Dotenv<'_>) -> (Self, Zeroizing<Vec<u8>>) {
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

impl fmt::Display for LineNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.0.iter().map(usize::to_string).collect();
        let word = if self.0.len() == 1 { "line" } else { "lines" };
        write!(f, "{word} {}", numbers.join(", "))
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use keymint_domain::testing::conformance;
    use keymint_domain::{Clock, Moment};
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

    fn location(directory: &Path) -> FileLocation {
        FileLocation::find_now(&directory.join(".env")).unwrap()
    }

    async fn file(directory: &Path) -> EnvFile {
        let found = location(directory).inspect(VariableName::default()).await.unwrap();
        found.reserve(Overwrite::Never).unwrap()
    }

    #[tokio::test]
    async fn it_keeps_what_the_port_promises() {
        let directory = tempfile::tempdir().unwrap();
        let read = async || {
            EnvFile::find_key(&directory.path().join(".env"), &VariableName::default())
                .unwrap()
                .map(|key| key.expose().to_owned())
        };
        conformance::key_destination(&mut file(directory.path()).await, read).await.unwrap();

        let looks_like_a_key = directory.path().join("sk-learn-demo");
        fs::create_dir(&looks_like_a_key).unwrap();
        let path = looks_like_a_key.canonicalize().unwrap().join(".env");
        let moved = file(&looks_like_a_key).await;
        assert_eq!(moved.id().as_str(), format!("env-file:{}", path.display()));
        let deceptive = directory.path().join("\u{1b}[2J");
        fs::rename(&looks_like_a_key, deceptive).unwrap();
        assert_eq!(moved.path(), path);

        let other = tempfile::tempdir().unwrap();
        let mut refuses = file(other.path()).await;
        fs::write(other.path().join(".env"), "OPENAI_API_KEY=meanwhile").unwrap();
        conformance::failing_key_destination(&mut refuses).await.unwrap();
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
            let found = location(directory.path()).inspect(VariableName::default()).await.unwrap();
            assert_eq!(found.reserve(overwrite).is_ok(), is_allowed, "{text:?}, {overwrite:?}");
        }
    }

    #[tokio::test]
    async fn a_run_that_does_not_end_is_waited_for_and_then_reported_and_a_strangers_lock_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let second = location(directory.path());
        let stranger = fs::File::open(directory.path()).unwrap();
        stranger.lock().unwrap();
        second.lock(&Impatient).await.unwrap();
        drop(stranger);
        // Before the user is asked whether a value may be lost.
        let first = location(directory.path()).inspect(VariableName::default()).await.unwrap();
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
        let _first = file(directory.path()).await;
        for (name, is_free) in [(".env.local", true), (".env", false), (".ENV", false)] {
            let other = FileLocation::find_now(&directory.path().join(name)).unwrap();
            assert_eq!(other.try_lock(), is_free, "{name}");
        }
        let found = FileLocation::find_now(&directory.path().join(".env.local")).unwrap();
        let found = found.inspect(VariableName::default()).await.unwrap();
        assert_eq!(found.warnings(), [], "the temporary file of the first run is not left behind");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[tokio::test]
    async fn a_key_that_a_shell_would_run_is_not_written() {
        let directory = tempfile::tempdir().unwrap();
        let file = file(directory.path()).await;
        let refusal = file.0.write("sk-$(id)").unwrap_err().to_string();
        assert!(refusal.contains("characters") && !refusal.contains("id)"), "{refusal}");
        assert!(!directory.path().join(".env").exists());
    }

    #[tokio::test]
    async fn a_key_longer_than_the_room_for_it_is_written_whole() {
        let directory = tempfile::tempdir().unwrap();
        let key = "k".repeat(ROOM * 3);
        file(directory.path()).await.0.write(&key).unwrap();
        let content = fs::read_to_string(directory.path().join(".env")).unwrap();
        assert_eq!(content, format!("OPENAI_API_KEY={key}\n"));
    }

    #[tokio::test]
    async fn a_file_as_large_as_may_be_takes_the_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".env");
        fs::write(&path, "#".repeat(LARGEST)).unwrap();
        file(directory.path()).await.0.write("sk-proj-0123456789").unwrap();
        assert!(fs::read_to_string(&path).unwrap().ends_with("#\nOPENAI_API_KEY=sk-proj-0123456789\n"));
    }

    #[tokio::test]
    async fn a_file_that_changed_since_it_was_read_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".env");
        fs::write(&path, "A=1\n").unwrap();
        let file = file(directory.path()).await;
        let Reserved { location: FileLocation { directory: open, name, .. }, temp_file, .. } = &*file.0;
        let snapshot = open.read(name, LARGEST).unwrap();
        fs::write(&path, "A=2\n").unwrap();
        assert!(!open.replace(name, snapshot.as_ref(), temp_file, b"old").unwrap());
        assert!(!open.replace(name, None, temp_file, b"old").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "A=2\n");
    }

    /// The program may end before an abandoned delivery does.
    #[tokio::test]
    async fn a_temporary_file_is_gone_with_its_file_even_while_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let file = file(directory.path()).await;
        let writing = Arc::clone(&file.0);
        drop(file);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        assert!(writing.write("sk-proj-0123456789").is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
