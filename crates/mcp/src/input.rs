//! The incoming stream, whose end is noticed at once.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::CancellationToken;

/// A reader that cancels a token at its end: the client is gone then.
#[derive(Debug)]
pub(crate) struct Input<R> {
    reader: R,
    gone: CancellationToken,
}

impl<R> Input<R> {
    pub(crate) fn new(reader: R, gone: CancellationToken) -> Self {
        Self { reader, gone }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Input<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.reader).poll_read(context, buffer);
        let is_end = match &read {
            Poll::Ready(Ok(())) => buffer.filled().len() == before,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if is_end {
            self.gone.cancel();
        }
        read
    }
}
