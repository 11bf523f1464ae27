//! A search for one connection in the table of all, as of proc(5). The table exists even where the
//! kernel does not respond to queries. The search takes longer the more connections there are.

use super::system::Socket;
use std::fs;
use std::net::SocketAddr;

/// Returns the socket that is connected from `client` to `server_port`.
pub(super) fn socket(client: SocketAddr, server_port: u16) -> Option<Socket> {
    let table = if client.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    find(&fs::read_to_string(table).ok()?, client.port(), server_port)
}

/// Finds the socket with these ports. The second column is its own address, the third the peer's, the
/// fourth the state, and the eighth the user.
fn find(table: &str, own_port: u16, peer_port: u16) -> Option<Socket> {
    let has_port = |address: Option<&str>, port| {
        let digits = address.and_then(|address| address.rsplit(':').next());
        digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) == Some(port)
    };
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        if !has_port(columns.next(), own_port) || !has_port(columns.next(), peer_port) {
            return None;
        }
        let state = u8::from_str_radix(columns.next()?, 16).ok()?;
        Some(Socket { user: columns.nth(3)?.parse().ok()?, state })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_looked_up_from_the_clients_side() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             \u{20}  0: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1\n\
             \u{20}  1: 0100007F:1388 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 2 1\n\
             \u{20}  2: 0100007F:C350 0100007F:1388 0A 00000000:00000000 00:00000000 00000000 65534        0 3 1\n\
             not a line\n";
        assert_eq!(find(table, 50000, 5000), Some(Socket { user: 65534, state: 10 }));
        assert_eq!(find(table, 50001, 5000), None);
    }
}
