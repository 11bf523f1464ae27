//! A simulated network to a server.

use spin_sleep::{sleep, sleep_until};
use std::io::{self, Read, Write, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::spawn;
use std::time::{Duration, Instant};

/// The delays of a network.
#[derive(Clone, Copy)]
pub(crate) struct Network {
    /// The delay before the first byte of a new connection: TCP and TLS 1.3 take one round trip each.
    pub(crate) connecting: Duration,
    /// The delay of each answer.
    pub(crate) latency: Duration,
}

/// Puts the network in front of a server. Returns the URL of the server through the network.
///
/// Threads do the waiting, and spin at the end of each wait. The timers of tokio are late by 1 or 2 ms, and those of
/// the system by 0.1 ms.
pub(crate) fn before(server: &str, network: Network) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", listener.local_addr()?);
    let server = server.trim_start_matches("http://").to_owned();
    spawn(move || {
        for client in listener.incoming().flatten() {
            let server = server.clone();
            spawn(move || carry(client, &server, network));
        }
    });
    Ok(address)
}

/// Relays a connection with the delays of the network.
fn carry(mut client: TcpStream, server: &str, network: Network) -> io::Result<()> {
    sleep(network.connecting);
    let mut server = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (sent, arriving) = channel();
    let (requests, to_server) = (client.try_clone()?, server.try_clone()?);
    spawn(move || take(requests, network.latency, &sent));
    spawn(move || give(&arriving, to_server));
    copy(&mut server, &mut client)?;
    client.shutdown(Shutdown::Write)
}

/// Reads the bytes from the client, and sends them on with the time at which the server gets them.
fn take(mut client: TcpStream, latency: Duration, sent: &Sender<(Instant, Vec<u8>)>) {
    let mut chunk = [0; 16 * 1024];
    while let Ok(length @ 1..) = client.read(&mut chunk) {
        if sent.send((Instant::now() + latency, chunk[..length].to_vec())).is_err() {
            return;
        }
    }
}

/// Writes each chunk to the server when its time has come.
fn give(arriving: &Receiver<(Instant, Vec<u8>)>, mut server: TcpStream) -> io::Result<()> {
    for (due, chunk) in arriving {
        sleep_until(due);
        server.write_all(&chunk)?;
    }
    server.shutdown(Shutdown::Write)
}
