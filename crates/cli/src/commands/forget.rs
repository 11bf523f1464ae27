//! `keymint forget`: removes a stored key from the keyring. Deletes the key on the server only if that is requested.

use crate::args::ForgetArgs;
use crate::config::AdminSettings;
use crate::error::{CliError, ErrorKind};
use crate::explain::delivery as explain;
use crate::flow::context::Context;
use crate::flow::revoke_key::{KeyRevocation, RequestedKey};
use crate::flow::stored_key;
use crate::ui::format::{describe_item, describe_key, profile_flag};
use crate::ui::json;
use crate::ui::message::{Message, Warning};
use crate::ui::stdout;
use keymint_delivery_adapter::{FoundItem, KeySource, Keyring, RecordedKey, StateDir, fail_point};
use keymint_domain::{ApiKey, InventoryKey, LastFour};
use keymint_terminal::Signals;

pub(crate) async fn run(args: &ForgetArgs, context: &Context) -> Result<(), CliError> {
    if args.revoke {
        return revoke_and_forget(args, context).await;
    }
    let mut signals = Signals::listen().map_err(CliError::internal)?;
    let finding = signals.cancel_on_signal(find(args, context)).await;
    let found = finding.map_err(|signal| CliError::interrupted(signal, "nothing was removed"))??;
    let Some(found) = found else { return conclude(context, false, None, None) };
    let removed = context.patiently(found.delete()).await;
    if !removed.map_err(|error| explain::keyring(&error))? {
        let message = "the item of the keyring has changed meanwhile: nothing was removed";
        return Err(CliError::new(ErrorKind::NoKey, message).hint("Run it again."));
    }
    conclude(context, true, found.into_key().as_ref(), None)
}

/// Returns the item of the profile after the user has confirmed its removal. `None` if the keyring has no such item.
async fn find(args: &ForgetArgs, context: &Context) -> Result<Option<FoundItem>, CliError> {
    let profile = context.sources.profile.as_str();
    let found = context.patiently(Keyring::inspect(profile)).await;
    let found = found.map_err(|error| explain::keyring(&error))?;
    let Some(item) = describe_item(found.current()) else { return Ok(None) };
    let hint = "--yes removes it without a question.";
    let prompter = context.confirmer(args.yes, args.no_input, "the removal of a key", hint)?;
    if !args.yes {
        let question =
            format!("The keyring has {item} for the profile {profile}. It cannot be shown again. Remove it?");
        if prompter.confirm(question).await != Some(true) {
            return Err(CliError::new(ErrorKind::Declined, "Nothing was removed."));
        }
    }
    Ok(Some(found))
}

/// Deletes the key on the server, and then removes it from the keyring. A retry after a failure needs the stored key
/// to find the key on the server.
async fn revoke_and_forget(args: &ForgetArgs, context: &Context) -> Result<(), CliError> {
    let profile = &context.sources.profile;
    let settings = AdminSettings::resolve(&args.project, &args.endpoint, &context.sources)?;
    let mut signals = Signals::listen().map_err(CliError::internal)?;
    let stored = signals.cancel_on_signal(stored_key::find(context)).await;
    let stored = stored.map_err(|signal| CliError::interrupted(signal, "nothing was revoked"))?;
    let Some(key) = stored? else { return conclude(context, false, None, None) };
    let condition = "this machine has a record of it";
    let prompter = KeyRevocation::prompter(context, args.yes, args.no_input, condition)?;
    let Some(last_four) = LastFour::of(&key) else {
        return Err(CliError::new(ErrorKind::NoKey, "the stored key is too short to be found on the server"));
    };
    let untouched = |error: CliError| error.and_hint("The key is still in the keyring.");
    let preparing = KeyRevocation::prepare(context, &settings, prompter, args.yes, &mut signals);
    let revocation = preparing.await.map_err(untouched)?;
    let listed = &revocation.inventory.keys;
    let choice = revocation.made_here.in_keyring(profile.as_str(), &key, last_four, listed);
    let revoking = revocation.revoke(RequestedKey::Stored(last_four.as_str(), profile), choice, &mut signals);
    let revoked = revoking.await.map_err(untouched)?;
    fail_point::reached("revoked");

    let [title, _] = describe_key(&revoked.key, false);
    let state =
        format!("the key {title} ({}) is revoked on the server, and may be in the keyring", revoked.key.id);
    let hint = format!("`keymint forget{}` removes it there.", profile_flag(profile));
    // If the keyring has another key by now, that key stays.
    let removing = context.patiently(Keyring::delete_key(profile.as_str(), &key));
    let removed = match signals.cancel_on_signal(removing).await {
        Err(signal) => return Err(CliError::interrupted(signal, &state).hint(hint)),
        Ok(Err(error)) => {
            let error = explain::keyring(&error);
            let message = format!("{state}: {}", error.message());
            return Err(CliError::new(error.kind, message).hint(hint));
        }
        Ok(Ok(removed)) => removed,
    };
    conclude(context, removed, Some(&key), Some(revoked))
}

/// Records and reports the result.
fn conclude(
    context: &Context,
    removed: bool,
    key: Option<&ApiKey>,
    revoked: Option<&InventoryKey>,
) -> Result<(), CliError> {
    let profile = context.sources.profile.as_str();
    let last_four = key.map(ApiKey::last_four);
    if removed {
        // A failure to record it does not matter, since the key is removed.
        let keys = StateDir::open_default().and_then(|state| {
            let keys = state.known_keys();
            state.note_removed_from_keyring(profile).and(keys)
        });
        let (keys, source) = (keys.unwrap_or_default(), KeySource::Keyring(context.sources.profile.clone()));
        let known = key.and_then(|key| RecordedKey::in_use_or_newest(&keys, Some((key, &source))));
        let record = known.map(|known| &known.record);
        context.ui.report(&Message::Forgotten { profile, last_four, is_revoked: revoked.is_some(), record });
    } else if revoked.is_some() {
        let text = "the keyring no longer has that key: what it has now stays";
        context.ui.report(&Message::Warning(Warning::Text(text)));
    } else {
        context.ui.report(&Message::NothingToForget { profile });
    }
    if context.ui.wants_json() {
        stdout::show(&json::forgotten(profile, removed, last_four, revoked))?;
    }
    Ok(())
}
