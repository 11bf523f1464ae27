//! A server that keeps its connections open, with or without TLS.

use crate::support::{good_body, read_request};
use keymint_domain::Step;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// Keeps connections open, as servers do, until the test hangs up.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) port: u16,
    seen: Arc<watch::Sender<Seen>>,
    hang_ups: watch::Sender<&'static str>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    pub(crate) open: usize,
    pub(crate) requests: usize,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    pub(crate) async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let seen = Arc::new(watch::Sender::new(Seen::default()));
        let hang_ups = watch::Sender::new("");
        let (recorded, hang_up) = (Arc::clone(&seen), hang_ups.subscribe());
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                recorded.send_modify(|seen| {
                    (seen.connections, seen.open) = (seen.connections + 1, seen.open + 1)
                });
                let (tls, recorded, mut hang_up) = (tls.clone(), Arc::clone(&recorded), hang_up.clone());
                hang_up.mark_unchanged();
                tokio::spawn(async move {
                    let _ = match tls {
                        Some(tls) => match tls.accept(socket).await {
                            Ok(socket) => serve(socket, &recorded, hang_up).await,
                            Err(error) => Err(error),
                        },
                        None => serve(socket, &recorded, hang_up).await,
                    };
                    recorded.send_modify(|seen| seen.open -= 1);
                });
            }
        });
        Self { url: format!("{scheme}://localhost:{port}"), port, seen, hang_ups }
    }

    pub(crate) fn seen(&self) -> Seen {
        *self.seen.borrow()
    }

    pub(crate) async fn until(&self, holds: impl Fn(&Seen) -> bool) {
        self.seen.subscribe().wait_for(|seen| holds(seen)).await.unwrap();
    }

    /// Sends this on all connections, and closes them.
    pub(crate) async fn hang_up(&self, last_words: &'static str) {
        self.hang_ups.send_replace(last_words);
        self.until(|seen| seen.open == 0).await;
    }
}

async fn serve(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    seen: &watch::Sender<Seen>,
    mut hang_up: watch::Receiver<&'static str>,
) -> io::Result<()> {
    loop {
        let step = tokio::select! {
            request = read_request(&mut socket) => step(&request?),
            _ = hang_up.changed() => {
                let last_words = *hang_up.borrow();
                socket.write_all(last_words.as_bytes()).await?;
                return socket.shutdown().await;
            }
        };
        seen.send_modify(|seen| seen.requests += 1);
        let body = good_body(step);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        socket.write_all(answer.as_bytes()).await?;
    }
}

fn step(request: &str) -> Step {
    let (method, target) = request.split_once(' ').unwrap();
    let target = target.split(' ').next().unwrap();
    let segments: Vec<_> = target.split('/').skip(1).collect();
    match (method, &segments[..]) {
        (_, ["v1", "organization", "projects", _, "service_accounts"]) => Step::CreateServiceAccount,
        ("delete", ["v1", "organization", "projects", _, "service_accounts", _]) => {
            Step::DeleteServiceAccount
        }
        (_, ["v1", "organization", "projects", _, "service_accounts", _]) => Step::UpdateServiceAccount,
        (_, ["v1", "organization", "projects", _, "service_accounts", ..]) => Step::CreateAccountKey,
        ("delete", ["v1", "organization", "projects", _, "api_keys", _]) => Step::DeleteKey,
        (_, ["v1", "organization", "projects", _, "api_keys", _]) => Step::GetKey,
        (_, [.., "token"]) => Step::ExchangeCode,
        (_, [.., "login"]) => Step::Login,
        (_, [.., "api_keys"]) => Step::CreateKey,
        _ => Step::ListOrganizations,
    }
}
