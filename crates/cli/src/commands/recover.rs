//! `keymint recover`: lists, delivers or deletes the keys that are stored for recovery.

use crate::args::RecoverArgs;
use crate::config::Destinations;
use crate::error::{CliError, ErrorKind};
use crate::explain::delivery as explain;
use crate::flow::context::Context;
use crate::flow::delivery::Delivery;
use crate::ui::format::{key_of, own_path};
use crate::ui::json;
use crate::ui::message::{Message, Warning};
use crate::ui::prompter::Prompter;
use crate::ui::reporter::Reporter;
use crate::ui::stdout;
use keymint_delivery_adapter::{StateDir, StoredKey, fail_point};
use keymint_domain::text::escape;
use keymint_domain::{ApiKey, DeliveryReport};
use keymint_terminal::Signals;
use std::ffi::OsStr;

pub(crate) async fn run(args: &RecoverArgs, context: &Context) -> Result<(), CliError> {
    let destinations = Destinations::resolve(&args.destinations, &context.sources)?;
    let may_ask = context.sources.may_ask(args.no_input)?;
    let unreadable =
        |error| CliError::new(ErrorKind::Internal, "the recovery directory cannot be read").because(error);
    let state = StateDir::open_default().map_err(unreadable)?;
    let stored = state.stored_keys().map_err(unreadable)?;
    if !args.delete && args.id.is_none() && !args.destinations.name_a_place() {
        return list(&stored, &context.ui);
    }
    let path = args.destinations.env_file.as_deref().and_then(OsStr::to_str);
    if args.id.is_none() && stored.iter().any(|stored| Some(stored.id.as_str()) == path) {
        return Err(CliError::new(ErrorKind::Usage, "--env-file got the id of a key as its path")
            .hint("--env-file takes the next argument as its path: give the id before it."));
    }
    if args.delete {
        let stored = select(stored, args.id.as_deref())?;
        let hint = "--yes deletes it without a question.";
        let prompter = context.confirmer(args.yes, args.no_input, "the deletion of a key", hint)?;
        if !args.yes {
            confirm(&stored, prompter).await?;
        }
        return delete(&state, &stored, &context.ui);
    }
    let stored = select(stored, args.id.as_deref())?;
    destinations.check_transcript(&format!("recover {}", escape(&stored.id)), &context.sources)?;
    let key = stored.read().map_err(|error| {
        CliError::new(ErrorKind::Internal, format!("{} cannot be read", own_path(&stored.path)))
            .because(error)
    })?;
    let mut signals = Signals::listen().map_err(CliError::internal)?;
    let mut delivery =
        signals.cancel_on_signal(Delivery::reserve(context, &destinations, may_ask, false)).await??;
    fail_point::reached("prepared");
    let report = delivery.deliver(&key, &stored.record, None, &mut signals).await;
    fail_point::reached("delivered");
    conclude(&state, &stored, &key, &report, &context.ui)
}

/// Lists the stored keys on standard output, without the keys themselves.
fn list(stored: &[StoredKey], ui: &Reporter) -> Result<(), CliError> {
    if ui.wants_json() {
        stdout::show_to_reader(&json::recovery(stored))?;
    } else if !stored.is_empty() {
        stdout::show_to_reader(&stored.iter().map(line).collect::<Vec<_>>().join("\n"))?;
    }
    ui.report(&Message::Recovery { keys: stored.len() });
    Ok(())
}

fn line(stored: &StoredKey) -> String {
    format!("{}  {}", escape(&stored.id), key_of(&stored.record))
}

/// Selects the key with this id, or the only key if there is no id.
fn select(mut stored: Vec<StoredKey>, id: Option<&str>) -> Result<StoredKey, CliError> {
    if stored.is_empty() {
        return Err(CliError::new(ErrorKind::Usage, "the recovery directory has no key")
            .hint("A key is kept there only if its destination failed."));
    }
    if let Some(id) = id {
        stored.retain(|stored| stored.id == id);
    }
    match (stored.pop(), stored.len()) {
        (Some(only), 0) => Ok(only),
        (Some(_), _) => Err(CliError::new(
            ErrorKind::Usage,
            "the recovery directory has several keys: name one by its id",
        )
        .hint("`keymint recover` lists them with their ids.")),
        (None, _) => Err(CliError::new(ErrorKind::Usage, "the recovery directory has no such key")
            .hint("`keymint recover` lists the keys.")),
    }
}

/// Deletes the file if the key was delivered, and keeps it otherwise.
fn conclude(
    state: &StateDir,
    stored: &StoredKey,
    key: &ApiKey,
    report: &DeliveryReport,
    ui: &Reporter,
) -> Result<(), CliError> {
    let is_done = !report.must_be_kept();
    let removed = if is_done { stored.remove() } else { Ok(()) };
    fail_point::reached("removed");
    stored.note_delivered(state, key, report);
    if is_done && removed.is_ok() {
        stored.note_removed(state);
    }
    fail_point::reached("recovery-noted");
    if !report.failures().is_empty() {
        let failures = explain::failures(report);
        let message = format!("{failures}; it is still kept in {}", own_path(&stored.path));
        let error = CliError::new(
            ErrorKind::DeliveryFailed { is_lost: false, is_delivered: !report.delivered_to().is_empty() },
            message,
        );
        return Err(error.hint("Try another destination."));
    }
    if let Err(error) = removed {
        ui.report(&Message::Warning(Warning::NotDeleted { path: &stored.path, error: &error }));
    }
    Ok(())
}

/// Asks the user to confirm the deletion.
async fn confirm(stored: &StoredKey, prompter: Prompter<'_>) -> Result<(), CliError> {
    let (key, path) = (key_of(&stored.record), own_path(&stored.path));
    let question = format!("{path} has the key {key}. It cannot be shown again. Delete the file?");
    let mut signals = Signals::listen().map_err(CliError::internal)?;
    let answer = signals.cancel_on_signal(prompter.confirm(question)).await;
    match answer.map_err(|signal| CliError::interrupted(signal, "nothing was deleted"))? {
        Some(true) => Ok(()),
        _ => Err(CliError::new(ErrorKind::Declined, "Nothing was deleted.")),
    }
}

fn delete(state: &StateDir, stored: &StoredKey, ui: &Reporter) -> Result<(), CliError> {
    stored.remove().map_err(|error| {
        CliError::new(ErrorKind::Internal, format!("{} could not be deleted", own_path(&stored.path)))
            .because(error)
    })?;
    stored.note_removed(state);
    ui.report(&Message::Deleted(&stored.record));
    if ui.wants_json() {
        stdout::show(&json::deleted(stored))?;
    }
    Ok(())
}
