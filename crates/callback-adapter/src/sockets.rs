//! The two listening sockets, one for each address of `localhost`.

use crate::limits;
use crate::warnings::{ListenerWarning, Warnings};
use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// The addresses that a browser resolves `localhost` to, in the order in which it tries them.
pub(crate) const LOOPBACK: [IpAddr; 2] = [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];

/// The maximum number of connections that wait to be accepted. It leaves room for a browser during a flood.
const BACKLOG: u32 = 1024;

/// Maximum number of attempts to find a port that is free on both IPv4 and IPv6.
const ATTEMPTS: usize = 16;

/// `EAFNOSUPPORT`, which has no [`io::ErrorKind`]: the system has no IPv6 at all.
const ADDRESS_FAMILY_NOT_SUPPORTED: i32 = if cfg!(windows) {
    10047
} else if cfg!(any(target_os = "linux", target_os = "android")) {
    97
} else {
    47
};

/// An error that prevents listening on a port. Its source is the operating system's error.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
#[non_exhaustive]
pub struct BindError {
    /// The address and port that cannot be bound.
    pub address: SocketAddr,
    /// The kind of error.
    pub kind: BindErrorKind,
    #[source]
    source: io::Error,
}

/// The kind of a [`BindError`]. A front end has a hint for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BindErrorKind {
    /// Another program listens on the port.
    InUse,
    /// The system does not permit this user to listen on the port: it is low or reserved.
    NotPermitted,
    /// Any other error.
    Other,
}

impl BindError {
    /// Returns the error for an operating system without randomness, which the listener needs to be safe.
    pub(crate) fn without_randomness(port: u16, source: io::Error) -> Self {
        Self::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), source)
    }

    fn new(address: SocketAddr, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::AddrInUse => BindErrorKind::InUse,
            io::ErrorKind::PermissionDenied => BindErrorKind::NotPermitted,
            _ => BindErrorKind::Other,
        };
        Self { address, kind, source }
    }
}

pub(crate) struct Sockets {
    port: u16,
    v4: TcpListener,
    /// `None` if the system has no `[::1]`. Then no other program can listen there either.
    v6: Option<TcpListener>,
    warnings: Arc<Warnings>,
}

impl Sockets {
    pub(crate) fn bind(port: u16, warnings: &Arc<Warnings>) -> Result<Self, BindError> {
        let attempts = if port == 0 { ATTEMPTS } else { 1 };
        for _ in 1..attempts {
            match Self::bind_both(port, warnings) {
                Err(BindError { kind: BindErrorKind::InUse, .. }) => {}
                bound => return bound,
            }
        }
        Self::bind_both(port, warnings)
    }

    fn bind_both(port: u16, warnings: &Arc<Warnings>) -> Result<Self, BindError> {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (v4, port) = listen(wanted)
            .and_then(|v4| v4.local_addr().map(|bound| (v4, bound.port())))
            .map_err(|error| BindError::new(wanted, error))?;
        let wanted = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
        let v6 = match listen(wanted) {
            Ok(v6) => Some(v6),
            Err(error) if lacks_address(&error) => None,
            Err(error) => return Err(BindError::new(wanted, error)),
        };
        Ok(Self { port, v4, v6, warnings: Arc::clone(warnings) })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the bound addresses, in the order of [`LOOPBACK`].
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let is_bound = |ip: &IpAddr| ip.is_ipv4() || self.v6.is_some();
        LOOPBACK.into_iter().filter(is_bound).map(|ip| SocketAddr::new(ip, self.port)).collect()
    }

    /// Accepts the next connection and returns the client's address. Cancel safe.
    pub(crate) async fn accept(&self) -> (TcpStream, SocketAddr) {
        let on_v6 = async || match &self.v6 {
            Some(v6) => v6.accept().await,
            None => pending().await,
        };
        loop {
            // The order is random, so a flood at one address does not block the other.
            let accepted = tokio::select! {
                accepted = self.v4.accept() => accepted,
                accepted = on_v6() => accepted,
            };
            match accepted {
                Ok(accepted) => return accepted,
                // The error concerns only this client, which has left.
                Err(error) if concerns_one_connection(&error) => {}
                // Most likely too many files are open. The condition passes, but not at once.
                Err(_) => {
                    self.warnings.report(ListenerWarning::AcceptFailed);
                    limits::pause(limits::AFTER_FAILED_ACCEPT).await;
                }
            }
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    // An IPv6 socket that is bound to `::1` never receives IPv4 connections.
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // On Unix, the option permits binding while old connections are in TIME_WAIT. On Windows, it would
    // let two programs listen at once.
    if cfg!(unix) {
        socket.set_reuseaddr(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

fn lacks_address(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(ADDRESS_FAMILY_NOT_SUPPORTED)
}
