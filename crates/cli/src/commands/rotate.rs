//! `keymint rotate`: creates a new key in the project of an old one, delivers it to the same destinations, and then
//! revokes the old key.

use crate::args::RotateArgs;
use crate::commands::status::known_keys;
use crate::commands::status::source;
use crate::config::CreateSettings;
use crate::error::{CliError, ErrorKind};
use crate::explain::host::{INSTEAD_OF_CREATE, check_ci};
use crate::explain::rotation::would_print;
use crate::flow::context::Context;
use crate::flow::rotation::rotate;
use crate::ui::format::{key_of, own_path};
use crate::ui::stdout::STDOUT;
use keymint_delivery_adapter::RecordedKey;
use keymint_domain::text::escape;
use keymint_terminal::Signals;

pub(crate) async fn run(args: &RotateArgs, context: &Context) -> Result<(), CliError> {
    let mut settings = CreateSettings::of_rotate(args, &context.sources)?;
    check_ci(&settings.sign_in.ci, &INSTEAD_OF_CREATE)?;
    let admin = settings.admin(&context.sources)?;
    let mut signals = Signals::listen().map_err(CliError::internal)?;
    let mut old = signals.cancel_on_signal(select(args, &settings, context)).await??;
    if old.record.service_account.is_some() {
        let message = format!("the key {} belongs to a service account", key_of(&old.record));
        return Err(CliError::new(ErrorKind::NoKey, message).hint(
            "`keymint admin service-account` creates an account with a new key. The project's settings delete the old \
             account with its key.",
        ));
    }
    if old.record.project.is_unknown() {
        let message = format!("the project of the key {} is not known here", key_of(&old.record));
        return Err(CliError::new(ErrorKind::NoKey, message).hint(
            "KEY names another key. `keymint create --force` puts a new key in the place of this one.",
        ));
    }
    signals.cancel_on_signal(context.patiently(old.inspect_keyring())).await?;
    let prompter = context.prompter(settings.sign_in.may_ask);
    for path in settings.replace(&old.record, &args.destinations, &context.sources)? {
        prompter.warn(&format!("{} no longer exists, and does not get the new key", own_path(&path)));
    }
    if !settings.dry_run {
        settings.destinations.check_transcript("rotate", &context.sources)?;
        let was_printed = old.record.deliveries.iter().any(|delivery| delivery.to == STDOUT);
        if !(was_printed || settings.destinations.print || settings.destinations.elsewhere()) {
            return Err(would_print(&old.record));
        }
    }
    rotate(context, settings, &old, admin.as_ref(), signals).await
}

/// Selects the key that the user names, or else the one in use here, or else the newest one.
async fn select(
    args: &RotateArgs,
    settings: &CreateSettings,
    context: &Context,
) -> Result<RecordedKey, CliError> {
    let mut keys = known_keys()?;
    keys.retain(|key| key.record.api_base == settings.sign_in.endpoints.api_base.as_str());
    let unknown = |message: &str| {
        let hint = "`keymint status` lists the keys of this machine. `keymint create` creates one.";
        CliError::new(ErrorKind::NoKey, message).hint(hint)
    };
    let Some(text) = &args.key else {
        let found = source::find(context).await?;
        let in_use = found.first().and_then(|found| Some((found.key.as_ref().ok()?, &found.source)));
        let key = RecordedKey::in_use_or_newest(&keys, in_use);
        return key.cloned().ok_or_else(|| match in_use {
            None => unknown("this machine has no record of a key that can be rotated"),
            Some((key, _)) => {
                let is_known = keys.iter().any(|known| known.record.is_of(key));
                let why = if is_known { "is revoked or replaced" } else { "keymint did not put there" };
                let last_four = escape(key.last_four());
                let message = format!("programs started here use a key ending in {last_four}, which {why}");
                CliError::new(ErrorKind::NoKey, message)
                    .hint("`keymint rotate KEY` replaces another one. `keymint status` lists those of this machine.")
            }
        });
    };
    let named = RecordedKey::named(&keys, text);
    let lines: Vec<_> = named.iter().map(|key| line(key)).collect();
    let chosen = match named.len() {
        0 => {
            return Err(unknown(
                "no key with this id, name or last four characters can be replaced: this machine has no record of \
                 it, or has revoked it",
            ));
        }
        1 => Some(0),
        _ => {
            let prompter = context.prompter(settings.sign_in.may_ask);
            prompter.select("Which key should be replaced?", "Key", &lines, None).await
        }
    };
    chosen.map(|chosen| named[chosen].clone()).ok_or_else(|| {
        CliError::new(ErrorKind::NoKey, "several keys have this name or these last four characters")
            .hint(format!("Name one by its id: {}.", lines.join("; ")))
    })
}

/// Describes a key for a choice, with its id on the server or else the id of its run.
fn line(RecordedKey { id, record }: &RecordedKey) -> String {
    let id = record.key_id.as_ref().unwrap_or(id);
    format!("{} ({}, of {})", escape(id), key_of(record), escape(&record.time))
}
