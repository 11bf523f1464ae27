//! The keyring of this system, as a place for the key.

use super::Destination;
use crate::config::KeyringOptions;
use crate::error::{CliError, ErrorKind};
use crate::keyring::{self, Item, unusable};
use crate::ui::format::profile_flag;
use crate::ui::prompter::Prompter;
use async_trait::async_trait;
use keymint_domain::ApiKey;
use std::io;

/// Its name among the destinations.
pub(crate) const NAME: &str = "keyring";

/// An item of a keyring that keeps what it is given.
pub(crate) struct Keyring {
    item: Item,
    may_replace: MayReplace,
}

/// Which values of the item may be lost.
enum MayReplace {
    Any,
    /// The one that was there at the check.
    Seen(There),
}

/// What a keyring has for a profile.
enum There {
    Nothing,
    Key(ApiKey),
    NoKey,
}

impl Keyring {
    pub(crate) async fn check(wanted: &KeyringOptions, prompter: Prompter<'_>) -> Result<Self, CliError> {
        let item = Item::of(&wanted.profile);
        let there = keyring::patiently(prompter, There::look(&item)).await.map_err(unusable)?;
        let may_replace = if wanted.new {
            MayReplace::Any
        } else {
            if let Some(there) = there.described() {
                let what_is_there = format!("the keyring has {there} for the profile {}", wanted.profile);
                may_be_replaced(&what_is_there, prompter).await?;
            }
            MayReplace::Seen(there)
        };
        keyring::patiently(prompter, keyring::check()).await.map_err(unusable)?;
        Ok(Self { item, may_replace })
    }
}

impl There {
    async fn look(item: &Item) -> io::Result<Self> {
        match item.get().await {
            Ok(None) => Ok(Self::Nothing),
            Ok(Some(key)) => Ok(Self::Key(key)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Self::NoKey),
            Err(error) => Err(error),
        }
    }

    fn described(&self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Key(key) => Some(format!("a key that ends in {}", key.last_four())),
            Self::NoKey => Some("something that is no key".to_owned()),
        }
    }
}

impl MayReplace {
    fn allows(&self, now: &There) -> bool {
        match (self, now) {
            (Self::Any, _) | (_, There::Nothing) | (Self::Seen(There::NoKey), There::NoKey) => true,
            (Self::Seen(There::Key(seen)), There::Key(now)) => keyring::is_same(seen, now),
            _ => false,
        }
    }
}

/// A key that is still good is not replaced, and its successor not created, by accident.
async fn may_be_replaced(what_is_there: &str, prompter: Prompter<'_>) -> Result<(), CliError> {
    let question = format!("Careful: {what_is_there}. Create a new key in its place?");
    let message = match prompter.confirm(question).await {
        Some(true) => return Ok(()),
        Some(false) => format!("{what_is_there}, and you want it to stay"),
        None => what_is_there.to_owned(),
    };
    Err(CliError::new(ErrorKind::DestinationUnusable, message).hint(
        "`keymint run` uses what is there. --new replaces it, and --profile puts the new key beside it.",
    ))
}

#[async_trait]
impl Destination for Keyring {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    async fn deliver(&mut self, key: &ApiKey) -> io::Result<()> {
        if !self.may_replace.allows(&There::look(&self.item).await?) {
            return Err(io::Error::other("it has another key now than before the sign-in"));
        }
        self.item.set(key).await
    }

    fn what_now(&self) -> String {
        let flag = profile_flag(self.item.profile());
        format!("It is in the keyring: `keymint run{flag} -- CMD` runs a command that has it.")
    }
}
