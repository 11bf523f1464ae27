//! The commands that sign a person in: `create`, `list`, and `create` in two halves.

use super::shared::{
    BrowserArgs, DESTINATIONS, DestinationArgs, EndpointArgs, KeyArgs, OutputArgs, ServerTimeoutArgs,
    TargetArgs, TimeoutArgs,
};
use clap::Args as ClapArgs;

pub(super) const CREATE_EXAMPLES: &str = "\
Examples:
  keymint create                            print the key
  KEY=$(keymint create) || exit             keep it in a variable
  keymint create --env-file                 put it into ./.env
  keymint create --keyring                  and then: keymint run -- CMD
  keymint create --pipe-to 'pass insert -m openai'

--help has more options, and the exit codes.";

pub(super) const CREATE_HELP: &str = r#"Examples:
  keymint create                            print the key
  KEY=$(keymint create) || exit             keep it in a variable
  keymint create --json | jq -r .key.value
  keymint create --no-browser               only show the address to open

Which place to choose:
  this shell          OPENAI_API_KEY="$(keymint create)" &&
                      export OPENAI_API_KEY
  a project's .env    keymint create --env-file
  this machine        keymint create --keyring, then keymint run -- CMD
  GitHub Actions      --pipe-to 'gh secret set OPENAI_API_KEY'
  Vault               --pipe-to 'vault kv put secret/openai key=-'
  pass                --pipe-to 'pass insert -m openai'
  a container         --keyring, then
                      keymint run -- docker run -e OPENAI_API_KEY IMAGE
  direnv              --env-file, and the line `dotenv` in .envrc

Each option has an environment variable, KEYMINT_ and the option's name:
KEYMINT_CALLBACK_PORT=5001, KEYMINT_NO_BROWSER=1. An option wins over its
variable, and that over the configuration file: see `keymint config --help`. A
TIME is a number with a unit (90s, 15m), and at most 1h.

Exit codes:
   0  done: the key is in every place that was asked for
   1  a bug, or something else that should not happen
   2  wrong usage; nothing was contacted
   3  the callback port cannot be used, or another sign-in of yours has it
   4  you or the server refused the sign-in
   5  nobody came back from the browser
   6  a server could not be reached
   7  a server refused, or answered nonsense
   8  no organization or project in time, or not the one that you named
   9  the key exists, and a destination failed: you are told where it is kept
  10  a key may exist: the answer to its creation was lost
  11  a destination failed its check; nothing was contacted
  129, 130, 131, 143  ended by a signal, and no key was made"#;

#[derive(Debug, Default, ClapArgs)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    #[command(flatten)]
    pub(crate) browser: BrowserArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten, next_help_heading = DESTINATIONS)]
    pub(crate) destinations: DestinationArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) timeouts: TimeoutArgs,
    #[command(flatten)]
    pub(crate) endpoints: EndpointArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ListArgs {
    /// Profile of the configuration file
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    #[command(flatten)]
    pub(crate) browser: BrowserArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) timeouts: TimeoutArgs,
    #[command(flatten)]
    pub(crate) endpoints: EndpointArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct StartArgs {
    /// Profile of the configuration file
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// How long it can be finished [default: 15m]
    #[arg(long, value_name = "TIME")]
    pub(crate) sign_in_timeout: Option<String>,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) endpoints: EndpointArgs,
}

pub(super) const FINISH_HELP: &str = "\
Examples:
  keymint finish                            paste the address when asked
  pbpaste | keymint finish --keyring
  keymint finish 'http://localhost:5000/auth/callback?code=...' --env-file

A shell cuts an address at &: quote it, or give it on standard input.";

#[derive(Debug, ClapArgs)]
pub(crate) struct FinishArgs {
    /// The address that the browser ended on [default: read from standard input]
    pub(crate) address: Option<String>,

    #[command(flatten)]
    pub(crate) key: KeyArgs,

    /// Never ask; what would need an answer fails
    #[arg(long)]
    pub(crate) no_input: bool,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten, next_help_heading = DESTINATIONS)]
    pub(crate) destinations: DestinationArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten, next_help_heading = "Timeouts")]
    pub(crate) timeouts: ServerTimeoutArgs,
}
