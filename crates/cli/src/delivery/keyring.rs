//! The keyring of this system, as a place for the key.

use super::Destination;
use crate::failure::{Failure, Kind};
use crate::keyring::{self, Item, unusable};
use crate::person::Person;
use crate::settings::KeyringWanted;
use crate::words::profile_flag;
use async_trait::async_trait;
use keymint_domain::ApiKey;
use std::io;

/// Its name among the destinations.
pub(crate) const NAME: &str = "keyring";

/// An item of a keyring that keeps what it is given.
pub(crate) struct Keyring {
    item: Item,
}

impl Keyring {
    pub(crate) async fn check(wanted: &KeyringWanted, person: Person<'_>) -> Result<Self, Failure> {
        let item = Item::of(&wanted.profile);
        let there = match keyring::patiently(person, item.get()).await {
            Ok(None) => None,
            Ok(Some(key)) => Some(format!("a key that ends in {}", key.last_four())),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Some("something that is no key".to_owned())
            }
            Err(error) => return Err(unusable(error)),
        };
        if let (Some(there), false) = (there, wanted.new) {
            may_be_replaced(&format!("the keyring has {there} for the profile {}", wanted.profile), person)
                .await?;
        }
        keyring::patiently(person, keyring::check()).await.map_err(unusable)?;
        Ok(Self { item })
    }
}

/// A key that is still good is not replaced, and its successor not created, by accident.
async fn may_be_replaced(what_is_there: &str, person: Person<'_>) -> Result<(), Failure> {
    let question = format!("Careful: {what_is_there}. Create a new key in its place?");
    let message = match person.agrees(question).await {
        Some(true) => return Ok(()),
        Some(false) => format!("{what_is_there}, and you want it to stay"),
        None => what_is_there.to_owned(),
    };
    Err(Failure::new(Kind::DestinationUnusable, message).hint(
        "`keymint run` uses what is there. --new replaces it, and --profile puts the new key beside it.",
    ))
}

#[async_trait]
impl Destination for Keyring {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    async fn deliver(&mut self, key: &ApiKey) -> io::Result<()> {
        self.item.set(key).await
    }

    fn what_now(&self) -> String {
        let flag = profile_flag(self.item.profile());
        format!("It is in the keyring: `keymint run{flag} -- CMD` runs a command that has it.")
    }
}
