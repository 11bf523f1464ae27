//! A dotenv file in which a variable is set to the key.

mod directory;
mod dotenv;
mod error;
mod git;
mod inspection;
mod line_numbers;
mod location;
mod parser;

use crate::threads;
use crate::variable::VariableName;
use directory::{Snapshot, TempFile};
use dotenv::Dotenv;
pub(crate) use dotenv::PlainValue;
pub use error::{EnvFileError, EnvFileErrorKind};
pub use git::GitStatus;
pub use inspection::{Current, FoundEnvFile, Warning};
use keymint_domain::{ApiKey, DeliveryError, DestinationId, KeyDestination, async_trait};
pub use line_numbers::LineNumbers;
pub use location::FileLocation;
pub use parser::SyntaxError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// The maximum size of a file that is edited, in bytes. A hand-written file has a few thousand.
const LARGEST: usize = 1024 * 1024;

/// A checked dotenv file that is reserved for a key. The disk space for its new content is allocated. The reservation
/// also excludes other runs.
///
/// A delivery replaces the file atomically. It keeps the owner, the mode and every other byte of the content.
pub struct EnvFile(Arc<Reserved>);

struct Reserved {
    location: FileLocation,
    variable: VariableName,
    /// `None` after the delivery was abandoned.
    temp_file: Mutex<Option<Arc<TempFile>>>,
    /// The value that may be replaced. `None` permits any value.
    replaceable: Option<Zeroizing<Vec<u8>>>,
}

impl EnvFile {
    /// Inspects a dotenv file, which need not exist, as [`FileLocation::inspect`] does. A symbolic link is followed
    /// once.
    ///
    /// # Errors
    ///
    /// [`EnvFileError`] if the file cannot take a key.
    pub async fn inspect(
        path: impl Into<PathBuf>,
        variable: VariableName,
    ) -> Result<FoundEnvFile, EnvFileError> {
        FileLocation::find(path).await?.inspect(variable).await
    }

    /// The prefix of the ids of dotenv files as destinations, before the path.
    pub const ID_PREFIX: &str = "env-file:";

    pub(crate) fn id_of(path: &Path) -> String {
        format!("{}{}", Self::ID_PREFIX, path.display())
    }

    /// Returns the path of the file that a delivery to this path would change. `None` if there cannot be such a file.
    pub(crate) fn resolve(path: &Path) -> Option<PathBuf> {
        FileLocation::find_now(path).ok().map(|location| location.current_path())
    }

    /// Returns the key to which a file sets the variable, if it does. Neither locks the file nor waits.
    ///
    /// # Errors
    ///
    /// [`EnvFileError`] if the file cannot be read, or the value is not a key.
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

    /// Returns the current path of the file. It may differ from the original path if the directory was moved.
    pub fn path(&self) -> PathBuf {
        self.0.location.current_path()
    }

    /// Returns the variable that gets the key.
    pub fn variable(&self) -> &VariableName {
        &self.0.variable
    }
}

impl fmt::Debug for EnvFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reserved { location, variable, .. } = &*self.0;
        f.debug_tuple("EnvFile").field(location).field(variable).finish()
    }
}

#[async_trait]
impl KeyDestination for EnvFile {
    /// Returns `env-file:` with the absolute path. The slot is the variable.
    fn id(&self) -> DestinationId {
        DestinationId::new(Self::id_of(&self.path())).with_slot(self.variable().as_str())
    }

    async fn deliver(&mut self, key: &ApiKey) -> Result<(), DeliveryError> {
        let reserved = Arc::clone(&self.0);
        let key = Zeroizing::new(key.expose().to_owned());
        let written = threads::run(move || reserved.write(&key)).await;
        written.and_then(|result| result).map_err(DeliveryError::new)
    }
}

impl Drop for EnvFile {
    /// Abandons a delivery in progress: without the name of its temporary file, it cannot replace the file.
    fn drop(&mut self) {
        if let Some(temp_file) = self.0.lock_temp_file().take() {
            temp_file.remove();
        }
    }
}

impl Reserved {
    /// Writes the key into the current content of the file, and verifies the result.
    fn write(&self, key: &str) -> io::Result<()> {
        let Some(value) = PlainValue::parse(key) else {
            return Err(io::Error::other(
                "the key has characters that readers of dotenv files interpret differently",
            ));
        };
        let FileLocation { directory, name, .. } = &self.location;
        // Retries if another program changes the file at the same moment.
        for _ in 0..10 {
            let snapshot = directory.read(name, LARGEST)?;
            let old = snapshot.as_ref().map_or(&[][..], |snapshot| &snapshot.content);
            let dotenv = Dotenv::parse(old, &self.variable).map_err(io::Error::other)?;
            if !self.may_replace(&dotenv) {
                return Err(io::Error::other("the value changed during the sign-in"));
            }
            let new = dotenv.set(&value);
            let temp_file = self.temp_file(new.len(), snapshot.as_ref())?;
            if directory.replace(name, snapshot.as_ref(), &temp_file, &new)? {
                // Another program may have added lines since the replacement.
                let now = directory.read(name, LARGEST + new.len())?;
                let has_key = now.is_some_and(|now| {
                    Dotenv::parse(&now.content, &self.variable).is_ok_and(|now| now.is_set_to(key))
                });
                let lost = || io::Error::other("another program changed it at the same time");
                return if has_key { Ok(()) } else { Err(lost()) };
            }
        }
        Err(io::Error::other("another program keeps changing it"))
    }

    /// Returns the temporary file, or a new one if another program, such as `git clean`, has removed it.
    fn temp_file(&self, size: usize, snapshot: Option<&Snapshot>) -> io::Result<Arc<TempFile>> {
        let FileLocation { directory, name, .. } = &self.location;
        let mut reserved = self.lock_temp_file();
        let temp_file = reserved.as_mut().ok_or_else(|| io::Error::other("the wait was interrupted"))?;
        if !temp_file.exists() {
            *temp_file = Arc::new(TempFile::reserve(directory, name, size, snapshot)?);
        }
        Ok(Arc::clone(temp_file))
    }

    fn lock_temp_file(&self) -> MutexGuard<'_, Option<Arc<TempFile>>> {
        self.temp_file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may_replace(&self, dotenv: &Dotenv<'_>) -> bool {
        let Some(replaceable) = &self.replaceable else { return true };
        dotenv.values().all(|value| value.is_empty() || value == &***replaceable)
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::Overwrite;
    use keymint_domain::testing::conformance;
    use std::fs;

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
        let key = "k".repeat(3 * inspection::ROOM);
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
        let FileLocation { directory: open, name, .. } = &file.0.location;
        let snapshot = open.read(name, LARGEST).unwrap();
        let temp_file = &file.0.temp_file(0, snapshot.as_ref()).unwrap();
        fs::write(&path, "A=2\n").unwrap();
        assert!(!open.replace(name, snapshot.as_ref(), temp_file, b"old").unwrap());
        assert!(!open.replace(name, None, temp_file, b"old").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "A=2\n");
    }

    /// The program may end before an abandoned delivery ends.
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
