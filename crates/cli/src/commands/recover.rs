//! `keymint recover`: what is kept in the recovery folder, delivered or deleted.

use crate::args::RecoverArgs;
use crate::commands::command;
use crate::config::{RecoverSettings, Sources};
use crate::delivery::Delivery;
use crate::error::{CliError, ErrorKind};
use crate::os::fail_point;
use crate::os::signals::Interrupt;
use crate::record::Entry;
use crate::recovery::{self, Kept};
use crate::ui::format::{DASHBOARD, quoted};
use crate::ui::prompter::Prompter;
use crate::ui::reporter::{Message, Reporter};
use crate::ui::stdout;
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
    let kept = recovery::kept().map_err(|error| {
        CliError::new(ErrorKind::Internal, format!("the recovery folder cannot be read: {error}"))
    })?;
    if !args.delete && args.id.is_none() && !args.destinations.name_a_place() {
        return list(&kept, reporter);
    }
    let path = args.destinations.env_file.as_deref().and_then(OsStr::to_str);
    if args.id.is_none() && kept.iter().any(|kept| Some(kept.id.as_str()) == path) {
        return Err(CliError::new(ErrorKind::Usage, "--env-file has the id of a key for its path")
            .hint("It takes what follows it for the path of the file: give the id before it."));
    }
    let kept = one(kept, args.id.as_deref())?;
    if args.delete { delete(&kept, reporter) } else { deliver(kept, &settings, reporter).await }
}

/// Shows what is there, on standard output: never a key.
fn list(kept: &[Kept], reporter: &Reporter) -> Result<(), CliError> {
    if reporter.wants_json() {
        let keys: Vec<_> = kept
            .iter()
            .map(|Kept { id, path, entry }| {
                let Entry { name, time, organization, project, last4, .. } = entry;
                json!({
                    "id": id, "path": path, "name": name, "time": time, "last4": last4,
                    "organization": organization, "project": project,
                })
            })
            .collect();
        stdout::show(&stdout::to_json(&json!({ "schema": "keymint.recovery/1", "keys": keys })))?;
    } else if !kept.is_empty() {
        stdout::show(&kept.iter().map(line).collect::<Vec<_>>().join("\n"))?;
    }
    reporter.report(&Message::Recovery { keys: kept.len() });
    Ok(())
}

fn line(kept: &Kept) -> String {
    let Entry { name, last4, .. } = &kept.entry;
    let ending = last4.as_ref().map_or_else(String::new, |last4| format!(", ending in {last4}"));
    format!("{}  {}{ending}", kept.id, quoted(name))
}

/// The key that is meant: the one with this id, or the only one.
fn one(mut kept: Vec<Kept>, id: Option<&str>) -> Result<Kept, CliError> {
    if let Some(id) = id {
        kept.retain(|kept| kept.id == id);
    }
    match (kept.pop(), kept.len()) {
        (Some(only), 0) => Ok(only),
        (Some(_), _) => {
            Err(CliError::new(ErrorKind::Usage, "the recovery folder has several keys: say which by its id")
                .hint("`keymint recover` lists them."))
        }
        (None, _) => Err(CliError::new(ErrorKind::Usage, "the recovery folder has no such key")
            .hint("`keymint recover` lists what there is.")),
    }
}

async fn deliver(kept: Kept, settings: &RecoverSettings, reporter: &Reporter) -> Result<(), CliError> {
    let key = kept.read().map_err(|error| {
        CliError::new(ErrorKind::Internal, format!("{} cannot be read: {error}", kept.path.display()))
    })?;
    let mut interrupt = Interrupt::listen().map_err(|error| CliError::internal(&error))?;
    let prompter = Prompter::new(reporter, settings.may_ask);
    let mut delivery =
        interrupt.cancel_on_signal(Delivery::check(&settings.destinations, false, prompter)).await?;
    fail_point::reached("prepared");
    let delivered = delivery.deliver(&key, &kept.entry, reporter, &mut interrupt).await;
    fail_point::reached("delivered");
    let is_done = delivered.failed.is_empty() && delivered.is_kept;
    let removed = if is_done { kept.remove() } else { Ok(()) };
    fail_point::reached("removed");
    kept.note(&delivered.to, settings.destinations.profile(), is_done && removed.is_ok());
    fail_point::reached("recovery-noted");
    if !delivered.failed.is_empty() {
        let message =
            format!("{}; it is still kept in {}", delivered.failed.join(", and "), kept.path.display());
        let mut failure = CliError::new(ErrorKind::DeliveryFailed, message).hint("Try another destination.");
        failure.has_printed = delivered.has_printed;
        return Err(failure);
    }
    if let Err(error) = removed {
        let path = kept.path.display();
        reporter.report(&Message::Warning(&format!(
            "{path} could not be deleted, and still has the key: {error}"
        )));
    }
    Ok(())
}

fn delete(kept: &Kept, reporter: &Reporter) -> Result<(), CliError> {
    kept.remove().map_err(|error| {
        CliError::new(ErrorKind::Internal, format!("{} could not be deleted: {error}", kept.path.display()))
    })?;
    kept.note(&[], None, true);
    let name = quoted(&kept.entry.name);
    reporter.report(&Message::Deleted {
        text: &format!("Deleted here. The key {name} stays valid until you delete it at {DASHBOARD}"),
    });
    Ok(())
}
