//! The user whose program opened a connection to the listener.

#[cfg(target_os = "linux")]
mod diag;
#[cfg(target_os = "linux")]
mod table;

use std::net::SocketAddr;
pub(crate) use system::{owner, search_owner};

/// The user whose program connected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux can be asked"))]
pub(crate) enum Owner {
    /// This user or root, and the program is still connected.
    ///
    /// Programs of root may relay a browser's connections, as those of virtual machines do. If sudo runs
    /// this program as root, the user who called sudo also counts as this one.
    ThisUser,
    AnotherUser,
    /// The system does not show the connection, or shows that the program has closed it.
    Unknown,
    /// The system cannot be asked: only Linux can.
    #[default]
    Unsupported,
}

#[cfg(target_os = "linux")]
mod system {
    use super::{Owner, SocketAddr, diag, table};

    /// Returns the owner of the connection from `client` to `server_port`, if the system knows it at once.
    pub(crate) fn owner(client: SocketAddr, server_port: u16) -> Owner {
        diag::socket(client, server_port).map_or(Owner::Unknown, owner_of)
    }

    /// Returns the same by searching all connections. That can take milliseconds, so it is not used for
    /// every connection of a flood.
    pub(crate) fn search_owner(client: SocketAddr, server_port: u16) -> Owner {
        table::socket(client, server_port).map_or(Owner::Unknown, owner_of)
    }

    fn owner_of(socket: Socket) -> Owner {
        let sudo_user = std::env::var("SUDO_UID").ok().and_then(|user| user.parse().ok());
        judge(socket, rustix::process::geteuid().as_raw(), sudo_user)
    }

    /// The client's end of a connection.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) struct Socket {
        pub(super) user: u32,
        /// The kernel's number of the TCP state: [`ESTABLISHED`], or another that is not connected.
        pub(super) state: u8,
    }

    pub(super) const ESTABLISHED: u8 = 1;

    /// Judges a socket. The kernel reports root as the owner of a socket that its program has closed.
    pub(super) fn judge(socket: Socket, this_user: u32, sudo_user: Option<u32>) -> Owner {
        const ROOT: u32 = 0;
        let is_sudo_user = this_user == ROOT && Some(socket.user) == sudo_user;
        if ![this_user, ROOT].contains(&socket.user) && !is_sudo_user {
            Owner::AnotherUser
        } else if socket.state == ESTABLISHED {
            Owner::ThisUser
        } else {
            Owner::Unknown
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Owner, SocketAddr};

    pub(crate) fn owner(_: SocketAddr, _: u16) -> Owner {
        Owner::Unsupported
    }

    pub(crate) fn search_owner(_: SocketAddr, _: u16) -> Owner {
        Owner::Unsupported
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
    fn only_another_user_is_foreign_and_only_an_open_socket_has_a_known_owner() {
        const CLOSED: u8 = 7;
        for (user, state, this_user, sudo_user, expected) in [
            (1000, ESTABLISHED, 1000, None, Owner::ThisUser),
            (1001, ESTABLISHED, 1000, None, Owner::AnotherUser),
            (1001, ESTABLISHED, 1000, Some(1001), Owner::AnotherUser),
            (0, ESTABLISHED, 1000, None, Owner::ThisUser),
            (0, ESTABLISHED, 0, None, Owner::ThisUser),
            (1000, ESTABLISHED, 0, Some(1000), Owner::ThisUser),
            (1001, ESTABLISHED, 0, Some(1000), Owner::AnotherUser),
            (1001, ESTABLISHED, 0, None, Owner::AnotherUser),
            (1001, CLOSED, 1000, None, Owner::AnotherUser),
            (1000, CLOSED, 1000, None, Owner::Unknown),
            (0, CLOSED, 1000, None, Owner::Unknown),
        ] {
            let owner = judge(Socket { user, state }, this_user, sudo_user);
            assert_eq!(owner, expected, "{user} {state} at {this_user} by {sudo_user:?}");
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
            assert_eq!((owner(end, port), search_owner(end, port)), (Owner::ThisUser, Owner::ThisUser));

            drop(client);
            assert_eq!(owner(end, port), Owner::Unknown, "{address}");
        }
    }

    /// The kernel lists such a client in its IPv6 table, with an IPv4 address.
    #[test]
    fn a_connection_to_the_mapped_address_is_known_as_ours() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let _client = TcpStream::connect(format!("[::ffff:127.0.0.1]:{port}")).unwrap();
        let (_stream, end) = server.accept().unwrap();
        let this_user = rustix::process::geteuid().as_raw();
        let ours = Some(Socket { user: this_user, state: ESTABLISHED });
        assert_eq!((diag::socket(end, port), table::socket(end, port)), (ours, ours));
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
        // While the socket closes, it is briefly in none of the kernel's lists.
        assert!(diag::socket(end, port).is_none_or(|socket| socket.state != ESTABLISHED));
    }
}
