//! Sign-ins that `start` began and `finish` completes, each in a private file.

use crate::args::EndpointArgs;
use keymint_delivery_adapter::{StateDir, private_files, wall_clock};
use keymint_domain::{AuthorizationResponse, Callback, PendingAuthorization, SavedAuthorization};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// The extension of the files.
const EXTENSION: &str = "json";

/// Longest file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// How long an expired sign-in is remembered, so that `finish` can say that it has expired.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// The content of a file.
#[derive(Serialize, Deserialize)]
struct Content {
    /// Seconds since 1970.
    expires: u64,
    /// Where the key will be created. The client is in the authorization alone.
    endpoints: EndpointArgs,
    authorization: SavedAuthorization,
}

/// A pending sign-in, with the response to it.
pub(crate) struct PendingSignIn {
    pub(crate) endpoints: EndpointArgs,
    pub(crate) pending: PendingAuthorization,
    pub(crate) response: AuthorizationResponse,
    pub(crate) has_expired: bool,
    path: PathBuf,
}

/// Saves a sign-in that can be completed until it expires (seconds since 1970).
pub(crate) fn save(pending: PendingAuthorization, endpoints: EndpointArgs, expires: u64) -> io::Result<()> {
    let folder = &folder()?;
    forget_old(folder);
    let content = Content { expires, endpoints, authorization: pending.into_saved() };
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
pub(crate) fn find(pasted: &str) -> io::Result<Option<PendingSignIn>> {
    for path in private_files::list(&folder()?, EXTENSION)? {
        // A damaged file is skipped, and so is one that another process has just removed.
        let Ok(Content { expires, endpoints, authorization }) = read(&path) else { continue };
        let client = &authorization.client;
        let endpoints = EndpointArgs {
            issuer: Some(client.issuer.to_string()),
            client_id: Some(client.client_id.clone()),
            audience: Some(client.audience.clone()),
            oauth_scope: Some(client.scope.clone()),
            ..endpoints
        };
        let Ok(pending) = PendingAuthorization::restore(authorization) else { continue };
        if let Callback::Response(response) = pending.read_pasted(pasted) {
            let has_expired = expires <= wall_clock::unix_now();
            return Ok(Some(PendingSignIn { endpoints, pending, response, has_expired, path }));
        }
    }
    Ok(None)
}

impl PendingSignIn {
    /// Removes the file, so that the sign-in is completed once. Returns whether no other process had
    /// removed it.
    pub(crate) fn claim(&self) -> io::Result<bool> {
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(private_files::about(&self.path, &error)),
        }
    }
}

fn read(path: &Path) -> io::Result<Content> {
    let mut text = Zeroizing::new(String::new());
    private_files::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

/// Removes the sign-ins that expired long ago.
fn forget_old(folder: &Path) {
    let oldest = wall_clock::unix_now().saturating_sub(REMEMBERED.as_secs());
    for path in private_files::list(folder, EXTENSION).unwrap_or_default() {
        if read(&path).is_ok_and(|content| content.expires < oldest) {
            let _ = fs::remove_file(path);
        }
    }
}

fn folder() -> io::Result<PathBuf> {
    StateDir::open_default()?.directory("pending")
}
