//! `keymint forget`: removes a stored key from the keyring. On the server it stays.

use crate::error::CliError;
use crate::explain::delivery as explain;
use crate::flow::context::Context;
use crate::ui::json;
use crate::ui::message::Message;
use crate::ui::stdout;
use keymint_delivery_adapter::{Keyring, StateDir};

pub(crate) async fn run(context: &Context) -> Result<(), CliError> {
    let profile = context.sources.profile.as_str();
    let forget = async {
        // What is no key has no last four characters, and is removed all the same.
        let key = Keyring::get(profile).await.unwrap_or_default();
        let removed = Keyring::delete(profile).await?;
        Ok((removed, key))
    };
    let (removed, key) = context.patiently(forget).await.map_err(|error| explain::keyring(&error))?;
    if removed {
        // The key is gone, with or without the note.
        let _ = StateDir::open_default().and_then(|state| state.note_removed_from_keyring(profile));
    }
    let last_four = key.as_ref().map(|key| key.last_four());
    context.ui.report(&if removed {
        Message::Forgotten { profile, last_four }
    } else {
        Message::NothingToForget { profile }
    });
    if context.ui.wants_json() {
        stdout::show(&json::forgotten(profile, removed, last_four))?;
    }
    Ok(())
}
