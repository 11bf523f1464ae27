//! The self-test: it checks that a browser that is redirected to `localhost` reaches this listener.
//!
//! A bound port does not prove that. The system may also give the port of one address to another program, or resolve
//! `localhost` to an address without the listener, and the authorization code would go there. The listener therefore
//! sends a probe to each address that only the listener can answer.

use crate::limits;
use crate::nonce::Nonce;
use crate::paths;
use crate::sockets::LOOPBACK;
use futures_util::future::join_all;
use keymint_domain::text::quote_unless_word;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, lookup_host};

/// The maximum length of the name of a program that answers in place of the listener, in characters.
const LONGEST_SERVER: usize = 80;

/// An error that may prevent a browser from reaching the listener. If several addresses have one, it is that of the
/// first address.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
#[non_exhaustive]
pub struct SelfTestError {
    /// The address.
    pub address: SocketAddr,
    /// The kind of error.
    pub kind: SelfTestErrorKind,
    #[source]
    source: Option<io::Error>,
}

/// The kind of a [`SelfTestError`]. A front end has a hint for each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelfTestErrorKind {
    /// The system resolves `localhost` to an address without the listener, most likely because of its
    /// hosts file. Nothing was sent to that address.
    ResolvesElsewhere,
    /// No response: the connection is refused, closed or left open, most likely by a firewall.
    NoAnswer,
    /// The AirPlay Receiver of macOS answers. It uses port 5000.
    AirPlayReceiver,
    /// Another program answers.
    Stranger {
        /// The `Server` field of its response, if it has one, sanitized for display.
        server: Option<String>,
    },
}

impl SelfTestError {
    fn new(address: SocketAddr, kind: SelfTestErrorKind, source: Option<io::Error>) -> Self {
        Self { address, kind, source }
    }

    fn text(&self) -> String {
        use SelfTestErrorKind::{AirPlayReceiver, NoAnswer, ResolvesElsewhere, Stranger};
        let address = self.address;
        match &self.kind {
            ResolvesElsewhere => format!("localhost resolves to {address}, which is not a loopback address"),
            NoAnswer => format!("the listener cannot be reached at {address}"),
            AirPlayReceiver => format!("the AirPlay Receiver answers at {address}"),
            Stranger { server: None } => format!("another program answers at {address}"),
            Stranger { server: Some(server) } => format!("another program answers at {address}: {server}"),
        }
    }
}

/// Resolves `localhost`. The result is empty if the system cannot, which does not matter: a browser
/// resolves it by itself.
pub(crate) async fn resolve(port: u16) -> Vec<SocketAddr> {
    let lookup = limits::timeout(limits::LOOKUP, lookup_host(("localhost", port))).await;
    lookup.and_then(Result::ok).map(Iterator::collect).unwrap_or_default()
}

/// Checks that `resolved` has only loopback addresses, and probes each bound one. An address that the
/// system does not have cannot be bound, and no other program can be there.
pub(crate) async fn run(
    identity: &Identity,
    resolved: &[SocketAddr],
    bound: &[SocketAddr],
) -> Result<(), SelfTestError> {
    if let Some(address) = resolved.iter().find(|address| !LOOPBACK.contains(&address.ip())) {
        return Err(SelfTestError::new(*address, SelfTestErrorKind::ResolvesElsewhere, None));
    }
    // The probes run concurrently, but the first error by address is reported, so that the result does not depend on
    // which probe is faster.
    join_all(bound.iter().map(|address| identity.probe(*address))).await.into_iter().collect()
}

/// The secrets that identify this listener, and the connections that it made to itself.
pub(crate) struct Identity {
    /// The nonce in a probe's path, after [`paths::PROBE`].
    pub(crate) nonce: Nonce,
    /// The answer to a probe with the nonce.
    pub(crate) answer: Nonce,
    /// The client's address of each probe in progress.
    probes: Mutex<Vec<SocketAddr>>,
}

impl Identity {
    pub(crate) fn random() -> io::Result<Self> {
        Ok(Self { nonce: Nonce::random()?, answer: Nonce::random()?, probes: Mutex::default() })
    }

    /// Returns whether the listener made this connection itself.
    pub(crate) fn is_probe(&self, client: SocketAddr) -> bool {
        self.probes().contains(&client)
    }

    fn probes(&self) -> MutexGuard<'_, Vec<SocketAddr>> {
        self.probes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn probe(&self, address: SocketAddr) -> Result<(), SelfTestError> {
        let mut response = Vec::new();
        let end = limits::timeout(limits::PROBE, self.send_probe(address, &mut response)).await;
        if self.is_ours(&response) {
            return Ok(());
        }
        if !response.is_empty() {
            return Err(SelfTestError::new(address, stranger(&response), None));
        }
        let source = match end {
            None => io::ErrorKind::TimedOut.into(),
            Some(Ok(())) => io::ErrorKind::UnexpectedEof.into(),
            Some(Err(error)) => error,
        };
        Err(SelfTestError::new(address, SelfTestErrorKind::NoAnswer, Some(source)))
    }

    /// Sends one request and reads until the response is sufficient.
    async fn send_probe(&self, address: SocketAddr, response: &mut Vec<u8>) -> io::Result<()> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Bound and registered before the server sees the connection.
        socket.bind(SocketAddr::new(address.ip(), 0))?;
        let client = socket.local_addr()?;
        self.probes().push(client);
        let _registration = Registration { identity: self, client };

        let mut stream = socket.connect(address).await?;
        let request = format!(
            "GET {}{} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n",
            paths::PROBE,
            self.nonce.as_str()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut stream = stream.take(limits::PROBE_BYTES);
        while !self.is_sufficient(response) && stream.read_buf(response).await? > 0 {}
        Ok(())
    }

    /// Returns whether the response is sufficient, even if the other program does not close the connection.
    fn is_sufficient(&self, response: &[u8]) -> bool {
        split(response).is_some_and(|(head, body)| !is_ok(head) || body.len() >= self.answer.as_str().len())
    }

    fn is_ours(&self, response: &[u8]) -> bool {
        split(response).is_some_and(|(head, body)| is_ok(head) && self.answer.matches(body))
    }
}

struct Registration<'a> {
    identity: &'a Identity,
    client: SocketAddr,
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.identity.probes().retain(|client| *client != self.client);
    }
}

/// Returns the head and the body of a response whose head is complete.
fn split(response: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    Some((&response[..end], &response[end + 4..]))
}

fn is_ok(head: &[u8]) -> bool {
    head.starts_with(b"HTTP/1.1 200 ")
}

/// Identifies another program by its response, which need not be HTTP: AirPlay may speak RTSP.
fn stranger(response: &[u8]) -> SelfTestErrorKind {
    let head = split(response).map_or(response, |(head, _)| head);
    let server = String::from_utf8_lossy(head)
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("server"))
        .map(|(_, value)| value.trim())
        .filter(|server| !server.is_empty())
        .map(|server| quote_unless_word(server, LONGEST_SERVER));
    match server {
        Some(server) if server.starts_with("AirTunes") => SelfTestErrorKind::AirPlayReceiver,
        server => SelfTestErrorKind::Stranger { server },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LoopbackListener;
    use futures_util::FutureExt;
    use std::error::Error;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    /// Starts another program that sends this response to one request, and returns the request.
    async fn stranger_sending(answer: &'static str) -> (SocketAddr, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while split(&asked).is_none() {
                stream.read_buf(&mut asked).await.unwrap();
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            // The program keeps the connection open, unless it sends nothing.
            if !answer.is_empty() {
                let _ = stream.read_buf(&mut asked).await;
            }
            String::from_utf8(asked).unwrap()
        });
        (address, asked)
    }

    async fn probe(address: SocketAddr) -> SelfTestError {
        run(&Identity::random().unwrap(), &[], &[address]).await.unwrap_err()
    }

    /// A response like the listener's, from a program that saw only the request.
    const GUESS: &str = "HTTP/1.1 200 OK\r\nserver: nginx\r\n\r\n0123456789012345678901234567890123456789012";

    #[tokio::test]
    async fn another_program_that_answers_is_named_by_its_server_field() {
        let airplay = || (SelfTestErrorKind::AirPlayReceiver, "the AirPlay Receiver answers at");
        let other = |name: Option<&str>| {
            (SelfTestErrorKind::Stranger { server: name.map(str::to_owned) }, "another program answers at")
        };
        for (answer, (kind, text)) in [
            ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nServer: AirTunes/870.14.1\r\n\r\n", airplay()),
            ("RTSP/1.0 400 Bad Request\r\nserver:AirTunes/377.40.00\r\n\r\n", airplay()),
            (GUESS, other(Some("nginx"))),
            ("HTTP/1.0 404 NOT FOUND\r\nServer: \x1b[2Jx\r\n\r\n", other(Some(r#""\u{1b}[2Jx""#))),
            ("HTTP/1.1 404 Not Found\r\nServer: \r\n\r\nServer: AirTunes/1", other(None)),
        ] {
            let (address, asked) = stranger_sending(answer).await;
            let error = probe(address).await;
            assert_eq!((error.address, &error.kind), (address, &kind));
            assert!(error.to_string().starts_with(&format!("{text} {address}")), "{error}");
            let asked = asked.await.unwrap();
            assert!(asked.starts_with("GET /.keymint/") && asked.len() < 200, "{asked}");
        }
        let long_name = format!("HTTP/1.1 200 OK\r\nServer: {}", "x".repeat(10_000));
        let SelfTestErrorKind::Stranger { server: Some(server) } = stranger(long_name.as_bytes()) else {
            panic!("it has a name");
        };
        assert_eq!(server.chars().count(), LONGEST_SERVER);
    }

    async fn is_not_reached(address: SocketAddr, expected: io::ErrorKind) {
        let error = probe(address).await;
        assert_eq!((error.address, &error.kind), (address, &SelfTestErrorKind::NoAnswer), "{expected}");
        assert_eq!(error.to_string(), format!("the listener cannot be reached at {address}"));
        let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(source.kind(), expected);
    }

    #[tokio::test]
    async fn an_address_that_refuses_or_says_nothing_is_not_reached() {
        // A socket that is bound but does not listen reserves the port and refuses connections.
        let refused = TcpSocket::new_v4().unwrap();
        refused.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        is_not_reached(refused.local_addr().unwrap(), io::ErrorKind::ConnectionRefused).await;

        let (closing, _) = stranger_sending("").await;
        is_not_reached(closing, io::ErrorKind::UnexpectedEof).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_where_it_stays_silent_is_not_reached() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        is_not_reached(silent.local_addr().unwrap(), io::ErrorKind::TimedOut).await;
    }

    #[tokio::test]
    async fn localhost_may_lead_to_the_two_loopback_addresses_and_nowhere_else() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        for elsewhere in ["127.0.1.1:5000", "10.0.0.5:5000", "[fe80::1]:5000", "[::ffff:127.0.0.1]:5000"] {
            let resolved = ["127.0.0.1:5000", "[::1]:5000", elsewhere].map(|text| text.parse().unwrap());
            let error = run(&Identity::random().unwrap(), &resolved, &[here]).await.unwrap_err();
            assert_eq!((error.address, &error.kind), (resolved[2], &SelfTestErrorKind::ResolvesElsewhere));
            let text = format!("localhost resolves to {elsewhere}, which is not a loopback address");
            assert_eq!(error.to_string(), text);
        }
        assert!(
            listener.accept().now_or_never().is_none(),
            "a pending callback was offered although the response is decided"
        );
    }

    #[tokio::test]
    async fn every_address_must_be_the_listeners() {
        let listener = LoopbackListener::bind(0).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.redirect_uri().port().unwrap()));
        let other = LoopbackListener::bind(0).unwrap();
        let not_ours = SocketAddr::from((Ipv4Addr::LOCALHOST, other.redirect_uri().port().unwrap()));

        // An address that the system does not have is resolved, but not bound.
        let resolved = [address, SocketAddr::from((Ipv6Addr::LOCALHOST, address.port()))];
        let identity = &listener.shared.identity;
        run(identity, &resolved, &[address]).await.unwrap();
        let error = run(identity, &[], &[address, not_ours]).await.unwrap_err();
        assert_eq!((error.address, error.kind), (not_ours, SelfTestErrorKind::Stranger { server: None }));
        assert!(identity.probes().is_empty(), "a probe is over");
    }
}
