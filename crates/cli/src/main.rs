//! The `keymint` command: signs a developer in with the browser, and makes one OpenAI project API
//! key.

mod args;
mod ask;
mod blocking;
mod browser;
mod choose;
mod clock;
mod command;
mod completions;
mod config;
mod create;
mod delivery;
#[cfg(feature = "sandbox")]
mod demo;
mod doctor;
mod env_conflicts;
mod error;
mod events;
mod fail_point;
mod finish;
mod forget;
mod format;
mod hardening;
mod host_environment;
mod hyperlink;
mod interrupt;
mod key_name;
mod keyring;
mod list;
mod mint;
mod output;
mod paste;
mod pending_sign_in;
mod port_lock;
mod port_owner;
mod program;
mod prompter;
mod record;
mod recover;
mod recovery;
mod report;
mod response;
mod run;
#[cfg(feature = "sandbox")]
mod sandbox;
mod settings;
mod sign_in;
mod start;
mod state;
mod status;
mod stdin_lines;
mod verify;

use args::{Args, Command, OutputArgs};
use clap::Parser;
use error::CliError;
use report::Reporter;
use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;

fn main() -> ExitCode {
    hardening::harden();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return args::refuse(&error),
    };
    let work: Pin<Box<dyn Future<Output = ExitCode>>> = match args.command {
        Command::Create(args) => Box::pin(create::run(*args)),
        Command::List(args) => Box::pin(list::run(*args)),
        Command::Start(args) => Box::pin(start::run(*args)),
        Command::Finish(args) => Box::pin(finish::run(*args)),
        Command::Status(args) => Box::pin(status::run(args)),
        Command::Recover(args) => Box::pin(recover::run(args)),
        #[cfg(feature = "sandbox")]
        Command::Demo(args) => Box::pin(demo::run(args)),
        Command::Doctor(args) => Box::pin(doctor::run(*args)),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => Box::pin(sandbox::run(args)),
        Command::Run(args) => Box::pin(run::run(args)),
        Command::Forget(args) => Box::pin(forget::run(args)),
        Command::Config(args) => Box::pin(config::run(args)),
        // These wait for nothing.
        Command::Completions(args) => return completions::run(&args),
        Command::Man(args) => return completions::man(&args),
    };
    // Timers and signals are looked at after every task: a server that floods must not delay them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(1).build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Reporter::new(OutputArgs::default()).end(Err(CliError::internal(&error))),
    };
    let outcome = runtime.block_on(work);
    // What still runs (a browser that does not come back, say) is not waited for.
    runtime.shutdown_background();
    outcome
}
