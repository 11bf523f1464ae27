//! Sign-ins that one process begins and another one completes, each in a private file.

use super::{StateDir, private_files};
use crate::wall_clock;
use keymint_domain::{AuthorizationResponse, Callback, Client, PendingAuthorization, SavedAuthorization};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// The directory of these files.
const PENDING: &str = "pending";

/// The extension of these files.
const EXTENSION: &str = "json";

/// The version of a file's content. Of a file of another version, only the [header](Header) is read.
const VERSION: u32 = 1;

/// The maximum size of a file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The time for which an expired sign-in is kept, so that the user gets an error that says so.
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

/// A sign-in that another process began, and the response to it. [`StateDir::find_sign_in`] finds it.
#[derive(Debug)]
pub struct PendingSignIn<T> {
    /// The client that began it, which must complete it.
    pub client: Client,
    /// The settings that it was saved with.
    pub settings: T,
    /// The pending authorization.
    pub pending: PendingAuthorization,
    /// The response to it.
    pub response: AuthorizationResponse,
    /// True if it has expired. It is kept for another day.
    pub has_expired: bool,
    path: PathBuf,
}

/// The reason why no pending sign-in was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindSignInError {
    /// No pending sign-in matches this response: it is completed, or began on another machine.
    #[error("no pending sign-in has this response")]
    Unknown,
    /// No pending sign-in of this version matches this response, but another version of this program began one.
    #[error("no pending sign-in of this version has this response, and another version began one")]
    OtherVersion,
    /// No pending sign-in that can be used matches this response, and a file cannot be used.
    #[error("a pending sign-in cannot be used")]
    Unusable(#[source] io::Error),
    /// The directory cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl StateDir {
    /// Saves a sign-in that another process can complete until it expires (in seconds since 1970), with the
    /// settings that this process needs, such as the API base URL. Only this file has the code verifier.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the file cannot be written.
    pub fn save_sign_in<T: Serialize>(
        &self,
        pending: PendingAuthorization,
        settings: T,
        expires: u64,
    ) -> io::Result<()> {
        let folder = &self.directory(PENDING)?;
        forget_old(folder);
        let content = Content {
            header: Header { version: VERSION.into(), expires },
            settings,
            authorization: pending.into_saved(),
        };
        let text = Zeroizing::new(serde_json::to_vec(&content)?);
        let path = folder.join(format!("{}.{EXTENSION}", private_files::new_id()));
        let mut file = private_files::new_file(&path)?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .and_then(|()| private_files::sync_directory(folder))
            // An incomplete file would be neither found nor removed.
            .inspect_err(|_| drop(fs::remove_file(&path)))
            .map_err(|error| private_files::about(&path, &error))
    }

    /// Finds the sign-in that this URL responds to. Its file remains until it is [claimed](PendingSignIn::claim).
    ///
    /// # Errors
    ///
    /// [`FindSignInError`] if no sign-in matches, or the directory cannot be read.
    pub fn find_sign_in<T: DeserializeOwned>(
        &self,
        pasted: &str,
    ) -> Result<PendingSignIn<T>, FindSignInError> {
        let mut missing = FindSignInError::Unknown;
        for path in private_files::list(&self.directory(PENDING)?, EXTENSION)? {
            let text = match read(&path) {
                Ok(text) => text,
                // Another process may just have removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    if matches!(missing, FindSignInError::Unknown) {
                        missing = FindSignInError::Unusable(private_files::about(&path, &error));
                    }
                    continue;
                }
            };
            // A damaged file is skipped.
            let Ok(Header { version, expires }) = serde_json::from_str(&text) else { continue };
            if version != VERSION {
                missing = FindSignInError::OtherVersion;
                continue;
            }
            let Ok(Content { settings, authorization, .. }) = serde_json::from_str(&text) else { continue };
            let client = authorization.client.clone();
            let Ok(pending) = PendingAuthorization::restore(authorization) else { continue };
            if let Callback::Response(response) = pending.read_pasted(pasted) {
                let has_expired = expires <= wall_clock::unix_now();
                return Ok(PendingSignIn { client, settings, pending, response, has_expired, path });
            }
        }
        Err(missing)
    }
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

/// Removes the sign-ins of any version that expired more than a day ago.
fn forget_old(folder: &Path) {
    let oldest = wall_clock::unix_now().saturating_sub(REMEMBERED.as_secs());
    for path in private_files::list(folder, EXTENSION).unwrap_or_default() {
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

    /// Changes the content of the only file of a new sign-in, and returns the result of finding it.
    fn found_after(
        change: impl FnOnce(&mut Value),
    ) -> (PathBuf, tempfile::TempDir, Result<(), FindSignInError>) {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::at(directory.path().join("state"));
        state.save_sign_in(pending(), "settings", u64::MAX).unwrap();
        let path = private_files::list(&state.directory(PENDING).unwrap(), EXTENSION).unwrap().remove(0);
        let mut content: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
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
        assert!(matches!(found.2, Err(FindSignInError::Unknown)), "{:?}", found.2);
    }

    #[test]
    fn a_file_that_never_ends_is_none_and_one_of_any_version_that_expired_long_ago_is_removed() {
        let found = found_after(|content| content["more"] = "x".repeat(LONGEST as usize).into());
        assert!(matches!(found.2, Err(FindSignInError::Unknown)), "{:?}", found.2);
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
