//! `--copy`: the clipboard.

use super::feed::feed;
use super::osc52::{Wrapping, set_clipboard};
use super::{Destination, terminal};
use crate::blocking;
use crate::error::{CliError, ErrorKind};
use crate::program;
use async_trait::async_trait;
use keymint_domain::{ApiKey, Clock};
use keymint_tokio_clock::TokioClock;
use std::env;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use zeroize::Zeroizing;

/// How long the terminal may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A way to the clipboard: a convenience, not a place to keep a key.
pub(crate) enum Clipboard {
    /// A program of the system or the desktop, with its arguments.
    Program { name: &'static str, path: PathBuf, arguments: &'static [&'static str] },
    /// The terminal, which may or may not do as it is told.
    Terminal,
}

impl Clipboard {
    /// Looks for a way, and prefers one that says whether it worked.
    pub(crate) fn check() -> Result<Self, CliError> {
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        for (name, arguments) in programs(is_set) {
            if let Ok(path) = program::which(name) {
                return Ok(Self::Program { name, path, arguments });
            }
        }
        if understands_sequences(env::var("TERM").ok().as_deref())
            && (io::stderr().is_terminal() || terminal::is_there())
        {
            return Ok(Self::Terminal);
        }
        Err(CliError::new(ErrorKind::DestinationUnusable, "there is no way to a clipboard from here").hint(
            "On a desktop, wl-copy (from wl-clipboard), xclip or xsel reach it; without one, the terminal must be one that \
             can. --env-file, --keyring and --pipe-to need neither.",
        ))
    }
}

/// The programs that may reach the clipboard of this session, the best first. Each takes its standard
/// input.
fn programs(is_set: impl Fn(&str) -> bool) -> Vec<(&'static str, &'static [&'static str])> {
    if cfg!(target_os = "macos") {
        return vec![("pbcopy", &[])];
    }
    if cfg!(windows) {
        return vec![("clip", &[])];
    }
    let mut programs: Vec<(_, &[_])> = Vec::new();
    if is_set("WAYLAND_DISPLAY") {
        programs.push(("wl-copy", &["--type", "text/plain"]));
    }
    if is_set("DISPLAY") {
        programs.push(("xclip", &["-selection", "clipboard", "-in"]));
        programs.push(("xsel", &["--clipboard", "--input"]));
    }
    if is_set("WSL_DISTRO_NAME") {
        programs.push(("clip.exe", &[]));
    }
    programs
}

/// Whether a terminal of this kind may know what to do, and shows nothing where it does not.
fn understands_sequences(term: Option<&str>) -> bool {
    !matches!(term, None | Some("" | "dumb" | "linux"))
}

#[async_trait]
impl Destination for Clipboard {
    fn name(&self) -> String {
        "clipboard".to_owned()
    }

    fn keeps(&self) -> bool {
        false
    }

    async fn deliver(&mut self, key: &ApiKey) -> io::Result<()> {
        match self {
            Self::Program { name, path, arguments } => {
                let key = Zeroizing::new(key.expose().as_bytes().to_vec());
                let fed = feed(quiet(path, arguments), key, &|_| {}, &TokioClock::new()).await;
                fed.map_err(|error| io::Error::other(format!("{name} {error}")))
            }
            Self::Terminal => {
                let wrapping = Wrapping::of(|name| env::var(name).ok());
                let sequences = set_clipboard(key.expose(), wrapping);
                let clock = TokioClock::new();
                let writing = blocking::run(move || write_to_terminal(&sequences));
                tokio::select! {
                    biased;
                    written = writing => written?,
                    () = clock.sleep(PATIENCE) => Err(io::Error::other("the terminal takes nothing")),
                }
            }
        }
    }

    fn what_now(&self) -> String {
        match self {
            Self::Program { .. } => {
                "It is on the clipboard, where programs that keep a history of it may have it for long."
                    .to_owned()
            }
            Self::Terminal => {
                "Your terminal was asked to put it on the clipboard, which not every terminal does. Programs \
                that keep a history of it may have it for long."
                    .to_owned()
            }
        }
    }
}

/// Some of these programs stay, to serve what was copied: they hold nothing open, and Ctrl-C does not
/// reach them.
fn quiet(path: &PathBuf, arguments: &[&str]) -> Command {
    let mut command = Command::new(path);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(unix)]
    command.process_group(0);
    command
}

fn write_to_terminal(sequences: &str) -> io::Result<()> {
    let mut stderr = io::stderr();
    if stderr.is_terminal() {
        return stderr.write_all(sequences.as_bytes());
    }
    terminal::open()?.write_all(sequences.as_bytes())
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_asked_only_where_its_desktop_is() {
        for (set, expected) in [
            (&[][..], &[][..]),
            (&["WAYLAND_DISPLAY", "DISPLAY"], &["wl-copy", "xclip", "xsel"]),
            (&["DISPLAY"], &["xclip", "xsel"]),
            (&["WSL_DISTRO_NAME"], &["clip.exe"]),
        ] {
            let programs: Vec<_> =
                programs(|name| set.contains(&name)).iter().map(|(name, _)| *name).collect();
            assert_eq!(programs, expected, "{set:?}");
        }
    }

    #[test]
    fn a_terminal_that_would_show_the_sequence_gets_none() {
        for term in [None, Some(""), Some("dumb"), Some("linux")] {
            assert!(!understands_sequences(term), "{term:?}");
        }
        assert!(understands_sequences(Some("xterm-256color")));
    }
}
