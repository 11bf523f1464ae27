//! `keymint run`: runs a command with the stored key in its environment only.

use crate::args::RunArgs;
use crate::config::CreateSettings;
use crate::error::{CliError, ErrorKind};
use crate::flow::context::Context;
use crate::flow::create::create;
use crate::flow::stored_key;
use crate::ui::format::quoted;
use crate::ui::message::Message;
use keymint_delivery_adapter::run_command;
use keymint_domain::ApiKey;
use keymint_host::{WhichError, ci_system, core_dumps, search, which};
use keymint_terminal::stderr;
use std::convert::Infallible;
use std::io;
use std::process::Command;

/// The exit code that shells report for a missing command.
const NOT_FOUND: ErrorKind = ErrorKind::NotStarted(127);

/// The exit code that shells report for a command that they cannot start.
const NOT_EXECUTABLE: ErrorKind = ErrorKind::NotStarted(126);

pub(crate) async fn run(args: RunArgs, context: &Context) -> Result<(), CliError> {
    // Standard output belongs to the command, unless it cannot be started.
    let context = &context.without_json();
    let outcome = execute(args, context).await;
    context.ui.clear_progress();
    outcome.map(|never| match never {})
}

async fn execute(args: RunArgs, context: &Context) -> Result<Infallible, CliError> {
    let see_help = |failure: CliError| failure.hint("See `keymint run --help`.");
    let variable = context.sources.key_variable(&args.var).map_err(see_help)?;
    let may_ask = context.sources.may_ask(args.no_input).map_err(see_help)?;
    let mask = context.sources.switch("mask", args.mask).map_err(see_help)?;
    let key = stored_key(context, may_ask, mask).await?;

    let mut words = args.command.into_iter();
    let program = words.next().expect("the command line asks for one word at least");
    context.ui.clear_progress();
    stderr::flush();
    let started = search(&program).and_then(|path| {
        let mut command = Command::new(path);
        command.args(words).env(variable.as_str(), key.expose());
        let masked = mask.then_some(&key);
        run_command(command, &program, masked, |start| core_dumps::with_inherited_limit(start))
    });
    started.map_err(|error| not_started(&program.to_string_lossy(), error))
}

fn not_started(program: &str, error: io::Error) -> CliError {
    let (found, program) = (which(program), quoted(program));
    // The system reports a missing interpreter or terminal as a missing program.
    match (error.kind(), found) {
        (io::ErrorKind::NotFound, Err(problem @ WhichError::NotStartable(_))) => {
            CliError::new(NOT_EXECUTABLE, format!("the program {program} {problem}"))
        }
        (io::ErrorKind::NotFound, Err(_)) => {
            CliError::new(NOT_FOUND, format!("there is no program {program}"))
        }
        _ => CliError::new(NOT_EXECUTABLE, format!("the program {program} could not be started"))
            .because(error),
    }
}

/// Returns the key of the profile. If it is missing and a user can sign in, creates it first.
#[cfg_attr(not(unix), expect(unused_variables, reason = "standard input is resumed on Unix alone"))]
async fn stored_key(context: &Context, may_ask: bool, mask: bool) -> Result<ApiKey, CliError> {
    let mut stored = stored_key::find(context).await?;
    let is_interactive = context.prompter(may_ask).is_interactive();
    if stored.is_none() && is_interactive && context.sources.caller("ci", ci_system)?.is_none() {
        let settings = CreateSettings::for_keyring(&context.sources)?;
        if settings.dry_run {
            let message = "KEYMINT_DRY_RUN is set, and the command needs a key";
            return Err(CliError::new(ErrorKind::Usage, message).hint("Unset it, and run this again."));
        }
        context.ui.report(&Message::NoKeyStored);
        create(context, &settings).await?;
        context.finish_background().await;
        stored = stored_key::find(context).await?;
        // With `mask`, this process continues next to the command, and its thread that reads pasted URLs would take
        // the command's input.
        #[cfg(unix)]
        if mask && stored.is_some() {
            keymint_delivery_adapter::restart();
        }
    }
    stored_key::require(stored, &context.sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_interpreter_is_not_taken_for_a_missing_command() {
        for (program, kind, message) in [
            (if cfg!(windows) { "cmd" } else { "sh" }, NOT_EXECUTABLE, "could not be started"),
            ("no-such-command", NOT_FOUND, "there is no program"),
        ] {
            let error = not_started(program, io::ErrorKind::NotFound.into());
            assert_eq!(error.kind, kind, "{}", error.message());
            assert!(error.message().contains(message), "{}", error.message());
        }
    }
}
