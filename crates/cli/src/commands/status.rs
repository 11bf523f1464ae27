//! `keymint status`: which keys this machine was given, and which one a program started here uses.

mod key;
mod source;
mod text;

use crate::args::{BrowserArgs, EndpointArgs, StatusArgs, TimeoutArgs};
use crate::config::SignInSettings;
use crate::error::{CliError, ErrorKind};
use crate::flow::context::Context;
use crate::flow::verify_key;
use crate::ui::stdout;
use key::Key;
use keymint_domain::{ApiKey, KeyCheck};
use serde::Serialize;
use source::{FoundKey, KeySource};

pub(crate) async fn run(args: &StatusArgs, context: &Context) -> Result<(), CliError> {
    let keys = key::known().map_err(|error| {
        CliError::new(ErrorKind::Internal, "what is known of the keys cannot be read").because(error)
    })?;
    let mut found = source::find(&context.sources, context.prompter(false)).await?;
    // Who never used the keyring need not know that there is none.
    let may_be_in_keyring = keys.iter().any(Key::is_in_keyring);
    found.retain(|found| {
        may_be_in_keyring || found.key.is_ok() || !matches!(found.source, KeySource::Keyring { .. })
    });
    let mut found = found.into_iter();
    let in_use = found.next();
    let mut status = Status { in_use, shadowed: found.collect(), ..Status::of(keys) };
    let mut failure = None;
    if args.verify {
        match status.verify(context).await {
            Ok(check) => status.verified = Some(Verified::from(check)),
            Err(trouble) => failure = Some(trouble),
        }
    }
    let text = if context.ui.wants_json() { stdout::to_json(&status) } else { status.text() };
    stdout::show(&text)?;
    if let Some(Verified::NotAccepted) = status.verified {
        let hint = "It may have been deleted. `keymint create` makes a new one.";
        failure = Some(CliError::new(ErrorKind::Server, verify_key::words(KeyCheck::NotAccepted)).hint(hint));
    }
    failure.map_or(Ok(()), Err)
}

/// What `--json` prints.
#[derive(Serialize)]
struct Status {
    schema: &'static str,
    /// The oldest first.
    keys: Vec<Key>,
    /// The key of a program that is started here.
    in_use: Option<FoundKey>,
    /// Those that it would use if the ones before were not there.
    shadowed: Vec<FoundKey>,
    /// What the platform says of the key in use, where it was asked and has answered.
    verified: Option<Verified>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verified {
    Works,
    NoCredit,
    NotAccepted,
}

impl From<KeyCheck> for Verified {
    fn from(check: KeyCheck) -> Self {
        match check {
            KeyCheck::Works => Self::Works,
            KeyCheck::NoCredit => Self::NoCredit,
            _ => Self::NotAccepted,
        }
    }
}

impl Status {
    fn of(keys: Vec<Key>) -> Self {
        Self { schema: "keymint.status/1", keys, in_use: None, shadowed: Vec::new(), verified: None }
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
        let found = self.in_use.as_ref().ok_or_else(|| none("there is no key here to try".to_owned()))?;
        found.key.as_ref().map_err(|problem| none(format!("{}: {problem}", found.source)))
    }
}
