//! The command line: commands, flags and their help.

#![allow(
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    reason = "these comments are the help that people read"
)]

mod admin;
mod keys;
mod layout;
#[cfg(feature = "sandbox")]
mod sandbox;
mod shared;
mod sign_in;
mod tools;
pub(crate) mod values;

use crate::error::{CliError, ErrorKind};
use crate::os::env::{Environment, ProcessEnvironment};
use crate::ui::reporter::Reporter;
pub(crate) use admin::{AdminCommand, AdminEndpointArgs, AdminListArgs, RevokeArgs, ServiceAccountArgs};
use clap::error::{ContextKind, ContextValue};
use clap::{Parser, Subcommand};
use clap_complete::Shell;
use keymint_domain::text::{escape, redact_typed};
use keymint_terminal::{narrowed, stderr, stderr_columns, stdout, stdout_columns, write_all};
pub(crate) use keys::{ExportArgs, ForgetArgs, ImportArgs, RecoverArgs, RunArgs, StatusArgs};
pub(crate) use layout::{EXAMPLES, split_examples};
use layout::{WIDTH, with_layout, wrapping};
#[cfg(feature = "sandbox")]
pub(crate) use sandbox::SandboxArgs;
pub(crate) use shared::{
    BrowserArgs, DestinationArgs, EndpointArgs, KeyArgs, OPTIONS, OutputArgs, RestrictionArgs,
    ServerTimeoutArgs, TargetArgs, TimeoutArgs,
};
pub(crate) use sign_in::{CreateArgs, FinishArgs, ListArgs, RotateArgs, StartArgs};
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
pub(crate) use tools::{ConfigArgs, DoctorArgs};

const ADMIN_ABOUT: &str = include_str!("../help/admin.txt");
const COMPLETIONS_HELP: &str = include_str!("../help/completions.txt");
const CONFIG_ABOUT: &str = include_str!("../help/config.txt");
const CREATE_EXAMPLES: &str = include_str!("../help/create-examples.txt");
const CREATE_HELP: &str = include_str!("../help/create.txt");
const DOCTOR_ABOUT: &str = include_str!("../help/doctor.txt");
const EXPORT_HELP: &str = include_str!("../help/export.txt");
const FINISH_HELP: &str = include_str!("../help/finish.txt");
const IMPORT_HELP: &str = include_str!("../help/import.txt");
const KEYMINT_ABOUT: &str = include_str!("../help/keymint.txt");
const MAN_HELP: &str = include_str!("../help/man.txt");
#[cfg(feature = "mcp")]
const MCP_ABOUT: &str = include_str!("../help/mcp.txt");
const RECOVER_HELP: &str = include_str!("../help/recover.txt");
const ROTATE_HELP: &str = include_str!("../help/rotate.txt");
const SERVICE_ACCOUNT_HELP: &str = include_str!("../help/service-account.txt");
const STATUS_HELP: &str = include_str!("../help/status.txt");
const REVOKE_HELP: &str = include_str!("../help/revoke.txt");
const RUN_HELP: &str = include_str!("../help/run.txt");

/// From nothing to a working OpenAI project API key, with one command
#[derive(Debug, Parser)]
#[command(name = "keymint", version, propagate_version = true, max_term_width = WIDTH)]
#[command(long_about = wrapping(KEYMINT_ABOUT))]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign in with the browser and create one project API key
    #[command(after_help = wrapping(CREATE_EXAMPLES), after_long_help = wrapping(CREATE_HELP))]
    Create(Box<CreateArgs>),
    /// Sign in and show organizations and projects; creates nothing
    #[command(
        after_help = "Examples:\n  keymint list\n  keymint list --json | jq -r '.organizations[].title'"
    )]
    List(Box<ListArgs>),
    /// Begin a sign-in that `finish` completes, perhaps elsewhere
    ///
    /// Prints the URL to open, and ends. Open it in any browser. The last page
    /// will not load: `finish` needs its URL.
    #[command(after_help = "Examples:\n  keymint start\n  url=$(keymint start)")]
    Start(Box<StartArgs>),
    /// Complete a sign-in that `start` began, and create the key
    #[command(after_help = wrapping(FINISH_HELP))]
    Finish(Box<FinishArgs>),
    /// Put an existing key into a file, the keyring or another place
    #[command(after_help = wrapping(IMPORT_HELP))]
    Import(Box<ImportArgs>),
    /// Run a command with the stored key in its environment
    #[command(after_help = wrapping(RUN_HELP))]
    Run(RunArgs),
    /// Print the stored key as a line for a shell or a tool
    #[command(after_help = wrapping(EXPORT_HELP))]
    Export(ExportArgs),
    /// Replace a key with a new one, in the same project and places
    #[command(after_help = wrapping(ROTATE_HELP))]
    Rotate(Box<RotateArgs>),
    /// Show the keys of this machine, and the one that programs use
    ///
    /// It shows the records of this machine. The platform lists all keys at
    /// https://platform.openai.com/api-keys. A key itself is never shown.
    #[command(after_help = wrapping(STATUS_HELP))]
    Status(StatusArgs),
    /// List, deliver or delete keys whose destination failed
    #[command(after_help = wrapping(RECOVER_HELP))]
    Recover(RecoverArgs),
    /// Remove a stored key from the keyring
    ///
    /// Without --revoke it stays valid on the server.
    #[command(after_help = "Examples:\n  keymint forget\n  keymint forget --profile work --revoke")]
    Forget(ForgetArgs),
    /// Manage keys on the server with an admin key, without a browser
    #[command(long_about = wrapping(ADMIN_ABOUT), subcommand)]
    #[command(
        after_help = "Examples:\n  keymint admin list\n  keymint admin revoke key_abc\n  keymint admin service-account --project App --name ci --env-file"
    )]
    Admin(AdminCommand),
    /// Check what a sign-in needs on this machine
    #[command(long_about = wrapping(DOCTOR_ABOUT))]
    #[command(after_help = "Examples:\n  keymint doctor\n  keymint doctor --report report.txt")]
    Doctor(Box<DoctorArgs>),
    /// Show each setting, its value, and where it comes from
    #[command(long_about = wrapping(CONFIG_ABOUT))]
    #[command(after_help = "Examples:\n  keymint config\n  keymint config --json --profile work")]
    Config(ConfigArgs),
    #[cfg(feature = "mcp")]
    /// Serve coding agents, which never see the keys (MCP)
    #[command(long_about = wrapping(MCP_ABOUT))]
    #[command(
        after_help = "Examples:\n  claude mcp add keymint -- keymint mcp\n  codex mcp add keymint -- keymint mcp"
    )]
    Mcp {
        /// Which of the stored keys [default: default]
        ///
        /// The name is also that of the profile in the configuration file.
        #[arg(long, value_name = "NAME")]
        profile: Option<String>,
    },
    #[cfg(feature = "sandbox")]
    /// Watch `create` against a built-in sandbox: no account needed
    ///
    /// The sandbox plays the servers and the browser. The real client talks to
    /// it over real sockets on this machine. The key that it prints has no value.
    /// The demonstration asks nothing and writes nothing to disk.
    #[command(after_help = "Examples:\n  keymint demo\n  KEY=$(keymint demo)")]
    Demo {
        #[command(flatten)]
        output: OutputArgs,
    },
    #[cfg(feature = "sandbox")]
    /// Serve the sandbox until Ctrl-C, to develop front ends
    ///
    /// It plays the authorization server, with a sign-in page to click through,
    /// and the platform API, and refuses what the real ones refuse. Standard
    /// output has the variables that point `keymint create` at it.
    #[command(after_help = "Examples:\n  keymint sandbox\n  keymint sandbox --scenario challenge --at login")]
    Sandbox(SandboxArgs),
    /// Print the completions for a shell
    #[command(after_help = wrapping(COMPLETIONS_HELP))]
    Completions {
        /// The shell to complete in
        #[arg(required = true)]
        shell: Option<Shell>,
        /// Print the known profiles
        #[arg(long, hide = true, exclusive = true)]
        profiles: bool,
    },
    /// Print a manual page
    #[command(after_help = wrapping(MAN_HELP))]
    Man {
        /// Command of the page, such as `admin list`
        ///
        /// Without it, the page is about the program.
        command: Vec<String>,
    },
}

impl Command {
    /// Returns the flags for the profile and the output. A command without a profile reads no settings.
    pub(crate) fn flags(&self) -> (Option<&Option<String>>, OutputArgs) {
        let json = |json| OutputArgs { json, ..OutputArgs::default() };
        match self {
            Self::Create(args) => (Some(&args.destinations.profile), args.output),
            Self::List(args) => (Some(&args.profile), args.output),
            Self::Start(args) => (Some(&args.profile), args.output),
            Self::Finish(args) => (Some(&args.destinations.profile), args.output),
            Self::Rotate(args) => (Some(&args.destinations.profile), args.output),
            Self::Recover(args) => (Some(&args.destinations.profile), args.output),
            Self::Status(args) => (Some(&args.profile), json(args.json)),
            Self::Doctor(args) => (Some(&args.profile), json(args.json)),
            Self::Run(args) => (Some(&args.profile), json(args.json)),
            #[cfg(feature = "mcp")]
            Self::Mcp { profile } => (Some(profile), json(false)),
            Self::Import(args) => (Some(&args.destinations.profile), args.output),
            Self::Export(args) => (Some(&args.profile), json(args.json)),
            Self::Admin(command) => {
                let (profile, output) = command.flags();
                (Some(profile), output)
            }
            Self::Forget(args) => (Some(&args.profile), json(args.json)),
            Self::Config(args) => (Some(&args.profile), json(args.json)),
            #[cfg(feature = "sandbox")]
            Self::Demo { output } => (None, *output),
            #[cfg(feature = "sandbox")]
            Self::Sandbox(_) => (None, json(false)),
            Self::Completions { .. } | Self::Man { .. } => (None, json(false)),
        }
    }
}

/// Ends the program after wrong arguments, or after `--help`.
pub(crate) fn refuse(mut error: clap::Error) -> ExitCode {
    // Arguments after `--` belong to another program.
    let flags: Vec<_> = std::env::args_os().skip(1).take_while(|argument| argument != "--").collect();
    error = with_layout(error, &flags);
    error = without_help(error, &flags);
    let asked_for = !error.use_stderr();
    let is_set = |flag: &str, variable| {
        let value = ProcessEnvironment.get(variable).ok().flatten();
        flags.iter().any(|given| given == flag)
            || value.is_some_and(|value| values::switch(&value) == Ok(true))
    };
    let (json, events) = (is_set("--json", "KEYMINT_JSON"), is_set("--events", "KEYMINT_EVENTS"));
    let output = OutputArgs { json, events, ..OutputArgs::default() };
    if asked_for {
        let text = stdout::styled(&narrowed(&error.render().ansi().to_string(), stdout_columns()));
        let _ = write_all(io::stdout(), text.as_bytes());
        return ExitCode::SUCCESS;
    }
    keep_nearest(&mut error);
    answer_guess(&mut error);
    mask_typed(&mut error);
    if !(output.json || output.events) {
        stderr::write(narrowed(&error.render().ansi().to_string(), stderr_columns()));
        return ErrorKind::Usage.exit_code();
    }
    let plain = error.render().to_string();
    let tip = plain.split("\n\n").find_map(|paragraph| paragraph.trim_start().strip_prefix("tip: "));
    // The first paragraph is the error, except in the full help.
    let message = if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        "a command is missing".to_owned()
    } else {
        let words = plain.split("\n\n").next().unwrap_or_default().split_whitespace();
        words.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned()
    };
    let failure = CliError::usage(message);
    Reporter::new(output).end(Err(match tip {
        Some(tip) => failure.hint(tip),
        None => failure,
    }))
}

/// Handles an unknown command or flag after `help` as if `help` were missing.
fn without_help(error: clap::Error, arguments: &[OsString]) -> clap::Error {
    match arguments {
        [first, rest @ ..]
            if first == "help" && error.kind() == clap::error::ErrorKind::InvalidSubcommand =>
        {
            let program = OsString::from("keymint");
            let error = Args::try_parse_from([&program].into_iter().chain(rest)).err().unwrap_or(error);
            with_layout(error, rest)
        }
        _ => error,
    }
}

/// Command names of other programs, with the matching command of this program.
const GUESSES: [(&[&str], &str); 6] = [
    (
        &["login", "signin", "auth", "mint", "new", "add", "get", "generate", "init", "setup"],
        "`keymint create` signs in with the browser and creates a key",
    ),
    (&["logout", "signout"], "no sign-in is kept; `keymint forget` removes a stored key from the keyring"),
    (
        &["key", "keys", "show", "whoami"],
        "`keymint status` shows the keys of this machine, `keymint admin list` those on the server",
    ),
    (
        &["delete", "remove", "rm", "revoke"],
        "`keymint admin revoke` deletes a key on the server, `keymint forget` one in the keyring",
    ),
    (&["exec", "env"], "`keymint run -- CMD` runs a command with the stored key"),
    (&["version"], "`keymint --version` prints the version"),
];

/// Suggests the right command for a command name of other programs.
fn answer_guess(error: &mut clap::Error) {
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand) else { return };
    if let Some((_, answer)) = GUESSES.iter().find(|(names, _)| names.contains(&typed.as_str())) {
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![(*answer).into()]));
    }
}

/// Keeps only the nearest suggested command, which is the last one.
fn keep_nearest(error: &mut clap::Error) {
    if let Some(ContextValue::Strings(names)) = error.get(ContextKind::SuggestedSubcommand) {
        let nearest = names.last().cloned().into_iter().collect();
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(nearest));
    }
}

/// Masks text that looks like a secret in the values that the error repeats, and escapes characters that could
/// control a terminal.
fn mask_typed(error: &mut clap::Error) {
    let masked = error.context().filter_map(|(kind, value)| match value {
        ContextValue::String(typed) => {
            let masked = escape(&redact_typed(typed));
            (masked != *typed).then_some((kind, ContextValue::String(masked)))
        }
        _ => None,
    });
    for (kind, masked) in masked.collect::<Vec<_>>() {
        error.insert(kind, masked);
        // The suggestions repeat the value as well.
        error.remove(ContextKind::Suggested);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Returns the code between the fences and the backquotes of a page.
    fn code(page: &str) -> Vec<&str> {
        let (mut code, mut is_fenced) = (Vec::new(), false);
        for line in page.lines() {
            if line.trim_start().starts_with("```") {
                is_fenced = !is_fenced;
            } else if is_fenced {
                code.push(line);
            } else {
                code.extend(line.split('`').skip(1).step_by(2));
            }
        }
        code
    }

    #[test]
    fn an_error_repeats_an_argument_without_what_steers_a_terminal_or_hides() {
        for words in
            [["create", "--b\u{1b}]0;x\u{7}\nerror: \u{202e}y"], ["b\u{1b}]0;x\u{7}\nerror: \u{202e}y", ""]]
        {
            let mut error = Args::try_parse_from(["keymint"].into_iter().chain(words)).unwrap_err();
            mask_typed(&mut error);
            let shown = error.render().to_string();
            assert!(shown.contains(r"b\u{1b}]0;x\u{7}\u{a}error: \u{202e}y'"), "{shown}");
        }
    }

    #[test]
    fn the_nearest_command_is_suggested() {
        for (typed, nearest) in [
            ("crate", "create"),
            ("rotat", "rotate"),
            ("staus", "status"),
            ("statr", "start"),
            ("creat", "create"),
        ] {
            let mut error = Args::try_parse_from(["keymint", typed]).unwrap_err();
            keep_nearest(&mut error);
            let shown = error.render().to_string();
            assert!(shown.contains(&format!("a similar subcommand exists: '{nearest}'")), "{shown}");
        }
    }

    #[test]
    fn the_options_of_forget_for_the_server_need_revoke() {
        let options = ["--http-timeout=1s", "--api-base=https://h.test", "--ca-file=x", "--project=p"];
        for option in options {
            assert!(Args::try_parse_from(["keymint", "forget", option]).is_err(), "{option}");
            assert!(Args::try_parse_from(["keymint", "forget", "--revoke", option]).is_ok(), "{option}");
        }
    }

    #[test]
    fn a_command_of_another_program_is_answered_with_one_that_exists() {
        for (typed, answer) in
            GUESSES.iter().flat_map(|(names, answer)| names.iter().map(move |name| (name, answer)))
        {
            let mut error = Args::try_parse_from(["keymint", typed]).unwrap_err();
            answer_guess(&mut error);
            let shown = error.render().to_string();
            assert!(shown.contains(&format!("  tip: {answer}")) && !shown.contains("similar"), "{shown}");
            for command in code(answer) {
                use clap::error::ErrorKind::{DisplayVersion, MissingRequiredArgument};
                let error = Args::try_parse_from(command.split(' ')).err().map(|error| error.kind());
                assert!(matches!(error, None | Some(DisplayVersion | MissingRequiredArgument)), "{command}");
            }
        }
    }

    #[test]
    fn paragraphs_of_a_help_are_wrapped_and_examples_are_not() {
        let text = "One\ntwo.\n\nExamples:\n  keymint a\n  keymint b\n\nExit codes:\nthree\nfour\n";
        assert_eq!(
            wrapping(text),
            "One two.\n\nExamples:\n  keymint a\n  keymint b\n\nExit codes:\nthree four"
        );
    }

    #[test]
    fn the_words_after_help_are_answered_as_without_it() {
        for (typed, expected) in [
            ("help creat", "a similar subcommand exists: 'create'"),
            ("help admin revok", "a similar subcommand exists: 'revoke'"),
            ("help --help", "Usage: keymint <COMMAND>"),
        ] {
            let arguments: Vec<_> = typed.split(' ').map(OsString::from).collect();
            let error = Args::try_parse_from(["keymint"].into_iter().chain(typed.split(' '))).unwrap_err();
            let mut error = without_help(error, &arguments);
            keep_nearest(&mut error);
            assert!(error.render().to_string().contains(expected), "{error}");
            assert_eq!(error.use_stderr(), typed != "help --help");
        }
    }

    #[test]
    fn each_command_of_the_documents_and_the_help_is_one() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let pages = fs::read_dir(format!("{root}/docs")).unwrap().map(|entry| entry.unwrap().path());
        let pages = pages.filter(|page| page.extension().is_some_and(|extension| extension == "md"));
        let pages = pages.chain([format!("{root}/README.md").into()]);
        let documents = pages.map(|page| fs::read_to_string(page).unwrap()).collect::<Vec<_>>();
        let help = [
            ADMIN_ABOUT,
            CREATE_EXAMPLES,
            CREATE_HELP,
            REVOKE_HELP,
            RUN_HELP,
            SERVICE_ACCOUNT_HELP,
            IMPORT_HELP,
            EXPORT_HELP,
            FINISH_HELP,
            RECOVER_HELP,
            ROTATE_HELP,
            STATUS_HELP,
        ]
        .join("\n");
        // Lines to type as they are, each with a comment after it or a next step.
        let shown = documents.iter().flat_map(|page| code(page)).chain(help.lines().map(str::trim));
        let shown = shown.filter(|text| text.starts_with("keymint ") && !text.contains(['@', '[']));
        let shown = shown.filter(|text| !text.contains("SHELL") && !text.contains("KIND"));
        let ends = [" #", " < ", " || ", " | ", " >> ", ", then", "    "];
        let commands: Vec<_> =
            shown.map(|text| ends.iter().fold(text, |text, end| text.split(end).next().unwrap())).collect();
        assert!(commands.len() > 30, "{commands:#?}");
        for command in commands {
            let words = shell_words::split(command).unwrap();
            let parsed = Args::try_parse_from(&words);
            let is_help = words.last().is_some_and(|word| word == "--help");
            // A text can name a command without its arguments.
            let is_name = parsed.as_ref().is_err_and(|error| {
                use clap::error::ErrorKind::{
                    DisplayHelpOnMissingArgumentOrSubcommand, MissingRequiredArgument,
                };
                matches!(error.kind(), DisplayHelpOnMissingArgumentOrSubcommand | MissingRequiredArgument)
            });
            assert!(parsed.is_ok() || is_help || is_name, "{command}: {}", parsed.unwrap_err());
            if let Ok(Args { command: Command::Finish(args) }) = parsed {
                assert_eq!(args.url.is_some(), command.contains("http"), "{command}");
            }
        }
    }
}
