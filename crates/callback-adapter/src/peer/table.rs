//! A search for one connection in the table of all connections (proc(5)). The table exists even where the kernel does
//! not answer queries. The duration of the search grows with the number of connections.

use super::system::Socket;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Returns the socket that is connected from `client` to `server_port` of the loopback address.
pub(super) fn socket(client: SocketAddr, server_port: u16) -> Option<Socket> {
    let search = |table, client: IpAddr, server: IpAddr, client_port| {
        let table = fs::read_to_string(table).ok()?;
        find(&table, &column(client, client_port), &column(server, server_port))
    };
    match client.ip() {
        // The client may have an IPv6 socket, whose addresses are mapped.
        IpAddr::V4(ip) => search("/proc/net/tcp", ip.into(), Ipv4Addr::LOCALHOST.into(), client.port())
            .or_else(|| {
                let mapped = |ip: Ipv4Addr| ip.to_ipv6_mapped().into();
                search("/proc/net/tcp6", mapped(ip), mapped(Ipv4Addr::LOCALHOST), client.port())
            }),
        IpAddr::V6(ip) => search("/proc/net/tcp6", ip.into(), Ipv6Addr::LOCALHOST.into(), client.port()),
    }
}

/// Returns an address in the notation of the table: words of 32 bits in the machine's byte order.
fn column(ip: IpAddr, port: u16) -> String {
    let bytes = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let (words, _) = bytes.as_chunks();
    let words = words.iter().map(|word| format!("{:08X}", u32::from_ne_bytes(*word)));
    format!("{}:{port:04X}", words.collect::<String>())
}

/// Finds the socket with these addresses. The second column is its own, the third the peer's, the fourth
/// the state, and the eighth the user.
fn find(table: &str, own: &str, peer: &str) -> Option<Socket> {
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        if columns.next() != Some(own) || columns.next() != Some(peer) {
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
             \u{20}  2: 0200007F:C350 0100007F:1388 01 00000000:00000000 00:00000000 00000000  1000        0 3 1\n\
             \u{20}  3: 0100007F:C350 0100007F:1388 0A 00000000:00000000 00:00000000 00000000 65534        0 4 1\n\
             not a line\n";
        let server = "0100007F:1388";
        assert_eq!(find(table, "0100007F:C350", server), Some(Socket { user: 65534, state: 10 }));
        for unknown in ["0300007F:C350", "0100007F:C351"] {
            assert_eq!(find(table, unknown, server), None);
        }
    }
}
