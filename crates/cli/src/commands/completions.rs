//! `keymint completions` and `keymint man`: files for shells and packagers, generated from the definition of the
//! command line.

use crate::args::{Args, EXAMPLES, OPTIONS, split_examples};
use crate::config::{self, DEFINITIONS, Profile, variable};
use crate::error::CliError;
use crate::ui::stdout;
use clap::builder::Resettable;
use clap::{Arg, Command, CommandFactory, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use keymint_delivery_adapter::StateDir;
use std::collections::BTreeSet;

/// Shell functions that complete the command after `run`, and profiles.
const RUN_BASH: &str = include_str!("completions/run.bash");
const RUN_FISH: &str = include_str!("completions/run.fish");
const PROFILES_ZSH: &str = include_str!("completions/profiles.zsh");

/// Prints the completion script of a shell. Without a shell, prints the known profiles, for such a script.
pub(crate) fn run(shell: Option<Shell>) -> Result<(), CliError> {
    match shell {
        Some(shell) => print(&script(shell)),
        None => profiles().iter().try_for_each(|profile| print(profile)),
    }
}

fn script(shell: Shell) -> String {
    let program = Args::command();
    let pages: Vec<_> = program.get_subcommands().map(name_only).collect();
    // For the generator, the words after `man` are commands, as they are after `help`.
    let mut command = visible(&program).mut_subcommand("man", |man| name_only(&man).subcommands(pages));
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "keymint", &mut script);
    let script = String::from_utf8(script).expect("it is made of text");
    match shell {
        Shell::Bash => {
            let option = "--profile)\n                    COMPREPLY=";
            let profiles = r#"($(compgen -W "$(keymint completions --profiles 2>/dev/null)" -- "${cur}"))"#;
            let files = format!(r#"{option}($(compgen -f "${{cur}}"))"#);
            let script = script.replace(&files, &format!("{option}{profiles}"));
            let (functions, registration) = script.rsplit_once("\n}\n").expect("it has a function");
            let registration = registration.replace("-F _keymint ", "-F _keymint_line ");
            format!("{functions}\n}}\n{RUN_BASH}{registration}")
        }
        Shell::Zsh => {
            let lines = script.lines().map(|line| match line.strip_prefix("'--profile=") {
                Some(_) => line.replace(":_default'", ":_keymint_profiles'"),
                None => line.to_owned(),
            });
            let script = lines.collect::<Vec<_>>().join("\n");
            script.replace("\nif [ \"$funcstack[1]\"", &format!("\n{PROFILES_ZSH}if [ \"$funcstack[1]\""))
        }
        Shell::Fish => {
            let lines = script.lines().map(|line| {
                let profiles = r#" -f -a "(keymint completions --profiles 2>/dev/null)""#;
                // The generator takes the command itself for one of the words after it.
                let own = ["man", "help"].into_iter().find(|name| {
                    line.contains(&format!("_using_subcommand {name}; and not __fish_seen_subcommand_from"))
                });
                match own {
                    Some(name) => line.replacen(&format!(" {name}\""), "\"", 1),
                    None if line.contains(" -l profile ") => format!("{line}{profiles}"),
                    None => line.to_owned(),
                }
            });
            // The generator omits the values of positional arguments, and offers files after commands.
            let shells = Shell::value_variants().iter().map(Shell::to_string).collect::<Vec<_>>().join(" ");
            let values = [("completions", &*shells), ("man", ""), ("help", "")].map(|(name, values)| {
                let condition = format!("__fish_keymint_using_subcommand {name}");
                format!("complete -c keymint -n \"{condition}\" -f -a \"{values}\"")
            });
            lines.chain(values).collect::<Vec<_>>().join("\n") + "\n" + RUN_FISH
        }
        _ => script,
    }
}

/// Returns the profiles of the configuration file and of the keys that this machine has stored.
fn profiles() -> BTreeSet<String> {
    let keys = StateDir::open_default().and_then(|state| state.known_keys()).unwrap_or_default();
    let deliveries = keys.into_iter().flat_map(|key| key.record.deliveries);
    let stored = deliveries.filter(|delivery| delivery.removed_at.is_none());
    let names = stored.filter_map(|delivery| delivery.profile).chain(config::profiles_of_file());
    names.filter(|name| Profile::parse(name).is_ok()).collect()
}

pub(crate) fn man(command: &[String]) -> Result<(), CliError> {
    print(&page(command.iter().map(String::as_str))?)
}

/// Returns the manual page of keymint, or of the command with these names.
fn page<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<String, CliError> {
    // The `help` of the parser has a copy of each command.
    let without_help = |command: Command| command.disable_help_subcommand(true);
    let mut whole = without_help(Args::command().mut_subcommands(without_help));
    // Only a built command knows its full name.
    whole.build();
    let command = names.into_iter().try_fold(&whole, |command, name| {
        // `admin-list` is the name of a page, and `admin list` that of its command.
        let of_page = |(outer, inner)| command.find_subcommand(outer)?.find_subcommand(inner);
        let found = command.find_subcommand(name).or_else(|| name.split_once('-').and_then(of_page));
        found.ok_or_else(|| {
            let names: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
            let error = CliError::usage("there is no such command");
            if names.is_empty() { error } else { error.hint(format!("There are: {}.", names.join(", "))) }
        })
    })?;
    let text = command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string);
    let text = text.unwrap_or_else(|| EXAMPLES.trim().to_owned());
    let (examples, notes) = split_examples(&text);
    let notes = if notes.is_empty() { Resettable::Reset } else { Resettable::Value(notes.to_owned().into()) };
    let command = command.clone().after_help(Resettable::Reset).after_long_help(notes);
    // The generator omits the text of an option that the short help hides.
    let command = command.mut_args(|option| match option.get_help_heading() {
        // The generator has a section for the options without a heading.
        Some(OPTIONS) => option.hide_short_help(false).help_heading(Resettable::Reset),
        _ => option.hide_short_help(false),
    });
    let last = last_sections(&command, examples);
    let man = Man::new(command).source(concat!("keymint ", env!("CARGO_PKG_VERSION"))).manual("keymint");
    let mut page = Vec::new();
    man.render(&mut page).expect("memory takes what is written");
    let mut page = String::from_utf8(page).expect("it is made of text").replace(".SH EXTRA\n", ".SH NOTES\n");
    match page.find("\nExit codes") {
        Some(start) => page.insert_str(start, "\n.SH \"EXIT STATUS\""),
        None => {
            page += "\n.SH \"EXIT STATUS\"\n0 on success. The other exit codes are in keymint\\-create(1).\n"
        }
    }
    Ok(page + &last)
}

/// Environment variables that do not belong to an option: an option of the pages that list the variable, its name and
/// its purpose.
const VARIABLES: [(&str, &str, &str); 5] = [
    ("var", "OPENAI_API_KEY", "The key. --var names another variable."),
    ("browser", "BROWSER", "The command that starts the browser, without --browser."),
    ("http-timeout", "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY", "The proxy, and the hosts without it."),
    ("ca-file", "CODEX_CA_CERTIFICATE, SSL_CERT_FILE", "Certificates to trust, without --ca-file."),
    ("revoke", "OPENAI_ADMIN_KEY", "The admin key, which lists, creates and deletes keys."),
];

/// Files: an option of the pages that list the file, its path and its purpose.
const FILES: [(&str, &str, &str); 3] = [
    ("env-file", ".env", "The dotenv file of --env-file without a path."),
    (
        "profile",
        "$XDG_CONFIG_HOME/keymint/config.toml",
        "The configuration file: see keymint-config(1). The default directory is ~/.config.",
    ),
    (
        "profile",
        "$XDG_STATE_HOME/keymint",
        "The records of the keys, and keys whose destination failed. The default directory is ~/.local/state.",
    ),
];

/// Returns the sections that the generator does not write. The page of the program has the variables and files of all
/// commands.
fn last_sections(command: &Command, examples: &str) -> String {
    let own = command.get_display_name().unwrap_or_default();
    let is_of_all = command.get_name() == "keymint";
    // The commands of `admin` read the admin key, as `--revoke` does.
    let is_of_admin = own.starts_with("keymint-admin");
    let options = command.get_arguments().filter(|option| !option.is_hide_set());
    let options: Vec<_> = options.filter_map(Arg::get_long).collect();
    let has = |option: &str| is_of_all || options.contains(&option) || (is_of_admin && option == "revoke");
    let mut variables =
        vec![("NO_COLOR".to_owned(), "Output has no colors, if the variable is not empty.".to_owned())];
    // A command without a profile reads no settings. The `--print` of `export` has no variable.
    if is_of_all {
        let text = "An option without its dashes, in capitals: KEYMINT_CALLBACK_PORT for --callback-port.";
        variables.push(("KEYMINT_*".to_owned(), text.to_owned()));
    } else if has("profile") {
        let names = DEFINITIONS.iter().map(|definition| definition.name);
        let names = names.filter(|name| has(name) && (*name != "print" || has("env-file")));
        variables.extend(names.map(|name| (variable(name), format!("As --{name}."))));
    }
    let entries = |table: &[(&str, &str, &str)]| {
        let entries = table.iter().filter(|(option, ..)| has(option));
        entries.map(|(_, name, text)| ((*name).to_owned(), (*text).to_owned())).collect::<Vec<_>>()
    };
    variables.extend(entries(&VARIABLES));
    let mut sections = Roff::new();
    for (heading, entries) in [("ENVIRONMENT", variables), ("FILES", entries(&FILES))] {
        sections.control("SH", [heading]);
        if entries.is_empty() {
            sections.text([roman("None. Those of the other commands are in keymint(1).")]);
        }
        for (name, text) in entries {
            sections.control("TP", []).text([bold(name)]).text([roman(text)]);
        }
    }
    sections.control("SH", ["EXAMPLES"]).control("nf", []);
    for example in examples.lines().skip(1) {
        sections.text([roman(example)]);
    }
    sections.control("fi", []);
    let others = ["keymint", "keymint-create", "keymint-config", "keymint-doctor"];
    let others = others.into_iter().filter(|name| *name != own).map(|name| format!("{name}(1)"));
    sections.control("SH", ["SEE ALSO"]).text([roman(others.collect::<Vec<_>>().join(", "))]);
    sections.to_roff()
}

/// Returns the command without hidden options, which some generators would offer.
fn visible(command: &Command) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    let options = command.get_arguments().filter(|option| !option.is_hide_set()).cloned();
    let copy = Command::new(leaked_name(command)).about(about).args(options);
    let copy = copy.subcommands(command.get_subcommands().map(visible));
    if command.get_version().is_some() {
        copy.version(env!("CARGO_PKG_VERSION")).propagate_version(true)
    } else {
        copy
    }
}

/// Returns the command with its subcommands, but without options.
fn name_only(command: &Command) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    let copy = Command::new(leaked_name(command)).about(about).disable_help_flag(true);
    let copy = copy.disable_version_flag(true).disable_help_subcommand(true);
    copy.subcommands(command.get_subcommands().map(name_only))
}

/// Returns the name with the lifetime that the parser needs, which is that of the program.
fn leaked_name(command: &Command) -> &'static str {
    command.get_name().to_owned().leak()
}

fn print(text: &str) -> Result<(), CliError> {
    stdout::show_to_reader(text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_command_has_a_page_of_its_own_and_the_first_page_names_it() {
        let first = page([]).unwrap();
        for command in Args::command().get_subcommands() {
            let name = command.get_name();
            let page = page([name]).unwrap();
            assert!(page.contains(&format!(".TH keymint-{name} 1")), "{page}");
            for inner in command.get_subcommands().map(clap::Command::get_name) {
                let title = format!(".TH keymint-{name}-{inner} 1");
                assert!(self::page([name, inner]).unwrap().contains(&title), "{title}");
            }
            assert!(first.contains(&format!("keymint\\-{name}(1)")), "{first}");
        }
        assert!(page(["brew"]).is_err());
    }

    #[test]
    fn each_page_that_a_page_names_exists() {
        let mut named = BTreeSet::new();
        let mut unread = vec![String::new()];
        while let Some(name) = unread.pop() {
            let page = page([&*name].into_iter().filter(|name| !name.is_empty())).unwrap().replace('\\', "");
            let names = page.split("keymint-").skip(1).filter_map(|rest| rest.split_once("(1)"));
            let names = names.map(|(name, _)| name).filter(|name| !name.contains(char::is_whitespace));
            unread.extend(names.filter(|name| named.insert((*name).to_owned())).map(str::to_owned));
        }
        let command = Args::command();
        let inner = command.get_subcommands().map(|command| command.get_subcommands().count() + 1);
        assert_eq!(named.len(), inner.sum::<usize>(), "{named:?}");
    }

    #[test]
    fn a_page_has_a_text_for_each_option_and_each_section_once() {
        let names: Vec<_> = Args::command().get_subcommands().map(|it| it.get_name().to_owned()).collect();
        let pages = names.iter().map(|name| vec![name.as_str()]).chain([vec![], vec!["admin", "list"]]);
        for name in pages {
            let page = page(name.iter().copied()).unwrap();
            let lines: Vec<_> = page.lines().collect();
            for entry in lines.windows(3).filter(|lines| lines[0] == ".TP") {
                assert!(!entry[2].is_empty() && !entry[2].starts_with('.'), "{name:?}: {entry:?}");
            }
            let count = |heading| lines.iter().filter(|line| **line == format!(".SH {heading}")).count();
            for heading in ["OPTIONS", "ENVIRONMENT", "FILES", "EXAMPLES", "\"EXIT STATUS\"", "\"SEE ALSO\""]
            {
                assert_eq!(count(heading), 1, "{name:?}: {heading}");
            }
            assert!(page.contains(".SH EXAMPLES\n.nf\n") && count("EXTRA") == 0, "{page}");
        }
        for text in ["OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "KEYMINT_*", "NO_COLOR", "config.toml"] {
            assert!(page([]).unwrap().contains(text), "{text}");
        }
        for command in [&["admin"][..], &["admin", "revoke"], &["admin", "service-account"], &["rotate"]] {
            assert!(page(command.iter().copied()).unwrap().contains("OPENAI_ADMIN_KEY"), "{command:?}");
        }
        let create = page(["create"]).unwrap();
        for text in ["KEYMINT_POLL_INTERVAL", "NO_PROXY", "config.toml"] {
            assert!(create.contains(text), "{create}");
        }
    }
}
