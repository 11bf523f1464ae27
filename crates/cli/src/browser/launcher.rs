//! A command that opens a URL.

use crate::os::core_dumps;
use keymint_delivery_adapter::which;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// The placeholder of the URL; a command without it gets the URL as its last argument.
const ADDRESS: &str = "%s";

/// Browsers that draw in the terminal, which this program talks in.
const TEXT_BROWSERS: [&str; 8] =
    ["lynx", "w3m", "links", "links2", "elinks", "browsh", "carbonyl", "www-browser"];

/// A program and its arguments. No shell reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launcher {
    program: String,
    arguments: Vec<String>,
}

impl Launcher {
    /// The words of a command, quoted as in a POSIX shell; or the path of a program, spaces and all.
    pub(crate) fn parse(command: &str) -> Result<Self, &'static str> {
        let words = if Path::new(command).is_file() {
            vec![command.to_owned()]
        } else {
            shell_words::split(command).map_err(|_| "it has a quote without an end")?
        };
        match words.split_first() {
            Some((program, arguments)) if !program.is_empty() => {
                Ok(Self { program: program.clone(), arguments: arguments.to_vec() })
            }
            _ => Err("it must name a program"),
        }
    }

    /// The program's name, without its directory.
    pub(crate) fn name(&self) -> &str {
        Path::new(&self.program).file_stem().and_then(|name| name.to_str()).unwrap_or(&self.program)
    }

    pub(crate) fn takes_the_terminal(&self) -> bool {
        TEXT_BROWSERS.contains(&self.name())
    }

    /// Whether the program can be found.
    pub(crate) fn is_there(&self) -> bool {
        which(&self.program).is_ok()
    }

    /// Starts it, with nothing to read and nowhere to write.
    ///
    /// It is neither waited for nor ever ended: it may be the browser itself, which the person goes
    /// on using. What is typed for this program, Ctrl-C too, is not for it.
    pub(crate) fn start(&self, address: &str) -> io::Result<()> {
        let program = which(&self.program).map_err(io::Error::other)?;
        let mut command = Command::new(program);
        command.args(self.arguments(address));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        core_dumps::with_the_persons_limits(|| command.spawn()).map(drop)
    }

    fn arguments(&self, address: &str) -> Vec<String> {
        let replaced = self.arguments.iter().map(|argument| argument.replace(ADDRESS, address));
        let has_place = self.arguments.iter().any(|argument| argument.contains(ADDRESS));
        replaced.chain((!has_place).then(|| address.to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_put_where_the_command_says_or_at_its_end() {
        let address = "http://localhost:5000/start/x?a=1&b";
        for (command, expected) in [
            ("firefox", &["firefox", address][..]),
            ("open -a 'Google Chrome'", &["open", "-a", "Google Chrome", address]),
            ("x %s %s", &["x", address, address]),
            ("chromium --app=%s --new", &["chromium", "--app=http://localhost:5000/start/x?a=1&b", "--new"]),
            ("sh -c \"x %s; $(id)\"", &["sh", "-c", "x http://localhost:5000/start/x?a=1&b; $(id)"]),
        ] {
            let launcher = Launcher::parse(command).unwrap();
            let words = [vec![launcher.program.clone()], launcher.arguments(address)].concat();
            assert_eq!(words, expected);
        }
    }

    #[test]
    fn a_path_with_spaces_is_one_program_and_what_names_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my browser.exe");
        std::fs::write(&path, "").unwrap();
        let launcher = Launcher::parse(path.to_str().unwrap()).unwrap();
        assert_eq!((launcher.name(), launcher.arguments("a").len()), ("my browser", 1));
        for command in ["", "  ", "''", "'unfinished", "# a comment"] {
            assert!(Launcher::parse(command).is_err(), "{command}");
        }
    }

    #[test]
    fn browsers_that_take_the_terminal_are_known_wherever_they_are() {
        for (command, takes) in [
            ("lynx", true),
            ("/usr/bin/w3m -N", true),
            ("www-browser", true),
            ("x-www-browser", false),
            ("xterm -e lynx %s", false),
        ] {
            assert_eq!(Launcher::parse(command).unwrap().takes_the_terminal(), takes, "{command}");
        }
    }
}
