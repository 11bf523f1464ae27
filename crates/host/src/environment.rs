//! The properties of the machine that decide whether a browser can be opened, and how its redirect reaches this
//! program.

use std::net::IpAddr;
use std::path::Path;
use std::{env, fs};

/// The kind of machine. It decides on which machine the browser runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostKind {
    /// The user works at this machine, or nothing indicates otherwise.
    Desktop,
    /// Linux in Windows (WSL). The browser is that of Windows.
    Wsl,
    /// A machine that the user reached by SSH. The browser is on the user's own machine.
    Ssh,
    /// A container without a display. The browser is outside the container.
    Container,
    /// A GitHub codespace, with its name if it is known. The browser is on the user's machine.
    Codespace(Option<String>),
    /// The remote part of an editor whose window is on the user's machine or in the browser.
    RemoteEditor,
}

/// The properties of the machine that decide how a sign-in works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostEnvironment {
    /// The kind of this machine.
    pub kind: HostKind,
    /// True if this machine can show windows.
    pub has_display: bool,
    /// The arguments with which `ssh` reaches this machine, such as `-p 2222 user@host`.
    login: String,
}

/// The evidence of the machine's kind apart from environment variables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traces {
    pub(crate) container: bool,
    pub(crate) wsl: bool,
    /// The host name.
    pub(crate) host: String,
}

/// Steps that let the browser's redirect reach this program.
#[derive(Debug, PartialEq, Eq)]
pub struct Advice {
    /// The instructions for the user. They end with a colon if a command follows.
    pub text: String,
    /// The exact command to run on the user's own machine.
    pub command: Option<String>,
}

/// Environment variables of editors and workspaces whose windows are on another machine.
const REMOTE_EDITORS: [&str; 6] =
    ["REMOTE_CONTAINERS", "VSCODE_IPC_HOOK_CLI", "GITPOD_WORKSPACE_ID", "CLOUD_SHELL", "CODER", "C9_PROJECT"];

/// Environment variables of containers that share the network and the display of their host.
const OPEN_CONTAINERS: [&str; 2] = ["TOOLBOX_PATH", "DISTROBOX_ENTER_PATH"];

impl HostEnvironment {
    /// Examines this machine and the environment variables of this process.
    pub fn detect() -> Self {
        Self::judge(variable, &Traces::find())
    }

    /// Judges the machine by environment variables and other traces. `get` returns `None` for an empty variable.
    pub(crate) fn judge(get: impl Fn(&str) -> Option<String>, traces: &Traces) -> Self {
        let is_set = |name: &&str| get(name).is_some();
        let other_system = cfg!(any(target_os = "macos", windows));
        let on = |name: &str| get(name).is_some_and(|value| !matches!(&*value, "0" | "false"));
        let container =
            (traces.container || is_set(&"KUBERNETES_SERVICE_HOST")) && !OPEN_CONTAINERS.iter().any(is_set);

        let has_display = other_system || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(is_set);
        let kind = [
            (on("CODESPACES"), HostKind::Codespace(get("CODESPACE_NAME").filter(|name| is_plain(name)))),
            (is_set(&"WSL_DISTRO_NAME"), HostKind::Wsl),
            (REMOTE_EDITORS.iter().any(is_set), HostKind::RemoteEditor),
            (["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"].iter().any(is_set), HostKind::Ssh),
            (container && !has_display, HostKind::Container),
            (traces.wsl, HostKind::Wsl),
        ];
        let kind = kind.into_iter().find_map(|(is_so, kind)| is_so.then_some(kind));
        let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| get(name));
        Self {
            kind: kind.unwrap_or(HostKind::Desktop),
            has_display,
            login: login(user, get("SSH_CONNECTION").as_deref(), &traces.host),
        }
    }

    /// Describes this machine in a few words.
    pub fn description(&self) -> &'static str {
        match self.kind {
            HostKind::Desktop if self.has_display => "a machine with a display",
            HostKind::Desktop => "a machine without a display",
            HostKind::Wsl => "Linux on Windows (WSL), with the browser on Windows",
            HostKind::Ssh => "a machine reached over SSH",
            HostKind::Container => "a container",
            HostKind::Codespace(_) => "a codespace",
            HostKind::RemoteEditor => "a machine that a remote editor is connected to",
        }
    }

    /// Returns the steps that the user must take before the URL is opened, so that a redirect to this port reaches
    /// this program. `None` if no obstacle is known.
    pub fn advice(&self, port: u16) -> Option<Advice> {
        let text = match &self.kind {
            HostKind::Desktop if self.has_display => return None,
            HostKind::Desktop => {
                "If your browser is on another machine, run this there first and keep it running:".to_owned()
            }
            HostKind::Ssh => format!(
                "Over SSH, the browser's redirect goes to port {port} of your local machine, not of this one. Run this \
                 there first and keep it running:"
            ),
            HostKind::Container => format!(
                "The redirect of a browser outside this container goes to port {port} of the browser's machine, \
                 and publishing the port (-p) does not change that. Start the container with --network=host, or run this \
                 program outside the container."
            ),
            HostKind::Codespace(_) => format!(
                "The browser's redirect goes to port {port} of your local machine, not of this \
                 codespace. Run this there first and keep it running:"
            ),
            HostKind::RemoteEditor => format!(
                "Your browser is on another machine. Have your editor forward port {port} to the same \
                 port there (in VS Code: the Ports view)."
            ),
            HostKind::Wsl => format!(
                "If the browser's last page does not load, a program on Windows may be using port {port}."
            ),
        };
        let forward = format!("ssh -L {port}:localhost:{port} {}", self.login);
        let command = match &self.kind {
            HostKind::Desktop | HostKind::Ssh => Some(forward),
            HostKind::Codespace(name) => {
                let which = name.as_ref().map(|name| format!(" -c {name}")).unwrap_or_default();
                Some(format!("gh codespace ports forward {port}:{port}{which}"))
            }
            _ => None,
        };
        Some(Advice { text, command })
    }
}

impl<T: Into<String>> From<T> for Advice {
    fn from(text: T) -> Self {
        Self { text: text.into(), command: None }
    }
}

impl Traces {
    /// Finds the traces on this machine.
    fn find() -> Self {
        let system = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            container: is_container(),
            wsl: system.to_ascii_lowercase().contains("microsoft"),
            host: gethostname::gethostname().to_string_lossy().into_owned(),
        }
    }
}

/// Returns whether this machine is a container, by the files that Docker and Podman create or by the cgroup of the
/// first process.
fn is_container() -> bool {
    let first = fs::read_to_string("/proc/1/cgroup").unwrap_or_default();
    ["/.dockerenv", "/run/.containerenv"].iter().any(|file| Path::new(file).exists())
        || ["docker", "kubepods", "containerd", "lxc"].iter().any(|name| first.contains(name))
}

/// Returns the arguments with which `ssh` reaches this machine. They contain the address that the user connected to,
/// which is the most reliable, or else the host name.
fn login(user: Option<String>, connection: Option<&str>, host: &str) -> String {
    let (address, port) = connection.and_then(server).unzip();
    let host = match address {
        // A loopback address means that a gateway forwarded the connection, so `ssh` cannot use that address.
        Some(address) if !address.is_loopback() => address.to_string(),
        _ if is_plain(host) => host.to_owned(),
        _ => "this-machine".to_owned(),
    };
    let user = user.filter(|user| is_plain(user)).map(|user| format!("{user}@")).unwrap_or_default();
    match port {
        Some(port) if port != 22 => format!("-p {port} {user}{host}"),
        _ => format!("{user}{host}"),
    }
}

/// Returns the server's address and port from `SSH_CONNECTION`, which has the client, its port, the server and its
/// port.
fn server(connection: &str) -> Option<(IpAddr, u16)> {
    let mut words = connection.split(' ').skip(2);
    let address: IpAddr = words.next()?.parse().ok()?;
    Some((address.to_canonical(), words.next()?.parse().ok()?))
}

/// Returns whether a shell takes the word literally. The user will paste the word into a shell.
fn is_plain(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !word.is_empty() && !word.starts_with('-') && word.chars().all(plain)
}

/// Returns an environment variable of this process. A value that is empty or not UTF-8 counts as unset.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Looks up the environment variables of a test.
#[cfg(test)]
pub(crate) fn variables(environment: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    let value =
        |name: &str| environment.iter().find(|(variable, _)| *variable == name).map(|(_, value)| *value);
    move |name| value(name).filter(|value| !value.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(environment: &[(&str, &str)], traces: &Traces) -> HostEnvironment {
        HostEnvironment::judge(variables(environment), traces)
    }

    fn bare() -> Traces {
        Traces { host: "builder".to_owned(), ..Traces::default() }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn each_place_is_known_by_its_signs() {
        let bare = bare();
        let container = Traces { container: true, ..bare.clone() };
        let wsl = Traces { wsl: true, ..bare.clone() };
        let ssh = ("SSH_CONNECTION", "10.0.0.9 50000 10.0.0.5 22");
        for (environment, traces, kind) in [
            (&[][..], &bare, HostKind::Desktop),
            (&[("DISPLAY", ":0")], &bare, HostKind::Desktop),
            (&[ssh], &bare, HostKind::Ssh),
            (&[ssh, ("DISPLAY", "localhost:10.0")], &bare, HostKind::Ssh),
            (&[("SSH_TTY", "/dev/pts/0")], &bare, HostKind::Ssh),
            (&[ssh], &container, HostKind::Ssh),
            (&[ssh, ("VSCODE_IPC_HOOK_CLI", "/run/x")], &bare, HostKind::RemoteEditor),
            (&[("REMOTE_CONTAINERS", "true")], &container, HostKind::RemoteEditor),
            (&[], &container, HostKind::Container),
            (&[("DISPLAY", ":0")], &container, HostKind::Desktop),
            (&[("KUBERNETES_SERVICE_HOST", "10.0.0.1")], &bare, HostKind::Container),
            (&[("TOOLBOX_PATH", "/usr/bin/toolbox")], &container, HostKind::Desktop),
            (&[("CODESPACES", "true")], &container, HostKind::Codespace(None)),
            (&[("CODESPACES", "false")], &bare, HostKind::Desktop),
            (&[("WSL_DISTRO_NAME", "Ubuntu"), ("VSCODE_IPC_HOOK_CLI", "/run/x")], &wsl, HostKind::Wsl),
            (&[], &wsl, HostKind::Wsl),
            (&[ssh], &wsl, HostKind::Ssh),
            (&[], &Traces { container: true, ..wsl.clone() }, HostKind::Container),
        ] {
            assert_eq!(judge(environment, traces).kind, kind, "{environment:?} {traces:?}");
        }
    }

    #[test]
    fn the_command_by_which_the_browser_comes_back_can_be_pasted_as_it_is() {
        let command = |environment: &[(&str, &str)], host: &str| {
            let traces = Traces { host: host.to_owned(), ..bare() };
            judge(environment, &traces).advice(5000).unwrap().command.unwrap()
        };
        for (connection, expected) in [
            ("10.0.0.9 50000 10.0.0.5 22", "ada@10.0.0.5"),
            ("10.0.0.9 50000 10.0.0.5 2222", "-p 2222 ada@10.0.0.5"),
            ("::ffff:10.0.0.9 5 ::ffff:10.0.0.5 22", "ada@10.0.0.5"),
            ("2001:db8::9 5 2001:db8::5 22", "ada@2001:db8::5"),
            ("127.0.0.1 50000 127.0.0.1 22", "ada@builder"),
            ("fe80::9%eth0 5 fe80::5%eth0 22", "ada@builder"),
            ("$(touch /tmp/x) 1 $(touch /tmp/x) 22", "ada@builder"),
        ] {
            let command = command(&[("USER", "ada"), ("SSH_CONNECTION", connection)], "builder");
            assert_eq!(command, format!("ssh -L 5000:localhost:5000 {expected}"));
        }
        let (ssh, codespace) = (("SSH_TTY", "/dev/pts/0"), ("CODESPACES", "true"));
        for (environment, host, expected) in [
            (&[ssh][..], "builder", "ssh -L 5000:localhost:5000 builder"),
            (&[ssh, ("USER", "a;touch x")], "-oProxyCommand=x", "ssh -L 5000:localhost:5000 this-machine"),
            (&[codespace, ("CODESPACE_NAME", "x-1")], "c", "gh codespace ports forward 5000:5000 -c x-1"),
            (&[codespace, ("CODESPACE_NAME", "a b")], "c", "gh codespace ports forward 5000:5000"),
        ] {
            assert_eq!(command(environment, host), expected);
        }
    }

    #[test]
    fn every_possible_obstacle_has_advice() {
        let at = |kind: HostKind, has_display: bool| {
            HostEnvironment { kind, has_display, login: "ada@host".to_owned() }.advice(6001)
        };
        #[cfg(target_os = "linux")]
        assert!(judge(&[], &bare()).advice(5000).unwrap().command.is_some());
        assert_eq!(at(HostKind::Desktop, true), None);
        for (kind, expected) in [
            (HostKind::Ssh, "Over SSH"),
            (HostKind::Container, "--network=host, or run this program outside the container"),
            (HostKind::Codespace(None), "codespace"),
            (HostKind::RemoteEditor, "forward port 6001"),
            (HostKind::Wsl, "on Windows may be using port 6001"),
        ] {
            let advice = at(kind.clone(), true).unwrap();
            assert!(advice.text.contains(expected), "{}", advice.text);
            // A text that announces a command is followed by one.
            assert_eq!(advice.text.ends_with(':'), advice.command.is_some(), "{kind:?}");
        }
    }
}
