//! The commands for keys that are here already.

use super::shared::{DestinationArgs, OutputArgs};
use clap::Args as ClapArgs;
use std::ffi::OsString;

pub(super) const RECOVER_HELP: &str = "\
Examples:
  keymint recover                           list what is kept
  keymint recover --keyring                 deliver the only one there is
  keymint recover 2026-11-24T070000Z-1 --delete

A key that is deleted here stays valid until it is deleted on the platform.";

#[derive(Debug, ClapArgs)]
pub(crate) struct RecoverArgs {
    /// Which key, by the id in the list; not needed where there is only one
    pub(crate) id: Option<String>,

    /// Delete the file that has it
    #[arg(long)]
    pub(crate) delete: bool,

    /// Never ask; what would need an answer fails
    #[arg(long)]
    pub(crate) no_input: bool,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten, next_help_heading = "Where the key goes (without any, the keys are listed)")]
    pub(crate) destinations: DestinationArgs,
}

pub(super) const STATUS_HELP: &str = "\
Examples:
  keymint status
  keymint status --verify || keymint create
  keymint status --json | jq -r .in_use.last4

A variable in the environment comes first, then the file .env of this folder,
for programs that load it. The keyring is for what `keymint run` starts.

Exit codes, with --verify:
    6  the platform could not be reached
    7  it does not accept the key, or answered nonsense
    8  there is no key here to try";

#[derive(Debug, ClapArgs)]
pub(crate) struct StatusArgs {
    /// Ask the platform whether the key that would be used works
    #[arg(long)]
    pub(crate) verify: bool,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// Profile of the configuration file, and which of the stored keys [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

pub(super) const RUN_HELP: &str = "\
Examples:
  keymint run -- python app.py
  keymint run --var OPENAI_KEY -- make test

The command takes the place of this program: terminal, signals and exit code
are its own. No other program gets the key, and no file.

Exit codes, where the command did not start:
    2  wrong usage
    8  no key is stored
   11  the keyring cannot be used
  126  the command cannot be executed
  127  there is no such command";

#[derive(Debug, ClapArgs)]
pub(crate) struct RunArgs {
    /// Variable that the command looks for the key in [default: OPENAI_API_KEY]
    #[arg(long, value_name = "NAME")]
    pub(crate) var: Option<String>,

    /// Which of the stored keys [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Never ask; without a stored key it fails
    #[arg(long)]
    pub(crate) no_input: bool,

    /// Print one JSON object when the command cannot be started
    #[arg(long)]
    pub(crate) json: bool,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ForgetArgs {
    /// Which of the stored keys [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Print one JSON object that tells what was removed
    #[arg(long)]
    pub(crate) json: bool,
}
