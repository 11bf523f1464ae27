//! The `keymint` command: signs a developer in with the browser, and creates one OpenAI project API key.

// In reading order: each module imports only those after it.
mod commands;
mod flow;
mod explain;
mod config;
mod args;
mod ui;
mod os;
mod error;

use args::{Args, Command};
use clap::{CommandFactory, Parser};
use config::Sources;
use error::{CliError, ErrorKind};
use flow::context::Context;
use keymint_delivery_adapter::threads;
use keymint_host::{core_dumps, open_files};
use keymint_terminal::stderr;
use os::env::ProcessEnvironment;
use std::alloc::System;
use std::ffi::OsString;
use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use ui::reporter::Reporter;
use zeroizing_alloc::ZeroAlloc;

/// Wipes all freed memory, including that of the HTTP and TLS libraries, since it may have contained a secret.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    os::panic_hook::install();
    core_dumps::forbid();
    #[cfg(unix)]
    keymint_delivery_adapter::monitor(|start| core_dumps::with_inherited_limit(start));
    let code = run();
    stderr::flush();
    code
}

fn run() -> ExitCode {
    let _ = error::COMMAND.set(typed_command(std::env::args_os()));
    let command = match Args::try_parse() {
        Ok(args) => args.command,
        Err(error) => return args::refuse(error),
    };
    let (profile, flags) = command.flags();
    let (sources, output) = match profile.map(|profile| config::read(profile, flags)) {
        None => (Sources::without_file(&ProcessEnvironment), flags),
        Some(Ok(read)) => read,
        Some(Err((error, output))) => return Reporter::new(output).end(Err(error)),
    };
    let context = &Context::new(sources, output);
    let mut findings = None;
    let code = match command {
        Command::Create(args) => block_on(context, Box::pin(commands::create::run(&args, context))),
        Command::List(args) => block_on(context, Box::pin(commands::list::run(&args, context))),
        Command::Start(args) => context.ui.end(commands::start::run(&args, context)),
        Command::Finish(args) => block_on(context, Box::pin(commands::finish::run(&args, context))),
        Command::Rotate(args) => block_on(context, Box::pin(commands::rotate::run(&args, context))),
        Command::Status(args) => block_on(context, Box::pin(commands::status::run(&args, context))),
        Command::Recover(args) => block_on(context, Box::pin(commands::recover::run(&args, context))),
        #[cfg(feature = "sandbox")]
        Command::Demo { .. } => block_on(context, Box::pin(commands::demo::run(context))),
        // The findings are the result, even if they are problems.
        Command::Doctor(args) => block_on(
            context,
            Box::pin(async {
                findings = Some(commands::doctor::run(&args, context).await?);
                Ok(())
            }),
        ),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => block_on(context, Box::pin(commands::sandbox::run(&args, context))),
        Command::Run(args) => block_on(context, Box::pin(commands::run::run(args, context))),
        Command::Import(args) => block_on(context, Box::pin(commands::import::run(&args, context))),
        Command::Export(args) => block_on(context, Box::pin(commands::export::run(&args, context))),
        // Standard output belongs to the protocol.
        #[cfg(feature = "mcp")]
        Command::Mcp { .. } => block_on(&context.without_json(), Box::pin(commands::mcp::run(context))),
        Command::Admin(command) => block_on(context, Box::pin(commands::admin::run(&command, context))),
        Command::Forget(args) => block_on(context, Box::pin(commands::forget::run(&args, context))),
        Command::Config(args) => context.ui.end(commands::config::run(&args, context)),
        Command::Completions { shell, .. } => context.ui.end(commands::completions::run(shell)),
        Command::Man { command } => context.ui.end(commands::completions::man(&command)),
    };
    findings.unwrap_or(code)
}

/// Returns the program and its command, such as `keymint admin list`, without the arguments of the command.
fn typed_command(words: impl Iterator<Item = OsString>) -> String {
    let (program, mut names) = (Args::command(), vec!["keymint"]);
    let mut command = &program;
    for word in words.skip(1) {
        let Some(found) = command.find_subcommand(&word) else { break };
        names.push(found.get_name());
        command = found;
    }
    names.join(" ")
}

const ONE_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs an asynchronous command, and prints its error before it waits for the background work.
fn block_on(
    context: &Context,
    command: Pin<Box<dyn Future<Output = Result<(), CliError>> + '_>>,
) -> ExitCode {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return context.ui.end(Err(error)),
    };
    let code = context.ui.end(runtime.block_on(command));
    runtime.block_on(context.finish_background());
    // Does not join threads that still run, such as a thread that waits for a browser command.
    runtime.shutdown_background();
    code
}

/// The number of files that the process must be able to open. It exceeds the need of a run.
const OPEN_FILES: u8 = 40;

/// Returns a runtime that already has a thread for blocking work. Otherwise, the runtime would abort the program if
/// it could not start its first thread.
fn runtime() -> Result<Runtime, CliError> {
    threads::check()
        .map_err(|error| CliError::new(ErrorKind::Internal, "no thread can be started").because(error))?;
    open_files::ensure(OPEN_FILES).map_err(|error| {
        CliError::new(ErrorKind::Internal, "too few files can be opened at once")
            .because(error)
            .hint("Raise the limit of open files (`ulimit -n`).")
    })?;
    // Polls timers and signals after every task, so that a server that sends endlessly does not delay them.
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().event_interval(1).thread_keep_alive(ONE_DAY);
    let runtime = runtime.build().map_err(CliError::internal)?;
    drop(runtime.spawn_blocking(|| ()));
    Ok(runtime)
}
