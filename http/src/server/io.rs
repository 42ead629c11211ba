//! hyper's reads and writes on a stream of the ring.
//!
//! Writes are gathered: head and body of an answer go from where they lie into one send buffer,
//! while without it hyper would first copy both into a buffer of its own.

use hatchery_core::ring::Stream;
use hyper::rt::{Read, ReadBufCursor, Write};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

/// Bytes that one write gathers at most; the rest is written when these are sent. As large as the
/// buffers that the ring keeps for use again: larger ones are new memory each time.
pub(super) const WRITE_BYTES_MAX: usize = 64 * 1024;

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
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut n_written = 0;
        let gather = |buffer: &mut Vec<u8>| {
            for slice in slices {
                let n = slice.len().min(WRITE_BYTES_MAX - n_written);
                buffer.extend_from_slice(&slice[..n]);
                n_written += n;
            }
        };
        self.get_mut().0.poll_write_with(cx, gather).map_ok(|()| n_written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// What was written is on its way already; waiting for it to be sent would cost a turn.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().0.poll_shutdown(cx)
    }
}
