//! The `keymint` command: signs a developer in with the browser, and makes one OpenAI project API
//! key.

mod args;
mod arrival;
mod ask;
mod browser;
mod clock;
mod create;
mod delivery;
#[cfg(feature = "sandbox")]
mod demo;
mod events;
mod fail_point;
mod failure;
mod hardening;
mod interrupt;
mod key_name;
mod mint;
mod output;
mod paste;
mod person;
mod record;
mod recover;
mod recovery;
mod report;
#[cfg(feature = "sandbox")]
mod sandbox;
mod services;
mod settings;
mod state;
mod turn;
mod typed;
mod verify;
mod words;

use args::{Args, Command, OutputArgs};
use clap::Parser;
use failure::Failure;
use report::Reporter;
use std::process::ExitCode;

fn main() -> ExitCode {
    hardening::harden();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return args::refuse(&error),
    };
    // Timers and signals are looked at after every task: a server that floods must not delay them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(1).build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Reporter::new(OutputArgs::default()).end(Err(Failure::internal(&error))),
    };
    let outcome = runtime.block_on(async {
        match args.command {
            Command::Create(args) => create::run(*args).await,
            Command::Recover(args) => recover::run(args).await,
            #[cfg(feature = "sandbox")]
            Command::Demo(args) => demo::run(args).await,
            #[cfg(feature = "sandbox")]
            Command::Sandbox(args) => sandbox::run(args).await,
        }
    });
    // What still runs (a browser that does not come back, say) is not waited for.
    runtime.shutdown_background();
    outcome
}
