//! Sign-ins that one process begins and another one completes, each in a private file.

use super::{StateDir, private_files};
use crate::wall_clock;
use keymint_domain::{AuthorizationResponse, Callback, Client, PendingAuthorization, SavedAuthorization};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// The directory of the files.
const PENDING: &str = "pending";

/// The extension of the files.
const EXTENSION: &str = "json";

/// Longest file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// How long an expired sign-in is remembered, so that the user can learn that it has expired.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// The content of a file.
#[derive(Serialize, Deserialize)]
struct Content<T> {
    /// Seconds since 1970.
    expires: u64,
    settings: T,
    authorization: SavedAuthorization,
}

/// A sign-in that was begun by another process, with the response to it. [`StateDir::find_sign_in`] finds it.
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
    /// Whether its time is over. It is remembered for a day more.
    pub has_expired: bool,
    path: PathBuf,
}

impl StateDir {
    /// Saves a sign-in that another process can complete until it expires (seconds since 1970), with the settings
    /// that this process needs, such as the API to create the key at. Only this file has the code verifier.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn save_sign_in<T: Serialize>(
        &self,
        pending: PendingAuthorization,
        settings: T,
        expires: u64,
    ) -> io::Result<()> {
        let folder = &self.directory(PENDING)?;
        forget_old(folder);
        let content = Content { expires, settings, authorization: pending.into_saved() };
        let text = Zeroizing::new(serde_json::to_vec(&content)?);
        let path = folder.join(format!("{}.{EXTENSION}", private_files::new_id()));
        let mut file = private_files::new_file(&path)?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .and_then(|()| private_files::sync_directory(folder))
            .map_err(|error| private_files::about(&path, &error))
    }

    /// Finds the sign-in that this URL is the response to; `None` if it is completed, or began on another
    /// machine. Its file remains until it is [claimed](PendingSignIn::claim).
    ///
    /// # Errors
    ///
    /// If the directory cannot be read.
    pub fn find_sign_in<T: DeserializeOwned>(&self, pasted: &str) -> io::Result<Option<PendingSignIn<T>>> {
        for path in private_files::list(&self.directory(PENDING)?, EXTENSION)? {
            // A damaged file is skipped, and so is one that another process has just removed.
            let Ok(Content { expires, settings, authorization }) = read(&path) else { continue };
            let client = authorization.client.clone();
            let Ok(pending) = PendingAuthorization::restore(authorization) else { continue };
            if let Callback::Response(response) = pending.read_pasted(pasted) {
                let has_expired = expires <= wall_clock::unix_now();
                return Ok(Some(PendingSignIn { client, settings, pending, response, has_expired, path }));
            }
        }
        Ok(None)
    }
}

impl<T> PendingSignIn<T> {
    /// Removes the file, so that the sign-in is completed once. Returns whether no other process had
    /// removed it.
    ///
    /// # Errors
    ///
    /// If the file cannot be removed.
    pub fn claim(&self) -> io::Result<bool> {
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(private_files::about(&self.path, &error)),
        }
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Content<T>> {
    let mut text = Zeroizing::new(String::new());
    private_files::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

/// Removes the sign-ins that expired long ago.
fn forget_old(folder: &Path) {
    let oldest = wall_clock::unix_now().saturating_sub(REMEMBERED.as_secs());
    for path in private_files::list(folder, EXTENSION).unwrap_or_default() {
        if read::<IgnoredAny>(&path).is_ok_and(|content| content.expires < oldest) {
            let _ = fs::remove_file(path);
        }
    }
}
