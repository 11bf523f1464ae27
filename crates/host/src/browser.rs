//! The choice of a browser, and its start.

mod launcher;

use crate::environment::{HostEnvironment, HostKind};
pub use launcher::{InvalidLauncher, Launcher};
use std::io;
use std::process::{Child, Command};
use url::Url;

/// The browser that opens the sign-in URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Browser {
    /// No browser: the user opens the URL.
    None,
    /// The browser that the user chose: the first of these launchers that can be started.
    Named(Vec<Launcher>),
    /// The default browser of this system.
    System,
}

/// The result of opening the browser. Success is unknown: a launcher that starts may still show nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// No browser was requested.
    NotWanted,
    /// A launcher was started.
    Tried,
    /// No launcher was started.
    NotTried(Obstacle),
}

/// The reason why no browser was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The user's browser is not on this machine.
    Elsewhere,
    /// This machine has no display.
    NoDisplay,
    /// The named browser runs in the terminal, and would overwrite the output of this program.
    TextBrowser(String),
    /// None of the named launchers can be started. The list is empty if `BROWSER` names no program.
    CannotStart(Vec<String>),
}

impl Obstacle {
    /// Returns the obstacle if none of these launchers can be started.
    pub fn cannot_start(launchers: &[Launcher]) -> Self {
        Self::CannotStart(launchers.iter().map(|launcher| launcher.name().to_owned()).collect())
    }
}

impl Browser {
    /// Reads the user's choice from the value of the environment variable `BROWSER`, which is a list of commands
    /// separated by colons. On Windows, where paths contain colons, it is a single command.
    pub fn named_by(variable: &str) -> Self {
        let separator = if cfg!(windows) { '\n' } else { ':' };
        Self::Named(variable.split(separator).filter_map(|command| Launcher::parse(command).ok()).collect())
    }

    /// Tries to open a URL without waiting for the browser. `url` is called only if a launcher is tried.
    ///
    /// Other users of the machine can read the arguments of a launcher, so the URL must not contain a secret. A
    /// sign-in opens the listener's one-time link, since the URL of the authorization request contains the state.
    ///
    /// `spawn` starts a launcher. Pass [`Command::spawn`], unless the launcher must not inherit everything from this
    /// process.
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

    /// Returns the launchers in the order in which to try them. Empty if no browser was requested.
    ///
    /// # Errors
    ///
    /// [`Obstacle`] if this browser cannot be opened on this machine.
    pub fn launchers(&self, host: &HostEnvironment) -> Result<Vec<Launcher>, Obstacle> {
        match self {
            Self::None => Ok(Vec::new()),
            // A browser that the user names is opened even where the system's default browser would not be.
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
    // Not `cmd /c start`, which ends a URL at an ampersand.
    &["rundll32.exe url.dll,FileProtocolHandler"]
} else {
    &["xdg-open", "gio open", "x-www-browser"]
};

/// The launchers of the Windows that runs this Linux (WSL). PowerShell comes last, since it starts slowly.
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
    fn a_systems_browser_is_opened_only_where_a_user_would_see_it() {
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
    fn from_linux_on_windows_no_shell_reads_the_url() {
        let names = names(&Browser::System, &[("WSL_DISTRO_NAME", "Ubuntu")]);
        assert_eq!(names.unwrap(), ["wslview", "rundll32", "powershell"]);
    }

    #[test]
    fn the_users_choice_is_tried_in_its_order_and_text_browsers_never() {
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
