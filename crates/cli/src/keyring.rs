//! The keyring of the operating system: the Secret Service, the macOS Keychain, or the Windows
//! Credential Manager.

#[cfg_attr(not(feature = "keyring"), path = "keyring/absent.rs")]
mod system;

use crate::blocking;
use crate::error::{CliError, ErrorKind};
use crate::os::fail_point;
use crate::ui::prompter::Prompter;
use keymint_domain::text::human_duration;
use keymint_domain::{ApiKey, Clock};
use keymint_tokio_clock::TokioClock;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// How long the keyring may take by itself. It may have to be started first.
const ANSWER: Duration = Duration::from_secs(10);

/// After this long a person wants to know what is waited for.
const MOMENT: Duration = Duration::from_secs(2);

/// How long it may take where it can ask the person for a password in a window.
const PERSON: Duration = Duration::from_secs(60);

/// Where the keyring has the key of one profile: the item of service `keymint` whose user is the
/// profile.
pub(crate) struct Item {
    profile: String,
}

impl Item {
    pub(crate) fn of(profile: &str) -> Self {
        Self { profile: profile.to_owned() }
    }

    pub(crate) fn profile(&self) -> &str {
        &self.profile
    }

    /// The key that is there. One of [`io::ErrorKind::InvalidData`] is an item that holds no key.
    pub(crate) async fn get(&self) -> io::Result<Option<ApiKey>> {
        let user = self.profile.clone();
        let Some(value) = within_reason(blocking::run(move || system::get(&user))).await? else {
            return Ok(None);
        };
        // What went wrong is not told further: one of the errors has the value in it.
        let key = String::from_utf8(value).ok().and_then(|value| ApiKey::parse(value).ok());
        key.map(Some).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "what the keyring has for this profile is no key")
        })
    }

    /// Puts the key there, in the place of one that is there, and makes sure that it is: what is
    /// read back has gone through a connection of its own.
    pub(crate) async fn set(&self, key: &ApiKey) -> io::Result<()> {
        let (user, label) =
            (self.profile.clone(), format!("OpenAI API key (keymint, profile {})", self.profile));
        let value = Zeroizing::new(key.expose().to_owned());
        within_reason(blocking::run(move || system::set(&user, &label, value.as_bytes()))).await?;
        fail_point::reached("keyring-written");
        let stored = self.get().await?;
        if stored.is_some_and(|stored| is_same(&stored, key)) {
            Ok(())
        } else {
            Err(io::Error::other("the keyring took the key, and does not give it back"))
        }
    }

    /// Removes the item, and tells whether there was one.
    pub(crate) async fn delete(&self) -> io::Result<bool> {
        let user = self.profile.clone();
        within_reason(blocking::run(move || system::delete(&user))).await
    }
}

/// Finds out whether the keyring keeps what it is given, with an item that means nothing and does
/// not stay.
pub(crate) async fn check() -> io::Result<()> {
    const VALUE: &[u8] = b"keymint tries whether this keyring keeps what it is given";
    let trial = || {
        // No profile has a space in its name.
        let user = format!("trial {}", std::process::id());
        system::set(&user, "keymint: a trial, which can be deleted", VALUE)?;
        fail_point::reached("keyring-tried");
        let kept = system::get(&user);
        system::delete(&user)?;
        if kept?.as_deref() == Some(VALUE) {
            Ok(())
        } else {
            Err(io::Error::other("the keyring does not keep what it is given"))
        }
    };
    within_reason(blocking::run_to_its_end(trial)).await
}

/// Waits for the keyring, and tells the person so if that takes longer than a moment.
pub(crate) async fn patiently<T>(prompter: Prompter<'_>, work: impl Future<Output = T>) -> T {
    let (mut work, clock) = (pin!(work), TokioClock::new());
    tokio::select! {
        done = &mut work => return done,
        () = clock.sleep(MOMENT) => {}
    }
    prompter.warn(if system::may_show_a_window() {
        "the keyring does not answer yet: it may be asking for its password in a window"
    } else {
        "the keyring does not answer yet"
    });
    work.await
}

/// The failure of a command that needs the keyring.
pub(crate) fn unusable(error: io::Error) -> CliError {
    let hint = match error.kind() {
        io::ErrorKind::Unsupported => "`keymint create --env-file` puts a key in a file.",
        io::ErrorKind::InvalidData => "`keymint forget` removes it.",
        _ => {
            "A keyring is there, and unlocked, where you have signed in to a desktop. Elsewhere, as in a container or \
             over SSH, `keymint create --env-file` puts a key in a file."
        }
    };
    CliError::new(ErrorKind::DestinationUnusable, error.to_string()).hint(hint)
}

/// Whether two keys are the same, in a time that does not tell where they differ.
pub(crate) fn is_same(one: &ApiKey, other: &ApiKey) -> bool {
    one.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
}

/// Gives up work on another thread when it takes too long: the thread then ends with the program.
async fn within_reason<T>(work: impl Future<Output = io::Result<io::Result<T>>>) -> io::Result<T> {
    within(if system::may_show_a_window() { PERSON } else { ANSWER }, work).await
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<io::Result<T>>>) -> io::Result<T> {
    let clock = TokioClock::new();
    tokio::select! {
        done = work => done.map_err(|_| io::Error::other("the keyring's library failed"))?,
        () = clock.sleep(limit) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("the keyring did not answer within {}", human_duration(limit)),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_keyring_that_never_answers_is_given_up() {
        let (_open, never) = std::sync::mpsc::channel::<()>();
        let error =
            within(Duration::ZERO, blocking::run(move || Ok(never.recv().is_ok()))).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    }

    #[test]
    fn a_key_that_differs_in_one_place_is_another() {
        let key = |text: &str| ApiKey::parse(text.to_owned()).unwrap();
        assert!(is_same(&key("sk-proj-0123456789"), &key("sk-proj-0123456789")));
        for other in ["sk-proj-0123456780", "sk-proj-012345678", "sk-proj-01234567890", "Sk-proj-0123456789"]
        {
            assert!(!is_same(&key("sk-proj-0123456789"), &key(other)), "{other}");
        }
    }
}
