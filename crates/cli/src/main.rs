//! The `keymint` command: signs a developer in with the browser, and makes one OpenAI project API
//! key.

mod args;
mod browser;
mod commands;
mod config;
mod error;
mod explain;
mod flow;
mod host;
mod os;
mod ui;

use args::{Args, Command, OutputArgs};
use clap::Parser;
use error::CliError;
use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use ui::reporter::Reporter;

fn main() -> ExitCode {
    os::core_dumps::harden();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return args::refuse(&error),
    };
    let work: Pin<Box<dyn Future<Output = ExitCode>>> = match args.command {
        Command::Create(args) => Box::pin(commands::create::run(*args)),
        Command::List(args) => Box::pin(commands::list::run(*args)),
        Command::Start(args) => Box::pin(commands::start::run(*args)),
        Command::Finish(args) => Box::pin(commands::finish::run(*args)),
        Command::Status(args) => Box::pin(commands::status::run(args)),
        Command::Recover(args) => Box::pin(commands::recover::run(args)),
        #[cfg(feature = "sandbox")]
        Command::Demo(args) => Box::pin(commands::demo::run(args)),
        Command::Doctor(args) => Box::pin(commands::doctor::run(*args)),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => Box::pin(commands::sandbox::run(args)),
        Command::Run(args) => Box::pin(commands::run::run(args)),
        Command::Forget(args) => Box::pin(commands::forget::run(args)),
        Command::Config(args) => Box::pin(commands::config::run(args)),
        // These wait for nothing.
        Command::Completions(args) => return commands::completions::run(&args),
        Command::Man(args) => return commands::completions::man(&args),
    };
    // Timers and signals are looked at after every task: a server that floods must not delay them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(1).build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Reporter::new(OutputArgs::default()).end(Err(CliError::internal(error))),
    };
    let outcome = runtime.block_on(work);
    // What still runs (a browser that does not come back, say) is not waited for.
    runtime.shutdown_background();
    outcome
}
