//! A stream that ends where a TLS handshake begins.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The first bytes of a TLS client: the record type `handshake`, and the part of the version that is
/// unchanged since SSL 3.0 (RFC 8446 section 5.1). No HTTP request begins with them.
const CLIENT_HELLO: [u8; 2] = [0x16, 0x03];

/// A stream that passes everything through, but ends where a TLS client sends its first bytes.
///
/// HTTP then sends no response, which a TLS client could not read. The stream inspects the bytes that pass and never
/// waits for more, so time limits apply unchanged. It does not split a read in two either: hyper rejects errors in
/// the first read at once, and in later reads only at the end of a head.
pub(crate) struct TlsSniffer<S> {
    stream: S,
    beginning: Beginning,
}

enum Beginning {
    /// Nothing was read yet.
    Unread,
    /// The first byte of a TLS client was read and withheld.
    Unclear,
    Cleartext,
    Tls,
}

impl<S> TlsSniffer<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, beginning: Beginning::Unread }
    }

    pub(crate) fn was_tls(&self) -> bool {
        matches!(self.beginning, Beginning::Tls)
    }

    pub(crate) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TlsSniffer<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, beginning } = &mut *self;
        let mut stream = Pin::new(stream);
        let start = buf.filled().len();
        loop {
            let held: &[u8] = match beginning {
                Beginning::Cleartext => return stream.poll_read(cx, buf),
                Beginning::Tls => return Poll::Ready(Ok(())),
                Beginning::Unread => &[],
                Beginning::Unclear => &CLIENT_HELLO[..1],
            };
            // hyper never reads into so small a buffer.
            if buf.remaining() <= held.len() {
                return Poll::Ready(Err(io::ErrorKind::InvalidInput.into()));
            }
            buf.put_slice(held);
            let read = stream.as_mut().poll_read(cx, buf);
            let Poll::Ready(Ok(())) = read else {
                buf.set_filled(start);
                return read;
            };
            let bytes = &buf.filled()[start..];
            if bytes.starts_with(&CLIENT_HELLO) {
                buf.set_filled(start);
                *beginning = Beginning::Tls;
            } else if held.is_empty() && bytes == &CLIENT_HELLO[..1] {
                buf.set_filled(start);
                *beginning = Beginning::Unclear;
            } else {
                *beginning = Beginning::Cleartext;
                return read;
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TlsSniffer<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
