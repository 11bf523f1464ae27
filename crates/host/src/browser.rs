//! Opening the browser.

mod launcher;

use crate::environment::{HostEnvironment, HostKind};
pub use launcher::{InvalidLauncher, Launcher};
use std::io;
use std::process::{Child, Command};
use url::Url;

/// The browser that opens the sign-in URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Browser {
    /// None: the user opens the URL.
    None,
    /// The user's choice: the first of these that can be started.
    Named(Vec<Launcher>),
    /// The default browser of this system.
    System,
}

/// The result of opening the browser. Success is unknown: a launcher that starts may still show nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// No browser is wanted.
    NotWanted,
    /// A launcher was started.
    Tried,
    /// No launcher was started.
    NotTried(Obstacle),
}

/// Why no browser was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The user's browser is not on this machine.
    Elsewhere,
    /// This machine has no display.
    NoDisplay,
    /// The named browser would draw over the output of this program.
    TextBrowser(String),
    /// None of the named launchers can be started. Empty if `BROWSER` names no program.
    CannotStart(Vec<String>),
}

impl Obstacle {
    /// The obstacle if none of these can be started.
    pub fn cannot_start(launchers: &[Launcher]) -> Self {
        Self::CannotStart(launchers.iter().map(|launcher| launcher.name().to_owned()).collect())
    }
}

impl Browser {
    /// The choice of the environment variable `BROWSER`: commands, separated by colons. On Windows, where
    /// paths have colons, it is one command.
    pub fn named_by(variable: &str) -> Self {
        let separator = if cfg!(windows) { '\n' } else { ':' };
        Self::Named(variable.split(separator).filter_map(|command| Launcher::parse(command).ok()).collect())
    }

    /// Tries to open a URL, and does not wait for the browser. `url` is called only if a launcher is tried.
    ///
    /// Other users of the machine can read the arguments of a launcher, so the URL must not have a secret. A
    /// sign-in is opened at the one-time link of the listener, since the authorize URL has the state.
    ///
    /// `spawn` starts a launcher. It is [`Command::spawn`], unless the launcher must not inherit everything
    /// from this process.
    pub fn open(
        &self,
        host: &HostEnvironment,
        url: impl FnOnce() -> Url,
        mut spawn: impl FnMut(&mut Command) -> io::Result<Child>,
    ) -> Opening {
        match self.launchers(host) {
            Ok(launchers) if launchers.is_empty() => Opening::NotWanted,
            Ok(launchers) => {
                let url = url();
                if launchers.iter().any(|launcher| launcher.start(&url, &mut spawn).is_ok()) {
                    return Opening::Tried;
                }
                Opening::NotTried(Obstacle::cannot_start(&launchers))
            }
            Err(obstacle) => Opening::NotTried(obstacle),
        }
    }

    /// Returns the launchers to try in this order; empty if no browser is wanted.
    ///
    /// # Errors
    ///
    /// The reason why this browser cannot be opened here.
    pub fn launchers(&self, host: &HostEnvironment) -> Result<Vec<Launcher>, Obstacle> {
        match self {
            Self::None => Ok(Vec::new()),
            // A browser that the user names is opened even where windows are usually shown in another way.
            Self::Named(named) => {
                let (text, shown): (Vec<_>, Vec<_>) =
                    named.iter().cloned().partition(Launcher::takes_the_terminal);
                match text.first() {
                    Some(text) if shown.is_empty() => Err(Obstacle::TextBrowser(text.name().to_owned())),
                    None if shown.is_empty() => Err(Obstacle::CannotStart(Vec::new())),
                    _ => Ok(shown),
                }
            }
            Self::System => match host.kind {
                HostKind::Wsl => Ok(launchers(&ON_WINDOWS_FROM_LINUX)),
                HostKind::Desktop if host.has_display => Ok(launchers(HERE)),
                HostKind::Desktop => Err(Obstacle::NoDisplay),
                _ => Err(Obstacle::Elsewhere),
            },
        }
    }
}

/// The launchers of this system.
const HERE: &[&str] = if cfg!(target_os = "macos") {
    &["open"]
} else if cfg!(windows) {
    // Not `cmd /c start`, which takes an address to end at an ampersand.
    &["rundll32.exe url.dll,FileProtocolHandler"]
} else {
    &["xdg-open", "gio open", "x-www-browser"]
};

/// The launchers of the Windows that runs this Linux. PowerShell comes last, since it takes
/// its time.
const ON_WINDOWS_FROM_LINUX: [&str; 3] = [
    "wslview",
    "rundll32.exe url.dll,FileProtocolHandler",
    "powershell.exe -NoProfile -NonInteractive -Command \"Start-Process '%s'\"",
];

fn launchers(commands: &[&str]) -> Vec<Launcher> {
    commands.iter().map(|command| Launcher::parse(command).expect("a constant")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{Traces, variables};
    fn names(browser: &Browser, environment: &[(&str, &str)]) -> Result<Vec<String>, Obstacle> {
        let host = HostEnvironment::judge(variables(environment), &Traces::default());
        let launchers = browser.launchers(&host)?;
        Ok(launchers.iter().map(|launcher| launcher.name().to_owned()).collect())
    }

    #[test]
    fn a_systems_browser_is_opened_only_where_a_person_would_see_it() {
        let ssh = ("SSH_CONNECTION", "10.0.0.9 50000 10.0.0.5 22");
        let display = ("DISPLAY", ":0");
        assert!(!names(&Browser::System, &[display]).unwrap().is_empty());
        for (variables, obstacle) in [
            (&[ssh, display][..], Obstacle::Elsewhere),
            (&[("CODESPACES", "true"), display], Obstacle::Elsewhere),
            #[cfg(target_os = "linux")]
            (&[], Obstacle::NoDisplay),
        ] {
            assert_eq!(names(&Browser::System, variables), Err(obstacle), "{variables:?}");
        }
        assert_eq!(names(&Browser::None, &[display]), Ok(Vec::new()));
    }

    #[test]
    fn from_linux_on_windows_no_shell_reads_the_address() {
        let names = names(&Browser::System, &[("WSL_DISTRO_NAME", "Ubuntu")]);
        assert_eq!(names.unwrap(), ["wslview", "rundll32", "powershell"]);
    }

    #[test]
    fn the_persons_choice_is_tried_in_its_order_and_text_browsers_never() {
        let ssh = [("SSH_TTY", "/dev/pts/0")];
        let chosen = |variable: &str| names(&Browser::named_by(variable), &ssh);
        if cfg!(unix) {
            assert_eq!(chosen("w3m:firefox:'my browser' --new:").unwrap(), ["firefox", "my browser"]);
            assert_eq!(chosen(":::"), Err(Obstacle::CannotStart(Vec::new())));
            assert_eq!(chosen("/usr/bin/lynx:w3m"), Err(Obstacle::TextBrowser("lynx".to_owned())));
        }
        assert_eq!(chosen("firefox --profile 'a b' %s").unwrap(), ["firefox"]);
    }
}
