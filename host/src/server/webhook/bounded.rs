//! A stream of which no more than a certain number of bytes is read, whatever they turn out to be: handshakes, heads,
//! interim answers without end, a body.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream and how much may still be read from it.
#[derive(Debug)]
pub(super) struct Bounded<S> {
    stream: S,
    left_bytes: usize,
}

impl<S> Bounded<S> {
    pub(super) fn new(stream: S, most_bytes: usize) -> Self {
        Bounded { stream, left_bytes: most_bytes }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        let Some(left_bytes) = self.left_bytes.checked_sub(read) else {
            // Who reads is told of an error or of bytes, never of both.
            buffer.set_filled(before);
            return Poll::Ready(Err(io::Error::other("too long an answer")));
        };
        self.left_bytes = left_bytes;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn no_more_is_read_than_is_allowed() {
        let mut text = String::new();
        Bounded::new(&b"12345"[..], 5).read_to_string(&mut text).await.expect("all of it");
        assert_eq!(text, "12345");
        Bounded::new(&b"12345"[..], 4).read_to_end(&mut Vec::new()).await.expect_err("one byte too many");
    }
}
