//! The command line: commands, flags and their help.

#![allow(
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    reason = "these comments are the help that people read"
)]

mod admin;
mod keys;
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
use keymint_terminal::stderr;
pub(crate) use keys::{ExportArgs, ForgetArgs, ImportArgs, RecoverArgs, RunArgs, StatusArgs};
#[cfg(feature = "sandbox")]
pub(crate) use sandbox::SandboxArgs;
pub(crate) use shared::{
    BrowserArgs, DestinationArgs, EndpointArgs, KeyArgs, OutputArgs, RestrictionArgs, ServerTimeoutArgs,
    TargetArgs, TimeoutArgs,
};
pub(crate) use sign_in::{CreateArgs, FinishArgs, ListArgs, RotateArgs, StartArgs};
use std::ffi::OsString;
use std::process::ExitCode;
pub(crate) use tools::{ConfigArgs, DoctorArgs};

const ADMIN_ABOUT: &str = include_str!("../help/admin.txt").trim_ascii_end();
const CONFIG_ABOUT: &str = include_str!("../help/config.txt").trim_ascii_end();
const CREATE_EXAMPLES: &str = include_str!("../help/create-examples.txt").trim_ascii_end();
const CREATE_HELP: &str = include_str!("../help/create.txt").trim_ascii_end();
const DOCTOR_ABOUT: &str = include_str!("../help/doctor.txt").trim_ascii_end();
const EXPORT_HELP: &str = include_str!("../help/export.txt").trim_ascii_end();
const FINISH_HELP: &str = include_str!("../help/finish.txt").trim_ascii_end();
const IMPORT_HELP: &str = include_str!("../help/import.txt").trim_ascii_end();
#[cfg(feature = "mcp")]
const MCP_ABOUT: &str = include_str!("../help/mcp.txt").trim_ascii_end();
const RECOVER_HELP: &str = include_str!("../help/recover.txt").trim_ascii_end();
const ROTATE_HELP: &str = include_str!("../help/rotate.txt").trim_ascii_end();
const SERVICE_ACCOUNT_HELP: &str = include_str!("../help/service-account.txt").trim_ascii_end();
const STATUS_HELP: &str = include_str!("../help/status.txt").trim_ascii_end();
const REVOKE_HELP: &str = include_str!("../help/revoke.txt").trim_ascii_end();
const RUN_HELP: &str = include_str!("../help/run.txt").trim_ascii_end();

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
#[command(name = "keymint", version, verbatim_doc_comment, propagate_version = true, max_term_width = 80)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign in with the browser and create one project API key
    #[command(after_help = CREATE_EXAMPLES, after_long_help = CREATE_HELP, verbatim_doc_comment)]
    Create(Box<CreateArgs>),
    /// Sign in and show organizations and projects; nothing is created
    #[command(verbatim_doc_comment)]
    List(Box<ListArgs>),
    /// Begin a sign-in that `finish` completes, perhaps elsewhere or much later
    ///
    /// Prints the address to open, and ends. Whoever opens it, in any browser,
    /// ends on a page that does not load: the address of that page is what
    /// `finish` needs.
    #[command(verbatim_doc_comment)]
    Start(Box<StartArgs>),
    /// Complete a sign-in that `start` began, and create the key
    #[command(after_help = FINISH_HELP, verbatim_doc_comment)]
    Finish(Box<FinishArgs>),
    /// Put an existing key from standard input into a file, the keyring or another place
    #[command(after_help = IMPORT_HELP, verbatim_doc_comment)]
    Import(Box<ImportArgs>),
    /// Run a command with the stored key in its environment
    #[command(after_help = RUN_HELP, verbatim_doc_comment)]
    Run(RunArgs),
    /// Print the stored key as a line for a shell or a tool
    #[command(after_help = EXPORT_HELP, verbatim_doc_comment)]
    Export(ExportArgs),
    /// Replace a key with a new one, in the same project and the same places
    #[command(after_help = ROTATE_HELP, verbatim_doc_comment)]
    Rotate(Box<RotateArgs>),
    /// Show which keys this machine was given, and which one a program started here uses
    ///
    /// Only what was written down here is known: the platform lists all keys at
    /// https://platform.openai.com/api-keys. A key itself is never shown.
    #[command(after_help = STATUS_HELP, verbatim_doc_comment)]
    Status(StatusArgs),
    /// List, deliver or delete keys that are kept because their destination failed
    #[command(after_help = RECOVER_HELP, verbatim_doc_comment)]
    Recover(RecoverArgs),
    /// Remove a stored key from the keyring; on the server it stays valid without --revoke
    Forget(ForgetArgs),
    /// Manage keys on the server with an admin key, without a browser
    #[command(long_about = ADMIN_ABOUT, verbatim_doc_comment, subcommand)]
    Admin(AdminCommand),
    /// Check what a sign-in needs on this machine, and say what to do where it is missing
    #[command(long_about = DOCTOR_ABOUT, verbatim_doc_comment)]
    Doctor(Box<DoctorArgs>),
    /// Show each setting, its value, and where it comes from
    #[command(long_about = CONFIG_ABOUT, verbatim_doc_comment)]
    Config(ConfigArgs),
    #[cfg(feature = "mcp")]
    /// Serve coding agents, which get keys for their users and never see them (MCP)
    #[command(long_about = MCP_ABOUT, verbatim_doc_comment)]
    Mcp {
        /// Profile of the configuration file, and which of the stored keys [default: default]
        #[arg(long, value_name = "NAME")]
        profile: Option<String>,
    },
    #[cfg(feature = "sandbox")]
    /// Watch the whole of `create` against a built-in sandbox: no account, no network
    ///
    /// The sandbox plays the servers and the browser. The real client talks to
    /// it over real sockets on this machine; the key that it prints is good for
    /// nothing. Nothing is asked, and nothing is written to disk.
    #[command(verbatim_doc_comment)]
    Demo {
        #[command(flatten)]
        output: OutputArgs,
    },
    #[cfg(feature = "sandbox")]
    /// Serve the sandbox until Ctrl-C, for front ends in the making
    ///
    /// It plays the authorization server, with a sign-in page to click through,
    /// and the platform API, and refuses what the real ones refuse. Standard
    /// output has the variables that point `keymint create` at it.
    #[command(verbatim_doc_comment)]
    Sandbox(SandboxArgs),
    /// Print what a shell needs to complete commands and options
    ///
    ///   source <(keymint completions bash)
    ///   keymint completions zsh > "${fpath[1]}/_keymint"
    ///   keymint completions fish > ~/.config/fish/completions/keymint.fish
    #[command(verbatim_doc_comment)]
    Completions {
        /// The shell to complete in
        shell: Shell,
    },
    /// Print the manual page, or that of one command
    ///
    ///   keymint man | man -l -
    ///   keymint man create > keymint-create.1
    #[command(verbatim_doc_comment)]
    Man {
        /// The command that the page is about [default: all of them]
        command: Option<String>,
    },
}

impl Command {
    /// The flags that say which profile counts and what to print. A command without a profile reads no
    /// settings.
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
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    keep_nearest(&mut error);
    answer_guess(&mut error);
    mask_typed(&mut error);
    if !(output.json || output.events) {
        stderr::write(error.render().ansi().to_string());
        return ErrorKind::Usage.exit_code();
    }
    let plain = error.render().to_string();
    let tip = plain.split("\n\n").find_map(|paragraph| paragraph.trim_start().strip_prefix("tip: "));
    // The first paragraph has the error, unless it is that of the whole help.
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

/// Answers an unknown command or flag after `help` as if `help` were missing.
fn without_help(error: clap::Error, arguments: &[OsString]) -> clap::Error {
    match arguments {
        [first, rest @ ..]
            if first == "help" && error.kind() == clap::error::ErrorKind::InvalidSubcommand =>
        {
            let program = OsString::from("keymint");
            Args::try_parse_from([&program].into_iter().chain(rest)).err().unwrap_or(error)
        }
        _ => error,
    }
}

/// Names of commands in other programs, and the command of this one.
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

/// Names the command to use instead of one that other programs have.
fn answer_guess(error: &mut clap::Error) {
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand) else { return };
    if let Some((_, answer)) = GUESSES.iter().find(|(names, _)| names.contains(&typed.as_str())) {
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![(*answer).into()]));
    }
}

/// Keeps the nearest of several suggested commands, which is the last.
fn keep_nearest(error: &mut clap::Error) {
    if let Some(ContextValue::Strings(names)) = error.get(ContextKind::SuggestedSubcommand) {
        let nearest = names.last().cloned().into_iter().collect();
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(nearest));
    }
}

/// Masks what looks like a secret in the values that the error repeats, and escapes what could steer a terminal.
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
        // The suggestions repeat it as well.
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
    fn what_follows_help_is_answered_as_without_it() {
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
                assert_eq!(args.address.is_some(), command.contains("http"), "{command}");
            }
        }
    }
}
