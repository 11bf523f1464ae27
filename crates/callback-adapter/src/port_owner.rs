//! The program that listens on a port of this machine.

use keymint_domain::text::quote_unless_word;
use listeners::{Listener, Protocol, SocketState};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The maximum length of a displayed program name, in characters.
const LONGEST_NAME: usize = 40;

/// A program that listens on a port. It helps to explain why the port cannot be
/// [bound](crate::LoopbackListener::bind).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortOwner {
    name: String,
    process: u32,
}

impl PortOwner {
    /// Returns the program that prevents listening at `address`. `None` if the system does not show it, which is
    /// usual for programs of other users. Takes some milliseconds.
    pub fn of(address: SocketAddr) -> Option<Self> {
        let all = listeners::get_all().ok()?;
        let in_the_way = all.into_iter().filter(|listener| stands_in_the_way(listener, address));
        // A program may share its socket with its child processes.
        let first = in_the_way.map(|listener| listener.process).min_by_key(|process| process.pid)?;
        Some(Self { name: first.name, process: first.pid })
    }

    /// Creates the description of a program with this name and process id.
    pub fn new(name: impl Into<String>, process: u32) -> Self {
        Self { name: name.into(), process }
    }

    /// Returns whether the program is the AirPlay Receiver of macOS, which listens on port 5000.
    pub fn is_airplay(&self) -> bool {
        self.name.starts_with("ControlCe")
    }

    /// Returns whether the program has this name, with or without the `.exe` of Windows.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.trim_end_matches(".exe") == name
    }
}

impl fmt::Display for PortOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", quote_unless_word(&self.name, LONGEST_NAME), self.process)
    }
}

fn stands_in_the_way(listener: &Listener, address: SocketAddr) -> bool {
    let Listener { socket, protocol, state, .. } = listener;
    let listens = *protocol == Protocol::TCP && *state == SocketState::Listen;
    listens && socket.port() == address.port() && covers(socket.ip().to_canonical(), address.ip())
}

/// Returns whether a socket that is bound to `bound` receives the connections to `wanted`.
fn covers(bound: IpAddr, wanted: IpAddr) -> bool {
    let all_of_both = bound == IpAddr::from(Ipv6Addr::UNSPECIFIED);
    bound == wanted || all_of_both || bound.is_unspecified() && wanted.is_ipv4()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    #[cfg(any(target_os = "linux", target_os = "macos", windows))]
    #[test]
    fn the_owner_of_a_port_is_found_at_its_address_alone() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();

        let owner = PortOwner::of(address).unwrap();
        assert_eq!(owner.process, std::process::id());
        assert!(owner.to_string().ends_with(&format!(" (process {})", std::process::id())), "{owner}");
        assert_eq!(PortOwner::of((Ipv6Addr::LOCALHOST, address.port()).into()), None);
        drop(listener);
        // A program that another test is starting may inherit the socket for a moment.
        assert!(PortOwner::of(address).is_none_or(|owner| owner.process != std::process::id()));
    }

    #[test]
    fn a_socket_for_every_address_gets_the_connections_of_its_family() {
        let v4 = IpAddr::from(Ipv4Addr::LOCALHOST);
        let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
        for (bound, wanted, covered) in [
            (v4, v4, true),
            (v4, v6, false),
            (Ipv4Addr::UNSPECIFIED.into(), v4, true),
            (Ipv4Addr::UNSPECIFIED.into(), v6, false),
            (Ipv6Addr::UNSPECIFIED.into(), v6, true),
            (Ipv6Addr::UNSPECIFIED.into(), v4, true),
        ] {
            assert_eq!(covers(bound, wanted), covered, "{bound}, {wanted}");
        }
    }

    #[test]
    fn known_programs_are_recognized_and_names_are_fit_for_people() {
        let named = |name: &str| PortOwner::new(name, 7);
        assert!(named("ControlCenter").is_airplay() && !named("node").is_airplay());
        assert!(named("node").is_named("node") && named("node.exe").is_named("node"));
        assert_eq!(named("a\u{1b}[2J").to_string(), r#""a\u{1b}[2J" (process 7)"#);
    }
}
