//! The owner of the peer of a connection on this machine.

#[cfg(target_os = "linux")]
mod diag;
#[cfg(target_os = "linux")]
mod table;

use std::net::SocketAddr;

/// The user whose program connected. Only known on Linux.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Whose {
    /// This user's, or the administrator's, and it is still connected.
    ///
    /// The administrator's programs may carry a browser's connections, as those of virtual machines
    /// do. And whom the administrator runs this program for is not known, so no one is strange then.
    ThisUsers,
    AnotherUsers,
    #[default]
    Unknown,
}

/// Whose program connected to `server_port` from `client`, if the system tells at once.
pub(crate) fn owner(client: SocketAddr, server_port: u16) -> Whose {
    system::owner(client, server_port)
}

/// The same where the system has to be searched. That can take milliseconds, so it is not for every
/// connection of a crowd.
pub(crate) fn searched_owner(client: SocketAddr, server_port: u16) -> Whose {
    system::searched_owner(client, server_port)
}

#[cfg(target_os = "linux")]
mod system {
    use super::{SocketAddr, Whose, diag, table};

    pub(super) fn owner(client: SocketAddr, server_port: u16) -> Whose {
        diag::socket(client, server_port).map_or(Whose::Unknown, whose)
    }

    pub(super) fn searched_owner(client: SocketAddr, server_port: u16) -> Whose {
        table::socket(client, server_port).map_or(Whose::Unknown, whose)
    }

    fn whose(socket: Socket) -> Whose {
        judge(socket, rustix::process::geteuid().as_raw())
    }

    /// The client's end of a connection.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) struct Socket {
        pub(super) user: u32,
        /// The kernel's number of the TCP state: [`ESTABLISHED`], or another that is not connected.
        pub(super) state: u8,
    }

    pub(super) const ESTABLISHED: u8 = 1;

    /// A socket that its program has closed says that it is the administrator's.
    pub(super) fn judge(socket: Socket, this_user: u32) -> Whose {
        const ADMINISTRATOR: u32 = 0;
        if socket.user != this_user && ![socket.user, this_user].contains(&ADMINISTRATOR) {
            Whose::AnotherUsers
        } else if socket.state == ESTABLISHED {
            Whose::ThisUsers
        } else {
            Whose::Unknown
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{SocketAddr, Whose};

    pub(super) fn owner(_: SocketAddr, _: u16) -> Whose {
        Whose::Unknown
    }

    pub(super) fn searched_owner(_: SocketAddr, _: u16) -> Whose {
        Whose::Unknown
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::system::{ESTABLISHED, Socket, judge};
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::process::{Command, Stdio};

    #[test]
    fn only_another_person_is_strange_and_only_who_is_there_is_known() {
        const CLOSED: u8 = 7;
        for (user, state, this_user, expected) in [
            (1000, ESTABLISHED, 1000, Whose::ThisUsers),
            (1001, ESTABLISHED, 1000, Whose::AnotherUsers),
            (0, ESTABLISHED, 1000, Whose::ThisUsers),
            (1000, ESTABLISHED, 0, Whose::ThisUsers),
            (0, ESTABLISHED, 0, Whose::ThisUsers),
            (1001, CLOSED, 1000, Whose::AnotherUsers),
            (1000, CLOSED, 1000, Whose::Unknown),
            (0, CLOSED, 1000, Whose::Unknown),
        ] {
            assert_eq!(judge(Socket { user, state }, this_user), expected, "{user} {state} at {this_user}");
        }
    }

    #[test]
    fn a_connection_of_our_own_is_known_as_ours_at_either_address() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let server = TcpListener::bind(address).unwrap();
            let port = server.local_addr().unwrap().port();
            let client = TcpStream::connect(server.local_addr().unwrap()).unwrap();
            let end = client.local_addr().unwrap();
            let this_user = rustix::process::geteuid().as_raw();
            let ours = Some(Socket { user: this_user, state: ESTABLISHED });
            assert_eq!((diag::socket(end, port), table::socket(end, port)), (ours, ours), "{address}");
            assert_eq!((owner(end, port), searched_owner(end, port)), (Whose::ThisUsers, Whose::ThisUsers));

            drop(client);
            assert_eq!(owner(end, port), Whose::Unknown, "{address}");
        }
    }

    #[test]
    fn a_connection_of_another_user_is_known_as_theirs() {
        let as_stranger = || {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--clear-groups"]);
            command
        };
        if !as_stranger().arg("true").status().is_ok_and(|status| status.success()) {
            writeln!(std::io::stderr(), "SKIPPED: only the administrator can be another user").unwrap();
            return;
        }
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; read -r");
        let mut stranger =
            as_stranger().args(["bash", "-c", &connect]).stdin(Stdio::piped()).spawn().unwrap();
        let (_stream, end) = server.accept().unwrap();
        let theirs = Some(Socket { user: 65534, state: ESTABLISHED });
        assert_eq!((diag::socket(end, port), table::socket(end, port)), (theirs, theirs));

        drop(stranger.stdin.take());
        stranger.wait().unwrap();
        // On its way out it is for a moment in none of the kernel's lists.
        assert!(diag::socket(end, port).is_none_or(|socket| socket.state != ESTABLISHED));
    }
}
