//! `keymint recover`: what is kept in the recovery folder, delivered or deleted.

use crate::args::RecoverArgs;
use crate::commands::command;
use crate::config::{RecoverSettings, Sources};
use crate::error::{CliError, ErrorKind};
use crate::explain::delivery as explain;
use crate::flow::delivery::Delivery;
use crate::os::signals::Interrupt;
use crate::ui::format::{DASHBOARD, quoted};
use crate::ui::message::Message;
use crate::ui::prompter::Prompter;
use crate::ui::reporter::Reporter;
use crate::ui::stdout;
use keymint_delivery_adapter::{KeyRecord, StateDir, StoredKey, fail_point};
use keymint_domain::DeliveryReport;
use serde_json::json;
use std::ffi::OsStr;
use std::process::ExitCode;

pub(crate) async fn run(args: RecoverArgs) -> ExitCode {
    command::run(&args.destinations.profile, args.output, async |options, reporter| {
        execute(&args, options, reporter).await
    })
    .await
}

async fn execute(args: &RecoverArgs, options: &Sources<'_>, reporter: &Reporter) -> Result<(), CliError> {
    let settings = RecoverSettings::resolve(args, options)?;
    let unreadable =
        |error| CliError::new(ErrorKind::Internal, "the recovery folder cannot be read").because(error);
    let state = StateDir::open_default().map_err(unreadable)?;
    let stored = state.stored_keys().map_err(unreadable)?;
    if !args.delete && args.id.is_none() && !args.destinations.name_a_place() {
        return list(&stored, reporter);
    }
    let path = args.destinations.env_file.as_deref().and_then(OsStr::to_str);
    if args.id.is_none() && stored.iter().any(|stored| Some(stored.id.as_str()) == path) {
        return Err(CliError::new(ErrorKind::Usage, "--env-file has the id of a key for its path")
            .hint("It takes what follows it for the path of the file: give the id before it."));
    }
    let stored = select(stored, args.id.as_deref())?;
    if args.delete {
        delete(&state, &stored, reporter)
    } else {
        deliver(&state, &stored, &settings, reporter).await
    }
}

/// Shows what is there, on standard output: never a key.
fn list(stored: &[StoredKey], reporter: &Reporter) -> Result<(), CliError> {
    if reporter.wants_json() {
        let keys: Vec<_> = stored
            .iter()
            .map(|StoredKey { id, path, record }| {
                let KeyRecord { name, time, organization, project, last4, .. } = record;
                json!({
                    "id": id, "path": path, "name": name, "time": time, "last4": last4,
                    "organization": organization, "project": project,
                })
            })
            .collect();
        stdout::show(&stdout::to_json(&json!({ "schema": "keymint.recovery/1", "keys": keys })))?;
    } else if !stored.is_empty() {
        stdout::show(&stored.iter().map(line).collect::<Vec<_>>().join("\n"))?;
    }
    reporter.report(&Message::Recovery { keys: stored.len() });
    Ok(())
}

fn line(stored: &StoredKey) -> String {
    let KeyRecord { name, last4, .. } = &stored.record;
    let ending = last4.as_ref().map_or_else(String::new, |last4| format!(", ending in {last4}"));
    format!("{}  {}{ending}", stored.id, quoted(name))
}

/// Selects the key with this id, or the only one.
fn select(mut stored: Vec<StoredKey>, id: Option<&str>) -> Result<StoredKey, CliError> {
    if let Some(id) = id {
        stored.retain(|stored| stored.id == id);
    }
    match (stored.pop(), stored.len()) {
        (Some(only), 0) => Ok(only),
        (Some(_), _) => {
            Err(CliError::new(ErrorKind::Usage, "the recovery folder has several keys: say which by its id")
                .hint("`keymint recover` lists them."))
        }
        (None, _) => Err(CliError::new(ErrorKind::Usage, "the recovery folder has no such key")
            .hint("`keymint recover` lists what there is.")),
    }
}

async fn deliver(
    state: &StateDir,
    stored: &StoredKey,
    settings: &RecoverSettings,
    reporter: &Reporter,
) -> Result<(), CliError> {
    let key = stored.read().map_err(|error| {
        CliError::new(ErrorKind::Internal, format!("{} cannot be read", stored.path.display())).because(error)
    })?;
    let mut interrupt = Interrupt::listen().map_err(CliError::internal)?;
    let prompter = Prompter::new(reporter, settings.may_ask);
    let mut delivery =
        interrupt.cancel_on_signal(Delivery::check(&settings.destinations, false, prompter)).await?;
    fail_point::reached("prepared");
    let report = delivery.deliver(&key, &stored.record, reporter, &mut interrupt).await;
    fail_point::reached("delivered");
    let is_done = !report.must_be_kept();
    let removed = if is_done { stored.remove() } else { Ok(()) };
    fail_point::reached("removed");
    let profile = settings.destinations.profile();
    stored.note(state, &report, profile, is_done && removed.is_ok());
    fail_point::reached("recovery-noted");
    if !report.failures().is_empty() {
        let failures = explain::failures(&report);
        let message = format!("{failures}; it is still kept in {}", stored.path.display());
        let error = CliError::new(ErrorKind::DeliveryFailed { is_kept: true }, message);
        return Err(error.hint("Try another destination."));
    }
    if let Err(error) = removed {
        let path = stored.path.display();
        reporter.report(&Message::Warning(&format!(
            "{path} could not be deleted, and still has the key: {error}"
        )));
    }
    Ok(())
}

fn delete(state: &StateDir, stored: &StoredKey, reporter: &Reporter) -> Result<(), CliError> {
    stored.remove().map_err(|error| {
        CliError::new(ErrorKind::Internal, format!("{} could not be deleted", stored.path.display()))
            .because(error)
    })?;
    stored.note(state, &DeliveryReport::default(), None, true);
    let name = quoted(&stored.record.name);
    reporter.report(&Message::Deleted {
        text: &format!("Deleted here. The key {name} stays valid until you delete it at {DASHBOARD}"),
    });
    Ok(())
}
