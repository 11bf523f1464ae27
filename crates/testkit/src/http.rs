//! Ports of this machine, and plain requests to them.

use crate::watch;
use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Returns a free port that no other test uses. It is below the ports that the system assigns by itself.
///
/// The check connects to the port and does not bind it. A program that another test starts at that moment would inherit
/// the bound socket, and hold the port until it has started.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 90).unwrap() * 100;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        let answers = |address| std::net::TcpStream::connect((address, port)).is_ok();
        if !answers("127.0.0.1") && !answers("::1") {
            return port;
        }
    }
}

/// Returns whether a port can be bound at both loopback addresses.
pub fn is_free(port: u16) -> bool {
    ["127.0.0.1", "::1"].iter().all(|address| TcpListener::bind((*address, port)).is_ok())
}

/// Opens a connection to a port of this machine.
///
/// # Errors
///
/// [`io::Error`] if no program listens at 127.0.0.1.
pub async fn connect(port: u16) -> io::Result<TcpStream> {
    TcpStream::connect(("127.0.0.1", port)).await
}

/// Sends a text to a port of this machine, and returns everything that is sent back.
///
/// # Errors
///
/// [`io::Error`] if the connection fails, or the answer is not UTF-8.
pub async fn send(port: u16, request: &str) -> io::Result<String> {
    watch(async {
        let mut stream = connect(port).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    })
    .await
}

/// Sends a GET request without TLS, as a browser would, and returns the whole answer.
///
/// # Errors
///
/// The same as for [`send`].
pub async fn get(port: u16, target: &str) -> io::Result<String> {
    send(port, &format!("GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n")).await
}
