//! Sign-ins that one process begins and another one completes. Each is in a private file that is named after a hash
//! of its state.

use super::{StateDir, private_files};
use crate::fingerprint::fingerprint;
use crate::wall_clock;
use keymint_domain::{
    AuthorizationResponse, Callback, Client, PendingAuthorization, SavedAuthorization, State, pasted_state,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// The subdirectory of these files.
const PENDING: &str = "pending";

/// The extension of these files.
const EXTENSION: &str = "json";

/// The version of the file format. Of a file with another version, only the [header](Header) is read.
const VERSION: u32 = 1;

/// The maximum size of a file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The time for which an expired sign-in is kept, so that the user gets an error that says it has expired.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// The members that files of every version have.
#[derive(Serialize, Deserialize)]
struct Header {
    /// The version. Files of the first version have none.
    #[serde(default = "first_version")]
    version: Value,
    /// The expiry, in seconds since 1970.
    expires: u64,
}

fn first_version() -> Value {
    1.into()
}

/// The content of a file of the current version.
#[derive(Serialize, Deserialize)]
struct Content<T> {
    #[serde(flatten)]
    header: Header,
    settings: T,
    authorization: SavedAuthorization,
}

/// A sign-in that another process began, with the response to it. [`StateDir::find_sign_in`] returns it.
#[derive(Debug)]
pub struct PendingSignIn<T> {
    /// The OAuth client that began the sign-in, and that must complete it.
    pub client: Client,
    /// The settings that were saved with the sign-in.
    pub settings: T,
    /// The pending authorization.
    pub pending: PendingAuthorization,
    /// The response to the pending authorization.
    pub response: AuthorizationResponse,
    /// True if the sign-in has expired. Its file is kept for another day.
    pub has_expired: bool,
    path: PathBuf,
}

/// The reason why no pending sign-in was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindSignInError {
    /// No pending sign-in matches this response: it was completed, or began on another machine.
    #[error("no pending sign-in matches this response")]
    Unknown,
    /// Another version of this program began the sign-in.
    #[error("another version began the sign-in of this response")]
    OtherVersion,
    /// The file of the sign-in cannot be used.
    #[error("the pending sign-in cannot be used")]
    Unusable(#[source] io::Error),
    /// The directory cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl StateDir {
    /// Saves a sign-in that another process can complete until `expires`, in seconds since 1970. `settings` are those
    /// that the other process needs, such as the API base URL. Only this file contains the code verifier. Returns the path of the file.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the file cannot be written.
    pub fn save_sign_in<T: Serialize>(
        &self,
        pending: PendingAuthorization,
        settings: T,
        expires: u64,
    ) -> io::Result<PathBuf> {
        let directory = &self.directory(PENDING)?;
        forget_old(directory);
        let authorization = pending.into_saved();
        let path = directory.join(file_name(&authorization.state));
        let content =
            Content { header: Header { version: VERSION.into(), expires }, settings, authorization };
        let text = Zeroizing::new(serde_json::to_vec(&content)?);
        let mut file = private_files::new_file(&path)?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .and_then(|()| private_files::sync_directory(directory))
            // An incomplete file would be neither found nor removed.
            .inspect_err(|_| drop(fs::remove_file(&path)))
            .map_err(|error| private_files::about(&path, &error))?;
        Ok(path)
    }

    /// Finds the sign-in that this URL responds to. Its file remains until the sign-in is
    /// [claimed](PendingSignIn::claim).
    ///
    /// # Errors
    ///
    /// [`FindSignInError`] if no sign-in matches, or the directory cannot be read.
    pub fn find_sign_in<T: DeserializeOwned>(
        &self,
        pasted: &str,
    ) -> Result<PendingSignIn<T>, FindSignInError> {
        let state = pasted_state(pasted).ok_or(FindSignInError::Unknown)?;
        let path = self.directory(PENDING)?.join(file_name(&state));
        let unusable = |error| FindSignInError::Unusable(private_files::about(&path, &error));
        let text = read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => FindSignInError::Unknown,
            _ => unusable(error),
        })?;
        let damaged = || unusable(io::Error::other("it is damaged"));
        let Header { version, expires } = serde_json::from_str(&text).map_err(|_| damaged())?;
        if version != VERSION {
            return Err(FindSignInError::OtherVersion);
        }
        let Content { settings, authorization, .. } = serde_json::from_str(&text).map_err(|_| damaged())?;
        let client = authorization.client.clone();
        let pending = PendingAuthorization::restore(authorization).map_err(|_| damaged())?;
        match pending.read_pasted(pasted) {
            Callback::Response(response) => {
                let has_expired = expires <= wall_clock::unix_now();
                Ok(PendingSignIn { client, settings, pending, response, has_expired, path })
            }
            Callback::Stray(_) => Err(FindSignInError::Unknown),
        }
    }
}

/// Returns the file name for the sign-in with this state. The state cannot be derived from the name.
fn file_name(state: &State) -> String {
    format!("{}.{EXTENSION}", fingerprint([state.expose().as_bytes()]))
}

impl<T> PendingSignIn<T> {
    /// Removes the file, so that the sign-in is completed only once. Returns whether this process removed it.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the file cannot be removed.
    pub fn claim(&self) -> io::Result<bool> {
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(private_files::about(&self.path, &error)),
        }
    }
}

fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    private_files::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// Removes the sign-ins of all versions that expired more than a day ago.
fn forget_old(directory: &Path) {
    let oldest = wall_clock::unix_now().saturating_sub(REMEMBERED.as_secs());
    for path in private_files::list(directory, EXTENSION).unwrap_or_default() {
        let header = read(&path).ok().and_then(|text| serde_json::from_str::<Header>(&text).ok());
        if header.is_some_and(|header| header.expires < oldest) {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keymint_domain::testing::pending;

    /// Saves a sign-in. Returns the temporary directory, the state directory in it, the path of the file of the
    /// sign-in, and the content of the file.
    fn saved() -> (tempfile::TempDir, StateDir, PathBuf, Value) {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::at(directory.path().join("state"));
        state.save_sign_in(pending(), "settings", u64::MAX).unwrap();
        let path = private_files::list(&state.directory(PENDING).unwrap(), EXTENSION).unwrap().remove(0);
        let content = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        (directory, state, path, content)
    }

    /// Changes the content of the only file of a new sign-in, and returns the result of finding it.
    fn found_after(
        change: impl FnOnce(&mut Value),
    ) -> (PathBuf, tempfile::TempDir, Result<(), FindSignInError>) {
        let (directory, state, path, mut content) = saved();
        let address = format!("code=C&state={}", content["authorization"]["state"].as_str().unwrap());
        change(&mut content);
        fs::write(&path, content.to_string()).unwrap();
        let found =
            state.find_sign_in::<String>(&address).map(|found| assert_eq!(found.settings, "settings"));
        (path, directory, found)
    }

    #[test]
    fn a_sign_in_of_this_version_or_without_one_is_found_and_of_another_version_nothing_but_that() {
        assert!(found_after(|content| assert_eq!(content["version"], 1)).2.is_ok());
        let without = |content: &mut Value| drop(content.as_object_mut().unwrap().remove("version"));
        assert!(found_after(without).2.is_ok());
        for version in [0.into(), 2.into(), 1.5.into(), "1".into(), Value::Null, u64::MAX.into()] {
            let found = found_after(|content| {
                content["version"] = version;
                content["authorization"] = Value::Null;
            });
            assert!(matches!(found.2, Err(FindSignInError::OtherVersion)), "{:?}", found.2);
        }
        let found = found_after(|content| content["authorization"]["state"] = "another".into());
        assert!(matches!(found.2, Err(FindSignInError::Unusable(_))), "{:?}", found.2);
    }

    #[test]
    fn only_the_file_of_the_sign_in_is_read() {
        let (_directory, state, path, content) = saved();
        fs::write(path.with_file_name("damaged.json"), "{").unwrap();
        fs::create_dir(path.with_file_name("unreadable.json")).unwrap();
        let found = |state_of: &str| {
            state.find_sign_in::<String>(&format!("code=C&state={state_of}")).map(|found| found.settings)
        };
        assert!(matches!(found("another"), Err(FindSignInError::Unknown)));
        let own = content["authorization"]["state"].as_str().unwrap();
        assert_eq!(found(own).unwrap(), "settings");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let Err(FindSignInError::Unusable(error)) = found(own) else { panic!() };
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }

    #[test]
    fn a_file_that_never_ends_is_unusable_and_one_of_any_version_that_expired_long_ago_is_removed() {
        let found = found_after(|content| content["more"] = "x".repeat(LONGEST as usize).into());
        assert!(matches!(found.2, Err(FindSignInError::Unusable(_))), "{:?}", found.2);
        for version in [1, 2] {
            let (path, ..) = &found_after(|content| {
                content["version"] = version.into();
                content["expires"] = 1.into();
            });
            let found = found_after(|_| ());
            fs::copy(path, found.0.with_file_name("old.json")).unwrap();
            forget_old(found.0.parent().unwrap());
            assert!(found.0.exists() && !found.0.with_file_name("old.json").exists());
        }
    }
}
