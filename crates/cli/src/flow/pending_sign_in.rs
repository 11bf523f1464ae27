//! Sign-ins that `start` began and `finish` completes, each in a private file.

use crate::args::EndpointArgs;
use crate::os::clock;
use keymint_delivery_adapter::{StateDir, private};
use keymint_domain::{AuthorizationResponse, Callback, PendingAuthorization, SavedAuthorization};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// The extension of the files.
const EXTENSION: &str = "attempt";

/// Longest file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// How long an expired sign-in is remembered, so that `finish` can say that it has expired.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// The content of a file.
#[derive(Serialize, Deserialize)]
struct Content {
    /// Seconds since 1970.
    expires: u64,
    /// Where the sign-in began, and where the key will be created.
    endpoints: EndpointArgs,
    authorization: SavedAuthorization,
}

/// A pending sign-in, with the response to it.
pub(crate) struct PendingSignIn {
    pub(crate) endpoints: EndpointArgs,
    pub(crate) pending: PendingAuthorization,
    pub(crate) response: AuthorizationResponse,
    path: PathBuf,
}

/// The result of the search for the sign-in that a response belongs to.
pub(crate) enum Found {
    PendingSignIn(Box<PendingSignIn>),
    /// It has expired.
    Expired,
    /// No pending sign-in has this state: it is completed, or began on another machine.
    None,
}

/// Saves a sign-in that can be completed until it expires (seconds since 1970).
pub(crate) fn save(pending: PendingAuthorization, endpoints: EndpointArgs, expires: u64) -> io::Result<()> {
    let folder = folder()?;
    forget_old(&folder);
    save_in(&folder, pending, endpoints, expires)
}

fn save_in(
    folder: &Path,
    pending: PendingAuthorization,
    endpoints: EndpointArgs,
    expires: u64,
) -> io::Result<()> {
    let content = Content { expires, endpoints, authorization: pending.into_saved() };
    let text = Zeroizing::new(serde_json::to_vec(&content)?);
    let path = folder.join(format!("{}.{EXTENSION}", private::new_id()));
    let mut file = private::new_file(&path)?;
    file.write_all(&text)
        .and_then(|()| file.sync_all())
        .and_then(|()| private::sync_directory(folder))
        .map_err(|error| private::about(&path, &error))
}

/// Finds the sign-in that this URL is the response to. Its file remains until it is
/// [claimed](PendingSignIn::claim).
pub(crate) fn find(pasted: &str) -> io::Result<Found> {
    find_in(&folder()?, pasted, clock::unix_now())
}

fn find_in(folder: &Path, pasted: &str, now: u64) -> io::Result<Found> {
    for path in pending_sign_ins(folder)? {
        // A damaged file is skipped, and so is one that another process has just removed.
        let Ok(Content { expires, endpoints, authorization }) = read(&path) else { continue };
        let Ok(pending) = PendingAuthorization::restore(authorization) else { continue };
        if let Callback::Response(response) = pending.read_pasted(pasted) {
            return Ok(if now < expires {
                Found::PendingSignIn(Box::new(PendingSignIn { endpoints, pending, response, path }))
            } else {
                Found::Expired
            });
        }
    }
    Ok(Found::None)
}

impl PendingSignIn {
    /// Removes the file, so that the sign-in is completed once. Returns whether no other process had
    /// removed it.
    pub(crate) fn claim(&self) -> io::Result<bool> {
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(private::about(&self.path, &error)),
        }
    }
}

fn read(path: &Path) -> io::Result<Content> {
    let mut text = Zeroizing::new(Vec::new());
    private::open(path)?.take(LONGEST).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Removes the sign-ins that expired long ago.
fn forget_old(folder: &Path) {
    let now = clock::unix_now();
    for path in pending_sign_ins(folder).unwrap_or_default() {
        let is_old =
            read(&path).is_ok_and(|content| content.expires.saturating_add(REMEMBERED.as_secs()) < now);
        if is_old {
            let _ = fs::remove_file(path);
        }
    }
}

fn pending_sign_ins(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<_> = fs::read_dir(folder)?.filter_map(|file| Some(file.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
    Ok(paths)
}

fn folder() -> io::Result<PathBuf> {
    StateDir::open_default()?.directory("pending")
}

#[cfg(test)]
mod tests {
    use super::*;
    use keymint_domain::{Client, Entropy, REGISTERED_REDIRECT_URI};

    /// Saves a sign-in, and returns the URL that responds to it.
    fn saved(folder: &Path, seed: u8) -> String {
        let entropy = Entropy::fill_with(|bytes| {
            bytes.fill(seed);
            Ok::<_, ()>(())
        });
        let pending = Client::default().begin(REGISTERED_REDIRECT_URI.parse().unwrap(), entropy.unwrap());
        let state = pending.authorize_url().as_str().rsplit_once("&state=").unwrap().1.to_owned();
        save_in(folder, pending, EndpointArgs::default(), 1_000).unwrap();
        format!("{REGISTERED_REDIRECT_URI}?code=C&state={state}")
    }

    #[test]
    fn each_attempt_is_found_by_its_own_answer_and_finished_once() {
        let folder = tempfile::tempdir().unwrap();
        let answers = [saved(folder.path(), 1), saved(folder.path(), 2)];
        for answer in &answers {
            let find = || find_in(folder.path(), answer, 999).unwrap();
            let (Found::PendingSignIn(first), Found::PendingSignIn(second)) = (find(), find()) else {
                panic!("{answer}")
            };
            assert!(first.claim().unwrap());
            assert!(!second.claim().unwrap());
            assert!(matches!(find(), Found::None));
        }
    }

    #[test]
    fn an_attempt_that_has_expired_is_known_as_such_and_a_foreign_one_is_not_known() {
        let folder = tempfile::tempdir().unwrap();
        let answer = saved(folder.path(), 1);
        assert!(matches!(find_in(folder.path(), &answer, 1_000).unwrap(), Found::Expired));
        let foreign = format!("{REGISTERED_REDIRECT_URI}?code=C&state=foreign");
        assert!(matches!(find_in(folder.path(), &foreign, 999).unwrap(), Found::None));
    }

    #[test]
    fn a_damaged_file_does_not_hide_the_others() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.attempt"), "{").unwrap();
        let answer = saved(folder.path(), 1);
        assert!(matches!(find_in(folder.path(), &answer, 999).unwrap(), Found::PendingSignIn(_)));
    }

    #[test]
    fn an_attempt_without_an_end_stays() {
        let folder = tempfile::tempdir().unwrap();
        saved(folder.path(), 1);
        let path = pending_sign_ins(folder.path()).unwrap().remove(0);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\"expires\":1000", &format!("\"expires\":{}", u64::MAX))).unwrap();
        forget_old(folder.path());
        assert_eq!(read(&path).unwrap().expires, u64::MAX);
    }

    #[cfg(unix)]
    #[test]
    fn what_somebody_else_could_have_written_or_will_never_write_is_no_attempt() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let answer = saved(folder.path(), 1);
        let path = pending_sign_ins(folder.path()).unwrap().remove(0);
        let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe.attempt")).status();
        assert!(made.unwrap().success());
        assert!(matches!(find_in(folder.path(), &answer, 999).unwrap(), Found::PendingSignIn(_)));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(find_in(folder.path(), &answer, 999).unwrap(), Found::None));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        saved(folder.path(), 1);
        let path = pending_sign_ins(folder.path()).unwrap().remove(0);
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
