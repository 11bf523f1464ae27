//! `keymint status`: which keys this machine was given, and which one a program started here uses.

pub(crate) mod source;
mod text;

use crate::args::{BrowserArgs, EndpointArgs, StatusArgs, TimeoutArgs};
use crate::config::SignInSettings;
use crate::error::{CliError, ErrorKind};
use crate::flow::context::Context;
use crate::flow::verify_key;
use crate::ui::format::key_check;
use crate::ui::json;
use crate::ui::stdout;
use keymint_delivery_adapter::{Keyring, KnownKey, StateDir};
use keymint_domain::{ApiKey, KeyCheck};
use source::{FoundKey, KeySource};

pub(crate) async fn run(args: &StatusArgs, context: &Context) -> Result<(), CliError> {
    // Without a home directory nothing was kept.
    let keys = StateDir::open_default().map_or_else(|_| Ok(Vec::new()), |state| state.known_keys());
    let keys = keys.map_err(|error| {
        CliError::new(ErrorKind::Internal, "what is known of the keys cannot be read").because(error)
    })?;
    let mut found = source::find(context).await?;
    // Who never used the keyring need not know that there is none.
    let may_be_in_keyring = keys.iter().any(is_in_keyring);
    found.retain(|found| {
        may_be_in_keyring || found.key.is_ok() || !matches!(found.source, KeySource::Keyring { .. })
    });
    let mut status = Status { keys, found, verified: None };
    let mut failure = None;
    if args.verify {
        status.verified = status.verify(context).await.map_err(|error| failure = Some(error)).ok();
    }
    let text = if context.ui.wants_json() { status.json() } else { status.text() };
    stdout::show(&text)?;
    if let Some(KeyCheck::NotAccepted) = status.verified {
        let hint = "It may have been deleted. `keymint create` makes a new one.";
        failure = Some(CliError::new(ErrorKind::Server, key_check(KeyCheck::NotAccepted)).hint(hint));
    }
    failure.map_or(Ok(()), Err)
}

/// What is known of the keys of this machine.
struct Status {
    /// The oldest first.
    keys: Vec<KnownKey>,
    /// The keys that a program started here finds. It uses the first.
    found: Vec<FoundKey>,
    /// What the platform says of the key in use, where it was asked and has answered.
    verified: Option<KeyCheck>,
}

impl Status {
    fn json(&self) -> String {
        let found: Vec<_> = self.found.iter().map(FoundKey::json).collect();
        json::status(&self.keys, &found, self.verified)
    }

    /// Asks the platform about the key in use.
    async fn verify(&self, context: &Context) -> Result<KeyCheck, CliError> {
        let (browser, timeouts, endpoints) =
            (BrowserArgs::default(), TimeoutArgs::default(), EndpointArgs::default());
        let settings = SignInSettings::resolve(&browser, &timeouts, &endpoints, &context.sources)?;
        verify_key::ask(context, &settings, self.key_in_use()?).await
    }

    fn key_in_use(&self) -> Result<&ApiKey, CliError> {
        let none = |why: String| CliError::new(ErrorKind::NoKey, why).hint("`keymint create` makes one.");
        let found = self.found.first().ok_or_else(|| none("there is no key here to try".to_owned()))?;
        found.key.as_ref().map_err(|problem| none(format!("{}: {problem}", found.source)))
    }
}

/// Whether the key was put into a keyring.
fn is_in_keyring(key: &KnownKey) -> bool {
    key.record.delivered_to.iter().any(|place| place == Keyring::ID)
}
