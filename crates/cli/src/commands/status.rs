//! `keymint status`: the keys that this machine has, and the key that programs started here use.

pub(crate) mod source;
mod text;

use crate::args::{BrowserArgs, EndpointArgs, StatusArgs, TimeoutArgs};
use crate::config::SignInSettings;
use crate::error::{CliError, ErrorKind};
use crate::explain::delivery as explain;
use crate::flow::context::Context;
use crate::flow::verify_key;
use crate::ui::format::key_check;
use crate::ui::json;
use crate::ui::stdout;
use keymint_delivery_adapter::{Expiry, FoundKey, KeySource, Keyring, RecordedKey, StateDir};
use keymint_domain::text::rough_duration;
use keymint_domain::{ApiKey, KeyCheck};

pub(crate) async fn run(args: &StatusArgs, context: &Context) -> Result<(), CliError> {
    let keys = known_keys()?;
    let mut found = source::find(context).await?;
    // A user who never used the keyring need not know that it is unavailable.
    let may_be_in_keyring = keys.iter().any(is_in_keyring);
    found.retain(|found| {
        may_be_in_keyring || found.key.is_ok() || !matches!(found.source, KeySource::Keyring(_))
    });
    let mut status = Status { keys, found, verified: None, shows_all: args.all };
    let mut failure = None;
    if args.verify {
        status.verified = status.verify(context).await.map_err(|error| failure = Some(error)).ok();
    }
    let text = if context.ui.wants_json() { status.json() } else { status.text() };
    stdout::show_to_reader(&text)?;
    if let Some(KeyCheck::NotAccepted) = status.verified {
        let deleted = if status.reason().is_some() { "" } else { "It may have been deleted. " };
        let hint = format!("{deleted}`keymint create` creates a new one.");
        failure = Some(CliError::new(ErrorKind::Server, status.verdict(KeyCheck::NotAccepted)).hint(hint));
    }
    failure.map_or(Ok(()), Err)
}

/// Reads the records of the keys, and inspects the files that have them.
pub(crate) fn known_keys() -> Result<Vec<RecordedKey>, CliError> {
    let keys = StateDir::open_default().and_then(|state| state.known_keys());
    let mut keys = keys
        .map_err(|error| explain::state(ErrorKind::Internal, "the records of keys cannot be read", error))?;
    RecordedKey::inspect_files(&mut keys);
    Ok(keys)
}

/// The keys of this machine, and the result of checking the key in use.
struct Status {
    /// The known keys, the oldest first.
    keys: Vec<RecordedKey>,
    /// The keys that a program started here finds. It uses the first.
    found: Vec<FoundKey>,
    /// The result of checking the key in use, if a check was requested.
    verified: Option<KeyCheck>,
    /// True if the text shows all keys instead of only the newest.
    shows_all: bool,
}

/// The reason why the platform does not accept a key, by its record.
enum Reason {
    /// This machine revoked it, on this day.
    Revoked(String),
    /// It expired this long ago.
    Expired(String),
}

impl Status {
    fn json(&self) -> String {
        let found: Vec<_> = self.found.iter().map(source::json).collect();
        let reason = self.reason().filter(|_| self.verified == Some(KeyCheck::NotAccepted));
        let reason = reason.map(|reason| match reason {
            Reason::Revoked(_) => "revoked",
            Reason::Expired(_) => "expired",
        });
        json::status(&self.keys, &found, self.verified, reason)
    }

    /// Returns the newest record of this key.
    fn known(&self, key: &ApiKey) -> Option<&RecordedKey> {
        self.keys.iter().rev().find(|known| known.record.is_of(key))
    }

    /// Returns the reason why, by its record, the platform would not accept the key in use.
    fn reason(&self) -> Option<Reason> {
        let record = &self.known(self.found.first()?.key.as_ref().ok()?)?.record;
        match (&record.revoked_at, record.expiry()) {
            (Some(at), _) => Some(Reason::Revoked(text::on_day(at))),
            (None, Some(Expiry::Past(ago))) => Some(Reason::Expired(rough_duration(ago))),
            (None, _) => None,
        }
    }

    /// Describes the result of checking the key in use, with the reason.
    fn verdict(&self, verified: KeyCheck) -> String {
        let reason = self.reason().filter(|_| verified == KeyCheck::NotAccepted);
        let reason = reason.map(|reason| match reason {
            Reason::Revoked(at) => format!("was revoked here {at}"),
            Reason::Expired(ago) => format!("expired {ago} ago"),
        });
        reason.map_or_else(
            || key_check(verified),
            |reason| format!("the platform does not accept the key, which {reason}"),
        )
    }

    /// Checks with the platform whether the key in use works.
    async fn verify(&self, context: &Context) -> Result<KeyCheck, CliError> {
        let (browser, timeouts, endpoints) =
            (BrowserArgs::default(), TimeoutArgs::default(), EndpointArgs::default());
        let settings = SignInSettings::resolve(&browser, &timeouts, &endpoints, &context.sources)?;
        verify_key::ask(context, &settings, self.key_in_use()?).await
    }

    fn key_in_use(&self) -> Result<&ApiKey, CliError> {
        let none = |why: String| CliError::new(ErrorKind::NoKey, why).hint("`keymint create` creates one.");
        let found = self.found.first().ok_or_else(|| none("there is no key here to verify".to_owned()))?;
        found.key.as_ref().map_err(|problem| none(format!("{}: {problem}", source::describe(&found.source))))
    }
}

/// Returns whether the key was put into a keyring.
fn is_in_keyring(key: &RecordedKey) -> bool {
    key.record.delivered_to.iter().any(|place| place == Keyring::ID)
}
