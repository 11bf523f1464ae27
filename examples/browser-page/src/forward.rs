use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::io;
use tokio::net::TcpStream;

/// Passes a request on to another server as it is, over a connection of its own.
pub(crate) async fn forward(base: &str, request: Request<Incoming>) -> io::Result<Response<Incoming>> {
    let address = base.strip_prefix("http://").ok_or(io::ErrorKind::Unsupported)?;
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(io::Error::other)
}
