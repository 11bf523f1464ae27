//! A stream that ends where TLS would begin.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a TLS client says first: a record of the type `handshake`, and the part of its version
/// that has been the same since SSL 3.0 (RFC 8446 section 5.1). No HTTP request begins like that.
const CLIENT_HELLO: [u8; 2] = [0x16, 0x03];

/// Lets everything through, except that a TLS client's bytes are read as the end of the stream.
/// So HTTP answers nothing, which is the only answer that says nothing wrong.
///
/// It looks at the bytes as they pass and waits for none on its own, so that time limits hold as
/// they would without it. Nor does it cut what came in one piece into two: hyper refuses at once
/// what is wrong in the first piece, and later only at the end of a head.
pub(crate) struct TlsSniffer<S> {
    stream: S,
    beginning: Beginning,
}

enum Beginning {
    /// Nothing was read.
    Unread,
    /// The first byte of a TLS client was read, and held back.
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
            // hyper never asks for so little.
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

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
