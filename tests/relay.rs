//! TLS before a server that has none.

use crate::authority::{Authority, acceptor, certificate_for};
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// Passes on what comes over TLS.
pub(crate) struct Relay {
    pub(crate) url: String,
    counts: watch::Sender<Counts>,
    closing: watch::Sender<()>,
    target: watch::Sender<Option<SocketAddr>>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Connections on which TLS is there.
    pub(crate) open: usize,
    /// Those on which something was asked.
    pub(crate) used: usize,
}

impl Relay {
    /// With a certificate of this authority for this address.
    pub(crate) async fn start(address: IpAddr, authority: &Authority) -> Self {
        let acceptor = acceptor(authority, certificate_for(&address.to_string()));
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let (counts, closing, target) =
            (watch::Sender::default(), watch::Sender::default(), watch::Sender::default());
        let (counting, closed, leading) = (counts.clone(), closing.clone(), target.clone());
        let task = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (acceptor, counts) = (acceptor.clone(), counting.clone());
                let (closed, target) = (closed.subscribe(), leading.subscribe());
                tokio::spawn(pass_on(socket, acceptor, counts, closed, target));
            }
        });
        Self { url, counts, closing, target, task }
    }

    /// Where to pass it on to.
    pub(crate) fn lead_to(&self, url: &str) {
        let address = url.trim_start_matches("http://").parse().unwrap();
        self.target.send_replace(Some(address));
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Waits until so many connections have been opened.
    pub(crate) async fn opened(&self, number: usize) {
        self.counts.subscribe().wait_for(|counts| counts.open >= number).await.unwrap();
    }

    /// Closes the connections on which nothing was asked yet.
    pub(crate) fn close_unused(&self) {
        self.closing.send_replace(());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Ends where either side goes away, or where TLS does not come about.
async fn pass_on(
    socket: TcpStream,
    acceptor: TlsAcceptor,
    counts: watch::Sender<Counts>,
    mut closed: watch::Receiver<()>,
    mut target: watch::Receiver<Option<SocketAddr>>,
) {
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
