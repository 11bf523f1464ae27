//! The layout of the help.

use super::Args;
use super::shared::{ENDPOINTS, OPTIONS};
use clap::builder::{Resettable, StyledStr};
use clap::{Arg, ArgAction, CommandFactory};
use keymint_terminal::stdout_columns;
use std::ffi::OsString;
use std::fmt::Write;
use textwrap::WordSplitter;

/// The maximum width of the help, in columns.
pub(super) const WIDTH: usize = 80;

/// The commands in the program's help, grouped by purpose.
const GROUPS: [(&str, &[&str]); 7] = [
    ("Get a key", &["create", "run", "export", "import"]),
    ("Sign in elsewhere", &["start", "finish"]),
    ("Inspect", &["status", "list", "doctor", "config"]),
    ("Replace and repair", &["rotate", "recover", "forget", "admin"]),
    ("Coding agents", &["mcp"]),
    ("Try", &["demo", "sandbox"]),
    ("Shell", &["completions", "man"]),
];

pub(crate) const EXAMPLES: &str = "
Examples:
  keymint create --env-file   put a new key into ./.env
  KEY=$(keymint create)       standard output has the key and nothing else
  keymint demo                try it in a second, without an account
";

/// Returns a text with paragraphs that can be wrapped: lines are joined unless they are indented or follow a heading.
pub(super) fn wrapping(text: &str) -> String {
    let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
    let (mut joined, mut previous) = (String::new(), "");
    for line in text.trim_end().lines() {
        let continues = is_prose(line) && is_prose(previous) && !previous.ends_with(':');
        joined += if continues {
            " "
        } else if joined.is_empty() {
            ""
        } else {
            "\n"
        };
        joined += line;
        previous = line;
    }
    joined
}

/// Returns the width of the help, in columns.
fn width() -> usize {
    stdout_columns().map_or(WIDTH, |columns| columns.min(WIDTH))
}

/// Returns a text whose lines can have two columns, with two or more spaces between them. Where a line is too wide, its
/// second column is wrapped, or begins on the next line if the first one leaves little space.
fn in_columns(text: &str, width: usize) -> String {
    let fit = |line: &str| {
        let start = line.len() - line.trim_start().len();
        let gap = line[start..].find("  ").filter(|_| line.chars().count() > width);
        let Some((first, second)) = gap.map(|gap| line.split_at(start + gap)) else { return line.to_owned() };
        let (second, column) = (second.trim_start(), line.len() - second.trim_start().len());
        if column <= width / 2 {
            let options = textwrap::Options::new(width).word_splitter(WordSplitter::NoHyphenation);
            textwrap::fill(line, options.break_words(false).subsequent_indent(&" ".repeat(column)))
        } else {
            format!("{first}\n      {second}")
        }
    };
    text.split('\n').map(fit).collect::<Vec<_>>().join("\n")
}

/// Returns the template of the program's help: the commands in groups, then examples and options.
fn template(program: &clap::Command) -> String {
    let styles = program.get_styles();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let width = width();
    let mut template = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    for (heading, names) in GROUPS {
        let _ = writeln!(template, "\n{header}{heading}:{header:#}");
        for command in names.iter().filter_map(|name| program.find_subcommand(name)) {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let options = textwrap::Options::new(width).subsequent_indent("               ");
            let name = format!("  {literal}{:11}{literal:#}  ", command.get_name());
            let _ = writeln!(template, "{}", textwrap::fill(&format!("{name}{about}"), options));
        }
    }
    template += &in_columns(EXAMPLES, width);
    template + &format!("\n{header}Options:{header:#}\n{{options}}")
}

/// The order of a command's help.
const COMMAND_TEMPLATE: &str =
    "{about-with-newline}\n{usage-heading} {usage}\n\n{before-help}{all-args}{after-help}";

/// Splits a text into the examples at its beginning and the rest.
pub(crate) fn split_examples(text: &str) -> (&str, &str) {
    if !text.starts_with("Examples:\n") {
        return ("", text);
    }
    text.split_once("\n\n").unwrap_or((text, ""))
}

/// Arranges the help of a command: the examples first, and the options without a heading last. Only `create` shows
/// the endpoints.
fn arranged(command: clap::Command) -> clap::Command {
    let text = |text: Option<&StyledStr>| text.map(ToString::to_string).unwrap_or_default();
    let set = |text: &str| match text {
        "" => Resettable::Reset,
        text => Resettable::Value(StyledStr::from(in_columns(text, width()))),
    };
    let short = text(command.get_after_help());
    let mut long = text(command.get_after_long_help().or(command.get_after_help()));
    let has_endpoints = command.get_arguments().any(|option| option.get_help_heading() == Some(ENDPOINTS));
    let hides_endpoints = has_endpoints && command.get_name() != "create";
    if hides_endpoints {
        long += "\n\nEndpoints, such as --issuer and --ca-file: see `keymint create --help`.";
    }
    let ((examples, short), (long_examples, long)) = (split_examples(&short), split_examples(&long));
    let has_headings = command.get_arguments().any(|option| option.get_help_heading().is_some());
    let arranged = command
        .mut_args(|option| match option.get_long_help().map(ToString::to_string) {
            // The paragraphs of a text become one.
            Some(text) => option.long_help(text.replace("\n\n[", " [").replace("\n\n", ". ")),
            None => option,
        })
        .mut_args(|option| match option.get_help_heading() {
            Some(ENDPOINTS) => option.hide(hides_endpoints),
            None if has_headings && !option.is_positional() => option.help_heading(OPTIONS),
            _ => option,
        })
        .before_help(set(examples))
        .before_long_help(set(long_examples))
        .after_help(set(short))
        .after_long_help(set(long))
        .help_template(COMMAND_TEMPLATE)
        .mut_subcommands(arranged);
    if !has_headings {
        return arranged;
    }
    // The flags that the parser adds have no heading, and would come first.
    let flag =
        |name, short, action| Arg::new(name).long(name).short(short).action(action).help_heading(OPTIONS);
    arranged
        .disable_help_flag(true)
        .disable_version_flag(true)
        .arg(flag("help", 'h', ArgAction::Help).help("Print help; -h prints a summary"))
        .arg(flag("version", 'V', ArgAction::Version).help("Print version"))
}

/// Returns the help in the layout of this program, if the error is a help.
pub(super) fn with_layout(error: clap::Error, arguments: &[OsString]) -> clap::Error {
    use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand};
    if !matches!(error.kind(), DisplayHelp | DisplayHelpOnMissingArgumentOrSubcommand) {
        return error;
    }
    let program = Args::command();
    let template = template(&program);
    let arguments = [OsString::from("keymint")].into_iter().chain(arguments.iter().cloned());
    let program = program.mut_subcommands(arranged).help_template(template);
    program.try_get_matches_from(arguments).err().unwrap_or(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_column_that_does_not_fit_is_wrapped_or_begins_on_the_next_line() {
        let text = "Heading:\n  ls   a list of files\n  ls --all          all\n  no columns in this";
        let narrow = "Heading:\n  ls   a list of\n       files\n  ls --all\n      all\n  no columns in this";
        assert_eq!((in_columns(text, 16), in_columns(text, 80)), (narrow.to_owned(), text.to_owned()));
    }

    #[test]
    fn the_help_of_the_program_has_each_command_in_one_group_and_on_one_line() {
        let program = Args::command();
        for command in program.get_subcommands() {
            let groups = GROUPS.iter().filter(|(_, names)| names.contains(&command.get_name()));
            assert_eq!(groups.count(), 1, "{}", command.get_name());
            let about = command.get_about().unwrap().to_string();
            assert!(about.len() <= WIDTH - 15, "{about}");
        }
    }
}
