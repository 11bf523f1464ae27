//! A query to the kernel about one connection, through sock_diag(7). It takes microseconds, whatever the number of
//! connections.

use super::system::Socket;
use rustix::net::netlink::SOCK_DIAG;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// `SOCK_DIAG_BY_FAMILY`, the message type of the query and of its response.
const BY_FAMILY: u16 = 20;

/// The length of the query in bytes: its `nlmsghdr` and `inet_diag_req_v2`.
const QUERY_LENGTH: u32 = 72;

/// The offsets of the message type, the TCP state and the user in a response.
const TYPE: usize = 4;
const STATE: usize = 17;
const USER: usize = 80;

/// Returns the socket that is connected from `client` to this port of the loopback address.
pub(super) fn socket(client: SocketAddr, server_port: u16) -> Option<Socket> {
    let kernel =
        socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(SOCK_DIAG)).ok()?;
    send(&kernel, &query(client, server_port), SendFlags::empty()).ok()?;
    let mut response = [0; 512];
    // The kernel responds before `send` returns.
    let (_, length) = recv(&kernel, &mut response, RecvFlags::DONTWAIT).ok()?;
    parse(response.get(..length)?)
}

fn query(client: SocketAddr, server_port: u16) -> Vec<u8> {
    const REQUEST: u16 = 1;
    const TCP: u8 = 6;
    let (family, server) = match client.ip() {
        IpAddr::V4(_) => (AddressFamily::INET, IpAddr::V4(Ipv4Addr::LOCALHOST)),
        IpAddr::V6(_) => (AddressFamily::INET6, IpAddr::V6(Ipv6Addr::LOCALHOST)),
    };
    let family = u8::try_from(family.as_raw()).expect("a small number");
    let no_sequence_and_no_sender = [0; 8];
    let no_interface = [0; 4];
    let any_state_or_cookie = [0xff; 8];
    [
        &QUERY_LENGTH.to_ne_bytes()[..],
        &BY_FAMILY.to_ne_bytes(),
        &REQUEST.to_ne_bytes(),
        &no_sequence_and_no_sender,
        &[family, TCP, 0, 0],
        &any_state_or_cookie[..4],
        &client.port().to_be_bytes(),
        &server_port.to_be_bytes(),
        &padded(client.ip()),
        &padded(server),
        &no_interface,
        &any_state_or_cookie,
    ]
    .concat()
}

fn padded(ip: IpAddr) -> [u8; 16] {
    let mut bytes = [0; 16];
    match ip {
        IpAddr::V4(ip) => bytes[..4].copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => bytes = ip.octets(),
    }
    bytes
}

/// Parses a response. An error, such as a missing socket, is a message of another type.
fn parse(response: &[u8]) -> Option<Socket> {
    let kind = response.get(TYPE..)?.first_chunk()?;
    let user = response.get(USER..)?.first_chunk()?;
    let is_one = u16::from_ne_bytes(*kind) == BY_FAMILY;
    is_one.then_some(Socket { user: u32::from_ne_bytes(*user), state: *response.get(STATE)? })
}
