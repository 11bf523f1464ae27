//! The command line: commands, flags and their help.

#![allow(
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    reason = "these comments are the help that people read"
)]

use crate::failure::{Failure, Kind};
use crate::report::{self, Reporter};
use clap::{Args as ClapArgs, Parser, Subcommand};
use keymint_domain::text::mask_keys;
use std::ffi::OsString;
use std::process::ExitCode;

/// From nothing to a working OpenAI project API key, with one command.
///
/// keymint signs you in with your browser, waits for your organization and
/// its default project, creates one project API key and prints it. The key
/// goes to standard output and nothing else does, so this works:
///
///   KEY=$(keymint create)
///
/// Try it without an account, in about a second:
///
///   keymint demo
#[derive(Debug, Parser)]
#[command(name = "keymint", version, verbatim_doc_comment, propagate_version = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign in with the browser and create one project API key
    #[command(after_help = CREATE_HELP, verbatim_doc_comment)]
    Create(Box<CreateArgs>),

    /// List, deliver or delete keys that are kept because their destination failed
    #[command(after_help = RECOVER_HELP, verbatim_doc_comment)]
    Recover(RecoverArgs),

    #[cfg(feature = "sandbox")]
    /// Watch the whole of `create` against a built-in sandbox: no account, no network
    ///
    /// The sandbox plays the servers and the browser. The real client talks to
    /// it over real sockets on this machine; the key that it prints is good for
    /// nothing. Nothing is asked, and nothing is written to disk.
    #[command(verbatim_doc_comment)]
    Demo(DemoArgs),

    #[cfg(feature = "sandbox")]
    /// Serve the sandbox until Ctrl-C, for front ends in the making
    ///
    /// It plays the authorization server, with a sign-in page to click through,
    /// and the platform API, and refuses what the real ones refuse. Standard
    /// output has the variables that point `keymint create` at it.
    #[command(verbatim_doc_comment)]
    Sandbox(crate::sandbox::SandboxArgs),
}

const CREATE_HELP: &str = "\
Examples:
  keymint create                            print the key
  KEY=$(keymint create) || exit             keep it in a variable
  keymint create --json | jq -r .key.value
  keymint create --no-browser               only show the address to open

Each option has an environment variable, KEYMINT_ and the option's name:
KEYMINT_CALLBACK_PORT=5001, KEYMINT_NO_BROWSER=1. An option wins over its
variable. A TIME is a number with a unit (90s, 15m), and at most 1h.

Exit codes:
   0  done: the key is on standard output
   1  a bug, or something else that should not happen
   2  wrong usage; nothing was contacted
   3  the callback port cannot be used
   4  you or the server refused the sign-in
   5  nobody came back from the browser
   6  a server could not be reached
   7  a server refused, or answered nonsense
   8  no organization or default project in time
   9  the key exists and could not be printed; you are told where it is kept
  10  a key may exist: the answer to its creation was lost
  11  standard output would not keep the key; nothing was contacted
  129, 130, 143  ended by a signal, and no key was made";

#[derive(Debug, ClapArgs)]
pub(crate) struct CreateArgs {
    /// Name of the key, as the platform's dashboard shows it
    /// [default: keymint USER@HOST YYYY-MM-DD xxxx]
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Do everything but the creation
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Ask the platform whether the new key works
    #[arg(long)]
    pub(crate) verify: bool,

    /// Do not open a browser; the address to open is shown either way
    #[arg(long)]
    pub(crate) no_browser: bool,

    /// Do not listen for the browser; paste the address that it ended on
    #[arg(long)]
    pub(crate) no_listen: bool,

    /// Never ask; what would need an answer fails
    #[arg(long)]
    pub(crate) no_input: bool,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    #[command(flatten)]
    pub(crate) destinations: DestinationArgs,

    #[command(flatten)]
    pub(crate) patience: PatienceArgs,

    #[command(flatten)]
    pub(crate) endpoints: EndpointArgs,
}

#[cfg(feature = "sandbox")]
#[derive(Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

const RECOVER_HELP: &str = "\
Examples:
  keymint recover                           list what is kept
  keymint recover --keyring                 deliver the only key, and delete the file
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

    #[command(flatten)]
    pub(crate) destinations: DestinationArgs,
}

#[derive(Debug, Clone, Copy, Default, ClapArgs)]
pub(crate) struct OutputArgs {
    /// Print one JSON object instead of the key
    #[arg(long)]
    pub(crate) json: bool,

    /// Report progress as JSON objects, one a line, instead of text
    #[arg(long)]
    pub(crate) events: bool,

    /// Say only what is needed: the address, warnings and errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Say more: every step, and when it happened
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Where the key goes (standard output, unless you choose)")]
pub(crate) struct DestinationArgs {
    /// Put it into a dotenv file [PATH: .env]
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = ".env")]
    pub(crate) env_file: Option<OsString>,

    /// Name of the variable in the file [default: OPENAI_API_KEY]
    #[arg(long, value_name = "NAME")]
    pub(crate) var: Option<String>,

    /// Replace another value that the file has
    #[arg(long)]
    pub(crate) force: bool,

    /// Accept a file that git tracks
    #[arg(long)]
    pub(crate) allow_tracked: bool,

    /// Put it into the keyring of this system
    #[arg(long)]
    pub(crate) keyring: bool,

    /// Replace a key that the keyring has
    #[arg(long)]
    pub(crate) new: bool,

    /// Name the key's place in the keyring [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Give it to a command, on its standard input: 'pass insert -m openai'
    #[arg(long, value_name = "CMD")]
    pub(crate) pipe_to: Option<String>,

    /// Put it on the clipboard
    #[arg(long)]
    pub(crate) copy: bool,

    /// Print it, besides
    #[arg(long)]
    pub(crate) print: bool,
}

impl DestinationArgs {
    /// Whether a place is named, whatever the environment says.
    pub(crate) fn name_a_place(&self) -> bool {
        self.env_file.is_some() || self.keyring || self.pipe_to.is_some() || self.copy || self.print
    }
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Patience")]
pub(crate) struct PatienceArgs {
    /// How long to wait for you to come back from the browser [default: 15m]
    #[arg(long, value_name = "TIME")]
    pub(crate) sign_in_timeout: Option<String>,

    /// How long to wait for the default project of a new account [default: 60s]
    #[arg(long, value_name = "TIME")]
    pub(crate) project_timeout: Option<String>,

    /// How long one request may take [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub(crate) http_timeout: Option<String>,

    /// Look for the project this often [default: soon at first, then ever later]
    #[arg(long, value_name = "TIME")]
    pub(crate) poll_interval: Option<String>,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Endpoints, for other deployments and for the sandbox")]
pub(crate) struct EndpointArgs {
    /// Authorization server [default: https://auth.openai.com]
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: Option<String>,

    /// Platform API [default: https://api.openai.com]
    #[arg(long, value_name = "URL")]
    pub(crate) api_base: Option<String>,

    /// OAuth client id [default: that of OpenAI's Codex CLI]
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,

    /// OAuth audience [default: https://api.openai.com/v1]
    #[arg(long)]
    pub(crate) audience: Option<String>,

    /// OAuth scope [default: "openid email profile offline_access"]
    #[arg(long)]
    pub(crate) scope: Option<String>,

    /// Application that the platform session is opened for [default: api]
    #[arg(long)]
    pub(crate) app: Option<String>,

    /// Port on this machine that the browser comes back to [default: 5000]
    #[arg(long, value_name = "PORT")]
    pub(crate) callback_port: Option<String>,

    /// Certificates to trust besides the system's [default: the file that CODEX_CA_CERTIFICATE or
    /// SSL_CERT_FILE names]
    #[arg(long, value_name = "PEM")]
    pub(crate) ca_file: Option<String>,
}

/// Ends a program whose arguments make no sense, or that was only asked for help.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    let asked_for = !error.use_stderr();
    let given = |flag: &str| std::env::args_os().skip(1).any(|argument| argument == flag);
    let output = OutputArgs { json: given("--json"), events: given("--events"), ..OutputArgs::default() };
    if asked_for {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    // What was mistyped may be a key. It is masked without colours, whose codes end in a letter,
    // so that no word would begin after one.
    let plain = error.render().to_string();
    let masked = mask_keys(&plain);
    if !(output.json || output.events) {
        report::complain(&if masked == plain { error.render().ansi().to_string() } else { masked });
        return Kind::Usage.exit_code();
    }
    let message = masked.lines().next().unwrap_or_default().trim_start_matches("error: ");
    Reporter::new(output).end(Err(Failure::usage(message)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// Arguments are in the history of the shell and in the list of processes. Who adds an option
    /// to this list has asked whether its value could be a secret: then it may be none.
    #[test]
    fn no_option_takes_a_secret() {
        const LOOKED_AT: [(&str, &str); 5] = [
            ("keymint", "help version"),
            (
                "create",
                "allow-tracked api-base app audience ca-file callback-port client-id copy dry-run env-file events \
                 force help http-timeout issuer json keyring name new no-browser no-input no-listen pipe-to poll-interval print \
                 profile project-timeout quiet scope sign-in-timeout var verbose verify version",
            ),
            (
                "recover",
                "[id] allow-tracked copy delete env-file events force help json keyring new no-input pipe-to print \
                 profile quiet var verbose version",
            ),
            ("demo", "events help json quiet verbose version"),
            ("sandbox", "help latency organizations port ready-after refuse version"),
        ];
        let mut command = Args::command();
        command.build();
        let subcommands = command.get_subcommands().filter(|command| command.get_name() != "help");
        let found: Vec<_> = [&command]
            .into_iter()
            .chain(subcommands)
            .map(|command| {
                let positional = command.get_positionals().map(|arg| format!("[{}]", arg.get_id()));
                let options = command.get_arguments().filter_map(clap::Arg::get_long).map(str::to_owned);
                let mut options: Vec<_> = positional.chain(options).collect();
                options.sort_unstable();
                (command.get_name(), options.join(" "))
            })
            .collect();
        assert_eq!(found, LOOKED_AT.map(|(command, options)| (command, options.to_owned())));
    }
}
