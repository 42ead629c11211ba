//! A connection of the ring, with TLS or without, for whoever speaks on it.

use super::tls::Tls;
use hatchery_core::ring::Stream;
use hyper::rt::{Read, ReadBufCursor, Write};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

/// What carries the bytes.
#[derive(Debug)]
pub(crate) enum Transport {
    /// TCP or a unix socket.
    Plain(Stream),
    /// TLS over it.
    Tls(Box<Tls>),
}

/// Bytes that one write gathers at most; the rest is written when these are sent. As large as the
/// buffers that the ring keeps for use again: larger ones are new memory each time.
const WRITE_BYTES_MAX: usize = 64 * 1024;

impl Transport {
    pub(crate) fn stream(&mut self) -> &mut Stream {
        match self {
            Transport::Plain(stream) => stream,
            Transport::Tls(tls) => &mut tls.stream,
        }
    }

    /// Whether the server chose HTTP/2 when it shook hands.
    pub(super) fn has_agreed_on_http2(&self) -> bool {
        matches!(self, Transport::Tls(tls) if tls.has_agreed_on_http2())
    }

    /// Whether the peer has closed, as far as is known.
    #[inline]
    pub(super) fn has_ended(&mut self) -> bool {
        match self {
            Transport::Plain(stream) => stream.has_ended(),
            Transport::Tls(tls) => tls.has_ended(),
        }
    }

    /// Whether there are bytes that nobody has read.
    #[inline]
    pub(super) fn has_unread(&mut self) -> bool {
        match self {
            Transport::Plain(stream) => stream.has_unread(),
            Transport::Tls(tls) => tls.has_unread(),
        }
    }

    /// Whether nothing has come that nobody has read, and the peer has not closed.
    #[inline]
    pub(super) fn is_quiet(&mut self) -> bool {
        match self {
            Transport::Plain(stream) => stream.is_quiet(),
            Transport::Tls(tls) => !tls.has_unread() && !tls.has_ended(),
        }
    }

    /// Shows the bytes received next to `read`, which says how many it took; `None` at the end.
    pub(crate) fn poll_read_with<R>(
        &mut self,
        cx: &mut Context<'_>,
        read: impl FnOnce(&[u8]) -> (usize, R),
    ) -> Poll<io::Result<Option<R>>> {
        match self {
            Transport::Plain(stream) => stream.poll_read_with(cx, read),
            Transport::Tls(tls) => tls.poll_read_with(cx, read),
        }
    }

    /// Whether [`Stream::poll_discard`] throws away what is the peer's, and unseen.
    pub(super) fn may_discard(&self) -> bool {
        matches!(self, Transport::Plain(stream) if stream.may_discard())
    }

    /// Lets `write` fill a buffer, and hands that to the socket.
    pub(crate) fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Poll<io::Result<()>> {
        match self {
            Transport::Plain(stream) => stream.poll_write_with(cx, write),
            Transport::Tls(tls) => tls.poll_write_with(cx, write),
        }
    }

    /// Hands the socket bytes that others send too.
    #[inline]
    pub(super) fn poll_write_shared(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &Rc<[u8]>,
    ) -> Poll<io::Result<()>> {
        match self {
            Transport::Plain(stream) => stream.poll_write_shared(cx, bytes),
            Transport::Tls(tls) => {
                tls.poll_write_with(cx, |buffer| buffer.extend_from_slice(bytes))
            }
        }
    }

    /// Waits until what was written is out of our hands. Bytes taken by a plain stream are on their
    /// way already; waiting for them to be sent would cost a turn.
    pub(crate) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Plain(_) => Poll::Ready(Ok(())),
            Transport::Tls(tls) => tls.poll_flush(cx),
        }
    }

    /// Waits until the socket has taken what was written.
    pub(super) fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_sent(cx))?;
        self.stream().poll_flush(cx)
    }

    /// Reads into a buffer of hyper's: how many bytes, which is none at the end.
    pub(super) fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut ReadBufCursor<'_>,
    ) -> Poll<io::Result<usize>> {
        let copy = |bytes: &[u8]| {
            let n = bytes.len().min(into.remaining());
            into.put_slice(&bytes[..n]);
            (n, n)
        };
        self.poll_read_with(cx, copy).map_ok(|n| n.unwrap_or(0))
    }

    /// Gathers what lies apart in one write: how many bytes were taken.
    pub(super) fn poll_write_slices(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Transport::Plain(stream) => {
                let mut n_written = 0;
                let gather = |buffer: &mut Vec<u8>| {
                    for slice in slices {
                        let n = slice.len().min(WRITE_BYTES_MAX - n_written);
                        buffer.extend_from_slice(&slice[..n]);
                        n_written += n;
                    }
                };
                stream.poll_write_with(cx, gather).map_ok(|()| n_written)
            }
            Transport::Tls(tls) => tls.poll_write(cx, slices),
        }
    }

    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Plain(stream) => stream.poll_shutdown(cx),
            Transport::Tls(tls) => tls.poll_shutdown(cx),
        }
    }
}

impl Read for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().poll_read_into(cx, &mut into).map_ok(drop)
    }
}

impl Write for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_slices(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_slices(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_sent(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_close(cx)
    }
}
