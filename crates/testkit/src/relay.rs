//! TLS in front of a server without TLS.

use crate::{Authority, acceptor, certificate_for};
use std::future::pending;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A server that accepts TLS connections and relays their content to another server, without TLS.
pub struct Relay {
    /// The URL of the relay.
    pub url: String,
    counts: watch::Sender<Counts>,
    closing: watch::Sender<()>,
    target: watch::Sender<Option<SocketAddr>>,
    task: JoinHandle<()>,
}

/// The numbers of a relay's connections so far.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    /// All connections.
    pub accepted: usize,
    /// Connections with a completed TLS handshake.
    pub open: usize,
    /// Connections on which a request arrived.
    pub used: usize,
}

/// The behavior of a relay toward a new connection.
#[derive(Clone)]
pub enum Shows {
    /// TLS, with a certificate.
    Certificate(TlsAcceptor),
    /// These bytes, without TLS.
    Bytes(&'static [u8]),
    /// No bytes at all.
    Nothing,
}

impl Relay {
    /// Starts a relay with a certificate of this authority for this address.
    pub async fn start(address: IpAddr, authority: &Authority) -> Self {
        let certificate = acceptor(authority, certificate_for(&address.to_string()));
        Self::start_at(address, Shows::Certificate(certificate)).await
    }

    /// Starts a relay with this behavior on loopback.
    pub async fn showing(shows: Shows) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), shows).await
    }

    async fn start_at(address: IpAddr, shows: Shows) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let (counts, closing, target) =
            (watch::Sender::default(), watch::Sender::default(), watch::Sender::default());
        let (counting, closed, leading) = (counts.clone(), closing.clone(), target.clone());
        let task = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (shows, counts) = (shows.clone(), counting.clone());
                let (closed, target) = (closed.subscribe(), leading.subscribe());
                tokio::spawn(pass_on(socket, shows, counts, closed, target));
            }
        });
        Self { url, counts, closing, target, task }
    }

    /// Sets the URL of the server to relay to. Connections wait until it is set.
    pub fn lead_to(&self, url: &str) {
        let address = url.trim_start_matches("http://").parse().unwrap();
        self.target.send_replace(Some(address));
    }

    /// Returns the numbers of connections so far.
    pub fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Waits until this number of connections are [open](Counts::open).
    pub async fn opened(&self, number: usize) {
        self.counts.subscribe().wait_for(|counts| counts.open >= number).await.unwrap();
    }

    /// Closes the connections on which no request has arrived.
    pub fn close_unused(&self) {
        self.closing.send_replace(());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Relays bytes until either side closes the connection, or the handshake fails.
async fn pass_on(
    mut socket: TcpStream,
    shows: Shows,
    counts: watch::Sender<Counts>,
    mut closed: watch::Receiver<()>,
    mut target: watch::Receiver<Option<SocketAddr>>,
) {
    counts.send_modify(|counts| counts.accepted += 1);
    let acceptor = match shows {
        Shows::Certificate(acceptor) => acceptor,
        Shows::Bytes(bytes) => {
            socket.write_all(bytes).await.ok();
            socket.shutdown().await.ok();
            socket.read_to_end(&mut Vec::new()).await.ok();
            return;
        }
        Shows::Nothing => return pending().await,
    };
    let Ok(mut client) = acceptor.accept(socket).await else { return };
    counts.send_modify(|counts| counts.open += 1);
    let mut first = [0];
    let read = tokio::select! {
        read = client.read(&mut first) => read,
        _ = closed.changed() => {
            client.shutdown().await.ok();
            return;
        }
    };
    if !matches!(read, Ok(1)) {
        return;
    }
    counts.send_modify(|counts| counts.used += 1);
    let address = target.wait_for(Option::is_some).await.unwrap().unwrap();
    let mut server = TcpStream::connect(address).await.unwrap();
    if server.write_all(&first).await.is_ok() {
        copy_bidirectional(&mut client, &mut server).await.ok();
    }
}
