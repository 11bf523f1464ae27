//! Whose program is at the other end of a connection on this machine.

use std::net::SocketAddr;

/// Whether the program that connected to `server_port` from `client` is neither this user's nor the
/// administrator's. `false` where that is not known: only Linux tells.
///
/// The administrator's programs may carry a browser's connections, as those of virtual machines do.
/// And whom the administrator runs this program for is not known, so no one is strange then.
pub(crate) fn is_another_users(client: SocketAddr, server_port: u16) -> bool {
    let Some((owner, own)) = system::users(client, server_port) else { return false };
    is_strange(owner, own)
}

fn is_strange(owner: u32, own: u32) -> bool {
    const ADMINISTRATOR: u32 = 0;
    owner != own && ![owner, own].contains(&ADMINISTRATOR)
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;
    use std::net::SocketAddr;

    /// The user of the connecting program, and this program's.
    pub(super) fn users(client: SocketAddr, server_port: u16) -> Option<(u32, u32)> {
        let connections = if client.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
        let owner = owner(&fs::read_to_string(connections).ok()?, client.port(), server_port)?;
        Some((owner, effective_user(&fs::read_to_string("/proc/self/status").ok()?)?))
    }

    /// The user of the socket with these ports in a table as of proc(5): the second column is the
    /// socket's own address, the third the other side's, the eighth the user.
    pub(super) fn owner(table: &str, own_port: u16, other_port: u16) -> Option<u32> {
        let has_port = |address: Option<&str>, port| {
            let digits = address.and_then(|address| address.rsplit(':').next());
            digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) == Some(port)
        };
        table.lines().skip(1).find_map(|line| {
            let mut columns = line.split_whitespace().skip(1);
            let found = has_port(columns.next(), own_port) && has_port(columns.next(), other_port);
            if found { columns.nth(4)?.parse().ok() } else { None }
        })
    }

    pub(super) fn effective_user(status: &str) -> Option<u32> {
        let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        users.split_whitespace().nth(1)?.parse().ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::net::SocketAddr;

    pub(super) fn users(_: SocketAddr, _: u16) -> Option<(u32, u32)> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_person_is_strange() {
        for (owner, own, expected) in
            [(1000, 1000, false), (1001, 1000, true), (0, 1000, false), (1000, 0, false), (0, 0, false)]
        {
            assert_eq!(is_strange(owner, own), expected, "{owner} at {own}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_table_of_connections_is_read_from_the_clients_side() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             \u{20}  0: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1\n\
             \u{20}  1: 0100007F:1388 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 2 1\n\
             \u{20}  2: 0100007F:C350 0100007F:1388 01 00000000:00000000 00:00000000 00000000 65534        0 3 1\n\
             not a line\n";
        assert_eq!(system::owner(table, 50000, 5000), Some(65534));
        assert_eq!(system::owner(table, 50001, 5000), None);
        assert_eq!(system::effective_user("Name:\tx\nUid:\t1\t2\t3\t4\n"), Some(2));
        assert_eq!(system::effective_user(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_of_our_own_is_known_as_ours() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(server).unwrap();
        let (owner, own) = system::users(client.local_addr().unwrap(), server.port()).unwrap();
        assert_eq!(owner, own);
    }
}
