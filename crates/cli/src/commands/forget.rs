//! `keymint forget`: removes a stored key from the keyring, and deletes it on the server only if that is requested.

use crate::args::ForgetArgs;
use crate::config::AdminSettings;
use crate::error::{CliError, ErrorKind};
use crate::explain::delivery as explain;
use crate::flow::context::Context;
use crate::flow::revoke_key::KeyRevocation;
use crate::flow::stored_key;
use crate::ui::json;
use crate::ui::message::{Message, Warning};
use crate::ui::stdout;
use keymint_delivery_adapter::{Keyring, StateDir};
use keymint_domain::{ApiKey, InventoryKey, LastFour};
use keymint_terminal::Signals;

pub(crate) async fn run(args: &ForgetArgs, context: &Context) -> Result<(), CliError> {
    if args.revoke {
        return revoke_and_forget(args, context).await;
    }
    let profile = context.sources.profile.as_str();
    let forget = async {
        // What is no key has no last four characters, and is removed all the same.
        let key = Keyring::get(profile).await.unwrap_or_default();
        let removed = Keyring::delete(profile).await?;
        Ok((removed, key))
    };
    let (removed, key) = context.patiently(forget).await.map_err(|error| explain::keyring(&error))?;
    conclude(context, removed, key.as_ref(), None)
}

/// Deletes the key on the server before the keyring loses it, since it may be needed to find the key again.
async fn revoke_and_forget(args: &ForgetArgs, context: &Context) -> Result<(), CliError> {
    let profile = context.sources.profile.as_str();
    let settings = AdminSettings::resolve(&args.project, &args.endpoint, &context.sources)?;
    let condition = "this machine has a record of it";
    let prompter = KeyRevocation::prompter(context, args.yes, args.no_input, condition)?;
    let mut signals = Signals::listen().map_err(CliError::internal)?;
    let Some(key) = signals.cancel_on_signal(stored_key::find(context)).await?? else {
        return conclude(context, false, None, None);
    };
    let Some(last_four) = LastFour::of(&key) else {
        return Err(CliError::new(ErrorKind::NoKey, "the stored key is too short to be found on the server"));
    };
    let untouched = |error: CliError| error.and_hint("The key is still in the keyring.");
    let preparing = KeyRevocation::prepare(context, &settings, prompter, args.yes, &mut signals);
    let revocation = preparing.await.map_err(untouched)?;
    let listed = &revocation.inventory.keys;
    let choice = revocation.made_here.in_keyring(profile, last_four, listed);
    let revoking = revocation.revoke(key.last_four(), choice, &mut signals);
    let revoked = revoking.await.map_err(untouched)?;
    let removing = async {
        // It may have got another key meanwhile.
        let now = stored_key::find(context).await?;
        if now.is_some_and(|now| now.last_four() != key.last_four()) {
            context
                .ui
                .report(&Message::Warning(Warning::Text("the keyring has another key now, which stays")));
            return Ok(false);
        }
        context.patiently(Keyring::delete(profile)).await.map_err(|error| explain::keyring(&error))
    };
    let removed = signals.cancel_on_signal(removing).await??;
    conclude(context, removed, Some(&key), Some(revoked))
}

/// Notes and reports what was done.
fn conclude(
    context: &Context,
    removed: bool,
    key: Option<&ApiKey>,
    revoked: Option<&InventoryKey>,
) -> Result<(), CliError> {
    let profile = context.sources.profile.as_str();
    let last_four = key.map(ApiKey::last_four);
    if removed {
        // The key is gone, with or without the note.
        let _ = StateDir::open_default().and_then(|state| state.note_removed_from_keyring(profile));
        let is_revoked = revoked.is_some();
        context.ui.report(&Message::Forgotten { profile, last_four, is_revoked });
    } else if revoked.is_none() {
        context.ui.report(&Message::NothingToForget { profile });
    }
    if context.ui.wants_json() {
        stdout::show(&json::forgotten(profile, removed, last_four, revoked))?;
    }
    Ok(())
}
