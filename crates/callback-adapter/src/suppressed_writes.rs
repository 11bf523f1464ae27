//! A stream that suppresses the responses that hyper sends on its own.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that drops everything written before a request was read, and passes on everything else.
///
/// hyper itself responds to bytes that are not a request, with a head and no page. The connection sends its own
/// response instead, with the usual headers.
pub(crate) struct SuppressedWrites<'a, S> {
    stream: S,
    has_request: &'a AtomicBool,
    /// True if a response was suppressed, so that the client still needs one.
    pub(crate) suppressed_any: bool,
}

impl<'a, S> SuppressedWrites<'a, S> {
    /// Suppresses writes until `has_request` is set.
    pub(crate) fn new(stream: S, has_request: &'a AtomicBool) -> Self {
        Self { stream, has_request, suppressed_any: false }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for SuppressedWrites<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for SuppressedWrites<'_, S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.has_request.load(Ordering::Acquire) {
            return Pin::new(&mut self.stream).poll_write(cx, buf);
        }
        self.suppressed_any = true;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Keeps the stream open for the response that replaces hyper's.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
