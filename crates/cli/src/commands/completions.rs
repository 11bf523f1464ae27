//! `keymint completions` and `keymint man`: files for shells and packagers, generated from the definition of the
//! command line.

use crate::args::Args;
use crate::error::CliError;
use crate::ui::stdout;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

pub(crate) fn run(shell: Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "keymint", &mut script);
    print(script)
}

pub(crate) fn man(command: Option<&str>) -> Result<(), CliError> {
    print(page(command)?)
}

/// Returns the manual page of keymint, or of one command.
fn page(name: Option<&str>) -> Result<Vec<u8>, CliError> {
    let mut whole = Args::command();
    // A command knows its whole name only after this.
    whole.build();
    let command = match name {
        None => whole,
        Some(name) => whole.find_subcommand(name).cloned().ok_or_else(|| {
            let names: Vec<_> = whole.get_subcommands().map(Command::get_name).collect();
            CliError::usage("there is no such command").hint(format!("There are: {}.", names.join(", ")))
        })?,
    };
    let mut page = Vec::new();
    let man = Man::new(command).source(concat!("keymint ", env!("CARGO_PKG_VERSION"))).manual("keymint");
    man.render(&mut page).expect("memory takes what is written");
    Ok(page)
}

fn print(text: Vec<u8>) -> Result<(), CliError> {
    stdout::show(String::from_utf8(text).expect("it is made of text").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_of_its_own_and_the_first_page_names_it() {
        let first = String::from_utf8(page(None).unwrap()).unwrap();
        for command in Args::command().get_subcommands() {
            let name = command.get_name();
            let page = String::from_utf8(page(Some(name)).unwrap()).unwrap();
            assert!(page.contains(&format!(".TH keymint-{name} 1")), "{page}");
            assert!(first.contains(&format!("keymint\\-{name}(1)")), "{first}");
        }
        assert!(page(Some("brew")).is_err());
    }
}
