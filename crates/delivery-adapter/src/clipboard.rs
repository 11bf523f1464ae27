//! The clipboard.

mod osc52;

use crate::process::stdin::{AroundSpawn, write_to_stdin};
use crate::process::terminal;
use crate::threads;
use keymint_domain::{ApiKey, DeliveryError, DestinationId, KeyDestination, async_trait};
use keymint_host::which;
use keymint_tokio_clock::TokioClock;
use osc52::{Wrapping, set_clipboard};
use std::env;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use zeroize::Zeroizing;

/// How long the terminal may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A way to the clipboard, which does not keep a key.
pub struct Clipboard {
    way: Way,
    around_spawn: AroundSpawn,
}

enum Way {
    /// A program of the system or the desktop, with its arguments.
    Program { name: &'static str, path: PathBuf, arguments: &'static [&'static str] },
    /// The terminal, which may ignore the request.
    Terminal,
}

/// There is no way to a clipboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no way to a clipboard from here")]
pub struct NoClipboard;

impl Clipboard {
    /// Finds a way. It prefers a program, which reports whether it worked.
    ///
    /// # Errors
    ///
    /// [`NoClipboard`]
    pub fn find() -> Result<Self, NoClipboard> {
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        for (name, arguments) in programs(is_set) {
            if let Ok(path) = which(name) {
                return Ok(Self::by(Way::Program { name, path, arguments }));
            }
        }
        if understands_sequences(env::var("TERM").ok().as_deref())
            && (io::stderr().is_terminal() || terminal::exists())
        {
            return Ok(Self::by(Way::Terminal));
        }
        Err(NoClipboard)
    }

    fn by(way: Way) -> Self {
        Self { way, around_spawn: |spawn| spawn() }
    }

    /// Starts a program by this code, which calls its argument once: for what the program inherits.
    pub fn around_spawn(self, around_spawn: fn(&mut dyn FnMut())) -> Self {
        Self { around_spawn, ..self }
    }

    /// Returns whether a delivery reports whether it worked. A terminal does not.
    pub fn is_confirmed(&self) -> bool {
        matches!(self.way, Way::Program { .. })
    }
}

/// The programs that may reach the clipboard of this session, the best first. Each reads its standard
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

/// Returns whether a terminal of this kind understands the sequence, or at least does not display it.
fn understands_sequences(term: Option<&str>) -> bool {
    !matches!(term, None | Some("" | "dumb" | "linux"))
}

#[async_trait]
impl KeyDestination for Clipboard {
    fn id(&self) -> DestinationId {
        DestinationId::new("clipboard")
    }

    fn is_durable(&self) -> bool {
        false
    }

    async fn deliver(&mut self, key: &ApiKey) -> Result<(), DeliveryError> {
        match &self.way {
            Way::Program { name, path, arguments } => {
                let key = Zeroizing::new(key.expose().as_bytes().to_vec());
                let command = quiet(path, arguments);
                let written =
                    write_to_stdin(command, self.around_spawn, key, &|_| {}, &TokioClock::new()).await;
                written.map_err(|error| DeliveryError::new(format!("{name} {error}")))
            }
            Way::Terminal => {
                let wrapping = Wrapping::of(|name| env::var(name).ok());
                let sequences = set_clipboard(key.expose(), wrapping);
                let writing = threads::run(move || write_to_terminal(&sequences));
                match TokioClock::new().timeout(TIMEOUT, writing).await {
                    Ok(written) => written.and_then(|result| result).map_err(DeliveryError::new),
                    Err(_) => Err(DeliveryError::new("the terminal takes nothing")),
                }
            }
        }
    }
}

/// Some of these programs stay, to serve what was copied. They hold nothing open, and Ctrl-C does not
/// reach them.
fn quiet(path: &Path, arguments: &[&str]) -> Command {
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
    use keymint_domain::testing::conformance;
    use std::fs;

    #[tokio::test]
    async fn it_keeps_what_the_port_promises() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("taken");
        let shell = |script: String| {
            let arguments = vec!["-c", script.leak()].leak();
            Clipboard::by(Way::Program { name: "sh", path: "/bin/sh".into(), arguments })
        };
        let read = async || fs::read_to_string(&file).ok();
        let mut takes = shell(format!("cat >{}", file.display()));
        conformance::key_destination(&mut takes, read).await.unwrap();
        let mut fails = shell("cat >&2; exit 3".to_owned());
        conformance::failing_key_destination(&mut fails).await.unwrap();
    }

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
