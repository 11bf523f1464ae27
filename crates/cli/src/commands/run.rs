//! `keymint run`: a command that has the stored key in its environment, and nowhere else.

use crate::args::RunArgs;
use crate::config::CreateSettings;
use crate::error::{CliError, ErrorKind};
use crate::flow::context::Context;
use crate::flow::create::create;
use crate::flow::stored_key;
use crate::ui::format::quoted;
use keymint_domain::ApiKey;
use keymint_host::{WhichError, ci_system, core_dumps, search, which};
use keymint_terminal::stderr;
use std::convert::Infallible;
use std::io;
use std::process::Command;

/// What shells report of a command that is not there.
const NOT_FOUND: ErrorKind = ErrorKind::NotStarted(127);

/// What shells report of a command that they cannot start.
const NOT_EXECUTABLE: ErrorKind = ErrorKind::NotStarted(126);

pub(crate) async fn run(args: RunArgs, context: &Context) -> Result<(), CliError> {
    // Standard output is the command's alone, unless it cannot be started.
    let context = &context.without_json();
    let outcome = execute(args, context).await;
    context.ui.clear_progress();
    outcome.map(|never| match never {})
}

async fn execute(args: RunArgs, context: &Context) -> Result<Infallible, CliError> {
    let see_help = |failure: CliError| failure.hint("See `keymint run --help`.");
    let variable = context.sources.key_variable(&args.var).map_err(see_help)?;
    let may_ask = context.sources.may_ask(args.no_input).map_err(see_help)?;
    let key = stored_key(context, may_ask).await?;

    let mut words = args.command.into_iter();
    let program = words.next().expect("the command line asks for one word at least");
    context.ui.clear_progress();
    stderr::flush();
    let started = search(&program).and_then(|path| {
        let mut command = Command::new(path);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::arg0(&mut command, &program);
        command.args(words).env(variable.as_str(), key.expose());
        start(command)
    });
    started.map_err(|error| {
        let (found, program) = (which(&program.to_string_lossy()), quoted(&program.to_string_lossy()));
        // The system reports a missing interpreter as if the program were missing.
        match (error.kind(), found) {
            (io::ErrorKind::NotFound, Err(problem @ WhichError::NotStartable(_))) => {
                CliError::new(NOT_EXECUTABLE, format!("the program {program} {problem}"))
            }
            (io::ErrorKind::NotFound, _) => {
                CliError::new(NOT_FOUND, format!("there is no program {program}"))
            }
            _ => CliError::new(NOT_EXECUTABLE, format!("the program {program} could not be started"))
                .because(error),
        }
    })
}

/// The key of the profile. Where there is none, and somebody to sign in, it is created first.
async fn stored_key(context: &Context, may_ask: bool) -> Result<ApiKey, CliError> {
    let mut stored = stored_key::find(context).await?;
    let is_interactive = context.prompter(may_ask).is_interactive();
    if stored.is_none() && is_interactive && context.sources.caller("ci", ci_system)?.is_none() {
        create(context, &CreateSettings::for_keyring(&context.sources)?).await?;
        context.finish_background().await;
        stored = stored_key::find(context).await?;
    }
    stored.ok_or_else(|| stored_key::missing(&context.sources.profile))
}

/// Becomes the command: the process, its terminal, its signals and its exit code are the command's.
#[cfg(unix)]
fn start(mut command: Command) -> io::Result<Infallible> {
    use std::os::unix::process::CommandExt;
    Err(core_dumps::with_inherited_limit(|| command.exec()))
}

/// Stands in for the command until it ends, and ends with the same exit code.
#[cfg(windows)]
fn start(mut command: Command) -> io::Result<Infallible> {
    // Ctrl-C goes to each program of the console, and is the command's to obey.
    let _ctrl_c = tokio::signal::windows::ctrl_c()?;
    let status = core_dumps::with_inherited_limit(|| command.status())?;
    std::process::exit(status.code().unwrap_or(1))
}
