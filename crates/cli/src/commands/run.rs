//! `keymint run`: a command that has the stored key in its environment, and nowhere else.

use crate::args::{OutputArgs, RunArgs};
use crate::commands::create;
use crate::config::{self, Sources, profile_flag};
use crate::error::{CliError, ErrorKind};
use crate::explain::delivery as explain;
use crate::flow::keyring::patiently;
use crate::os::core_dumps;
use crate::ui::format::quoted;
use crate::ui::prompter::Prompter;
use crate::ui::reporter::Reporter;
use keymint_delivery_adapter::Keyring;
use keymint_domain::ApiKey;
use std::convert::Infallible;
use std::io;
use std::process::{Command, ExitCode};
use std::sync::Arc;

/// What shells report of a command that is not there.
const NOT_FOUND: ErrorKind = ErrorKind::NotStarted(127);

/// What shells report of a command that they cannot start.
const NOT_EXECUTABLE: ErrorKind = ErrorKind::NotStarted(126);

pub(crate) async fn run(args: RunArgs) -> ExitCode {
    let asked_for = OutputArgs { json: args.json, ..OutputArgs::default() };
    let (options, output) = match config::read(&args.profile, asked_for) {
        Ok(read) => read,
        Err((failure, output)) => return Reporter::new(output).end(Err(failure)),
    };
    // Standard output is the command's alone, unless it cannot be started.
    let reporter = Arc::new(Reporter::new(OutputArgs { json: false, ..output }));
    let Err(failure) = execute(args, &options, &reporter).await;
    reporter.clear_progress();
    Reporter::new(output).end(Err(failure))
}

async fn execute(
    args: RunArgs,
    options: &Sources<'_>,
    reporter: &Arc<Reporter>,
) -> Result<Infallible, CliError> {
    let see_help = |failure: CliError| failure.hint("See `keymint run --help`.");
    let variable = config::variable(&args.var, options).map_err(see_help)?;
    let may_ask = config::may_ask(args.no_input, options).map_err(see_help)?;
    let key = stored_key(options, may_ask, reporter).await?;

    let mut words = args.command.into_iter();
    let program = words.next().expect("the command line asks for one word at least");
    let mut command = Command::new(&program);
    command.args(words).env(variable.as_str(), key.expose());
    reporter.clear_progress();
    start(command).map_err(|error| {
        let program = quoted(&program.to_string_lossy());
        if error.kind() == io::ErrorKind::NotFound {
            CliError::new(NOT_FOUND, format!("there is no program {program}"))
        } else {
            CliError::new(NOT_EXECUTABLE, format!("the program {program} could not be started"))
                .because(error)
        }
    })
}

/// The key of the profile. Where there is none, and somebody to sign in, it is created first.
async fn stored_key(
    options: &Sources<'_>,
    may_ask: bool,
    reporter: &Arc<Reporter>,
) -> Result<ApiKey, CliError> {
    let profile = &options.profile;
    let prompter = Prompter::new(reporter, may_ask);
    let error = |error| explain::keyring(&error);
    let mut stored = patiently(prompter, Keyring::get(profile)).await.map_err(error)?;
    if stored.is_none() && prompter.is_interactive() {
        create::for_keyring(options, reporter).await?;
        stored = Keyring::get(profile).await.map_err(error)?;
    }
    stored.ok_or_else(|| {
        CliError::new(ErrorKind::NoKey, format!("the keyring has no key for the profile {profile}")).hint(
            format!(
                "Create one with `keymint create --keyring{}`, and run this again.",
                profile_flag(profile)
            ),
        )
    })
}

/// Becomes the command: the process, its terminal, its signals and its exit code are the command's.
#[cfg(unix)]
fn start(mut command: Command) -> io::Result<Infallible> {
    use std::os::unix::process::CommandExt;
    Err(core_dumps::with_the_persons_limits(|| command.exec()))
}

/// Stands in for the command until it ends, and ends with the same exit code.
#[cfg(windows)]
fn start(mut command: Command) -> io::Result<Infallible> {
    // Ctrl-C goes to each program of the console, and is the command's to obey.
    let _ctrl_c = tokio::signal::windows::ctrl_c()?;
    let status = core_dumps::with_the_persons_limits(|| command.status())?;
    std::process::exit(status.code().unwrap_or(1))
}
