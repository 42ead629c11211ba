//! hyper's reads and writes on a connection of the ring.
//!
//! A connection is driven by the request that uses it, in one task. hyper's own channels between
//! request and connection would wake that task once more for everything that it is about to look
//! at anyway; so hyper is polled with a waker that does nothing, and the ring gets the task's waker
//! from here.

use super::tls::Tls;
use hatchery_core::ring::Stream;
use hyper::rt::{Read, ReadBufCursor, Write};
use std::{
    cell::RefCell,
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
};

/// What carries the bytes.
#[derive(Debug)]
pub(crate) enum Transport {
    /// TCP or a unix socket.
    Plain(Stream),
    /// TLS over it.
    Tls(Box<Tls>),
}

/// Bytes that one write gathers at most; the rest is written when these are sent.
const WRITE_BYTES_MAX: usize = 1 << 20;

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

    /// Waits until what was written is out of our hands.
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

    fn poll_read(
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

    pub(super) fn poll_write(
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

    /// Bytes taken by a plain stream are on their way already; waiting for them to be sent would
    /// cost a turn.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Plain(_) => Poll::Ready(Ok(())),
            Transport::Tls(tls) => tls.poll_flush(cx),
        }
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Plain(stream) => stream.poll_shutdown(cx),
            Transport::Tls(tls) => tls.poll_shutdown(cx),
        }
    }
}

/// A transport that hyper and its driver both reach.
#[derive(Clone, Debug)]
pub(crate) struct Wire(Rc<RefCell<Inner>>);

#[derive(Debug)]
struct Inner {
    transport: Transport,
    /// Of the task that drives the connection.
    waker: Waker,
    /// Bytes read so far.
    n_read: u64,
    /// Bytes taken from hyper so far.
    n_written: u64,
    /// Reads and writes that got somewhere, ends and errors included.
    n_steps: u64,
}

impl Wire {
    pub(crate) fn new(transport: Transport) -> Wire {
        let waker = Waker::noop().clone();
        Wire(Rc::new(RefCell::new(Inner { transport, waker, n_read: 0, n_written: 0, n_steps: 0 })))
    }

    /// Whom the ring wakes from now on.
    #[inline]
    pub(crate) fn set_waker(&self, waker: &Waker) {
        let inner = &mut *self.0.borrow_mut();
        if !inner.waker.will_wake(waker) {
            inner.waker.clone_from(waker);
        }
    }

    /// Whom the ring wakes, for a body that waits for other things.
    pub(crate) fn waker(&self) -> Waker {
        self.0.borrow().waker.clone()
    }

    /// Bytes read so far.
    #[inline]
    pub(crate) fn n_read(&self) -> u64 {
        self.0.borrow().n_read
    }

    /// Bytes written so far.
    #[inline]
    pub(crate) fn n_written(&self) -> u64 {
        self.0.borrow().n_written
    }

    /// Reads and writes so far that did not have to wait.
    #[inline]
    pub(crate) fn n_steps(&self) -> u64 {
        self.0.borrow().n_steps
    }

    /// Whether a request may be sent: the peer has not closed, nor said what nobody asked for.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        let inner = &mut *self.0.borrow_mut();
        !inner.transport.has_unread() && !inner.transport.has_ended()
    }

    /// Says that a large body is to come, or has come.
    pub(crate) fn expect_bulk(&self, bulk: bool) {
        self.0.borrow_mut().transport.stream().expect_bulk(bulk);
    }
}

impl Inner {
    #[inline]
    fn step<T>(
        &mut self,
        io: impl FnOnce(&mut Transport, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let polled = io(&mut self.transport, &mut Context::from_waker(&self.waker));
        self.n_steps += u64::from(polled.is_ready());
        polled
    }
}

impl Read for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        _noop: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let inner = &mut *self.0.borrow_mut();
        let polled = inner.step(|transport, cx| transport.poll_read(cx, &mut into));
        polled.map_ok(|n| inner.n_read += n as u64)
    }
}

impl Write for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        noop: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(noop, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _noop: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let inner = &mut *self.0.borrow_mut();
        let polled = inner.step(|transport, cx| transport.poll_write(cx, slices));
        polled.map_ok(|n| {
            inner.n_written += n as u64;
            n
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Not counted as a step: hyper flushes each time it is polled.
    fn poll_flush(self: Pin<&mut Self>, _noop: &mut Context<'_>) -> Poll<io::Result<()>> {
        let inner = &mut *self.0.borrow_mut();
        inner.transport.poll_flush(&mut Context::from_waker(&inner.waker))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _noop: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().step(Transport::poll_shutdown)
    }
}
