//! hyper's reads and writes on a stream of the ring.

use hatchery_core::ring::Stream;
use hyper::rt::{Read, ReadBufCursor, Write};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

/// A stream as hyper wants it.
#[derive(Debug)]
pub(super) struct Io(pub(super) Stream);

impl Read for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let copy = |bytes: &[u8]| {
            let n = bytes.len().min(into.remaining());
            into.put_slice(&bytes[..n]);
            (n, ())
        };
        self.get_mut().0.poll_read_with(cx, copy).map_ok(|_| ())
    }
}

impl Write for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().0.poll_write(cx, bytes)
    }

    /// What was written is on its way already; waiting for it to be sent would cost a turn.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().0.poll_shutdown(cx)
    }
}
