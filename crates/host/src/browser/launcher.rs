//! A command that opens a URL.

use crate::quoting::posix_quoting;
use crate::which::which;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use url::Url;

/// The placeholder for the URL. A command without it gets the URL as its last argument.
const PLACEHOLDER: &str = "%s";

/// Browsers that draw in the terminal, where this program writes.
const TEXT_BROWSERS: [&str; 8] =
    ["lynx", "w3m", "links", "links2", "elinks", "browsh", "carbonyl", "www-browser"];

/// A program with its arguments. It is started without a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launcher {
    program: String,
    arguments: Vec<String>,
}

/// The reason why a text is not a [`Launcher`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLauncher {
    /// A quote is not closed.
    #[error("it has an unclosed quote")]
    UnclosedQuote,
    /// The text is empty, or begins with an empty word or a URL.
    #[error("it must name a program")]
    NoProgram,
}

impl Launcher {
    /// Parses a command, quoted as in a POSIX shell, or the path of a program, which may contain spaces. On Windows,
    /// a backslash does not escape. `%s` stands for the URL. Without `%s`, the URL becomes the last argument.
    ///
    /// # Errors
    ///
    /// [`InvalidLauncher`] with the reason.
    pub fn parse(command: &str) -> Result<Self, InvalidLauncher> {
        let words = if Path::new(command).is_file() {
            vec![command.to_owned()]
        } else {
            shell_words::split(&posix_quoting(command)).map_err(|_| InvalidLauncher::UnclosedQuote)?
        };
        match words.split_first() {
            Some((program, arguments)) if !program.is_empty() && !program.contains("://") => {
                Ok(Self { program: program.clone(), arguments: arguments.to_vec() })
            }
            _ => Err(InvalidLauncher::NoProgram),
        }
    }

    /// Returns the program's name, without its directory and its extension.
    pub fn name(&self) -> &str {
        Path::new(&self.program).file_stem().and_then(|name| name.to_str()).unwrap_or(&self.program)
    }

    /// Returns whether the program is a browser that draws in the terminal.
    pub fn takes_the_terminal(&self) -> bool {
        TEXT_BROWSERS.contains(&self.name())
    }

    /// Returns whether the program exists and can be started.
    pub fn can_start(&self) -> bool {
        which(&self.program).is_ok()
    }

    /// Starts the program with `spawn`, without standard streams. On Unix, the program gets its own process group, so
    /// Ctrl-C does not reach it.
    ///
    /// The program is neither waited for nor killed, since it may be the browser itself, which the user continues to
    /// use.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the program was not found or cannot be started.
    pub fn start(&self, url: &Url, spawn: impl FnOnce(&mut Command) -> io::Result<Child>) -> io::Result<()> {
        let program = which(&self.program).map_err(io::Error::other)?;
        let mut command = Command::new(program);
        command.args(self.arguments(url.as_str()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        spawn(&mut command).map(drop)
    }

    fn arguments(&self, url: &str) -> Vec<String> {
        let replaced = self.arguments.iter().map(|argument| argument.replace(PLACEHOLDER, url));
        let has_placeholder = self.arguments.iter().any(|argument| argument.contains(PLACEHOLDER));
        replaced.chain((!has_placeholder).then(|| url.to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_put_where_the_command_says_or_at_its_end() {
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
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("my browser.exe");
        std::fs::write(&path, "").unwrap();
        let launcher = Launcher::parse(path.to_str().unwrap()).unwrap();
        assert_eq!((launcher.name(), launcher.arguments("a").len()), ("my browser", 1));
        for command in ["", "  ", "''", "'unfinished", "# a comment", "http://localhost:5000/?code=c"] {
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
