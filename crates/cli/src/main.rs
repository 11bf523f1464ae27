//! The `keymint` command: signs a developer in with the browser, and makes one OpenAI project API
//! key.

mod args;
mod arrival;
mod ask;
mod attempt;
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
mod events;
mod fail_point;
mod failure;
mod finish;
mod forget;
mod hardening;
mod hyperlink;
mod interrupt;
mod key_name;
mod keyring;
mod list;
mod mint;
mod output;
mod paste;
mod person;
mod port_owner;
mod program;
mod record;
mod recover;
mod recovery;
mod report;
mod run;
#[cfg(feature = "sandbox")]
mod sandbox;
mod settings;
mod shadow;
mod sign_in;
mod start;
mod state;
mod status;
mod surroundings;
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
            Command::List(args) => list::run(*args).await,
            Command::Start(args) => start::run(*args).await,
            Command::Finish(args) => finish::run(*args).await,
            Command::Status(args) => status::run(args).await,
            Command::Recover(args) => recover::run(args).await,
            #[cfg(feature = "sandbox")]
            Command::Demo(args) => demo::run(args).await,
            Command::Doctor(args) => doctor::run(*args).await,
            #[cfg(feature = "sandbox")]
            Command::Sandbox(args) => sandbox::run(args).await,
            Command::Run(args) => run::run(args).await,
            Command::Forget(args) => forget::run(args).await,
            Command::Config(args) => config::run(args).await,
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => completions::man(&args),
        }
    });
    // What still runs (a browser that does not come back, say) is not waited for.
    runtime.shutdown_background();
    outcome
}
