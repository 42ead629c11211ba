//! hyper's reads and writes on a connection of the ring.
//!
//! A connection is driven by the request that uses it, in one task. hyper's own channels between
//! request and connection would wake that task once more for everything that it is about to look
//! at anyway; so hyper is polled with a waker that does nothing, and the ring gets the task's waker
//! from here.

use super::transport::Transport;
use hyper::rt::{Read, ReadBufCursor, Write};
use std::{
    cell::RefCell,
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

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
        let polled = inner.step(|transport, cx| transport.poll_read_into(cx, &mut into));
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
        let polled = inner.step(|transport, cx| transport.poll_write_slices(cx, slices));
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
        inner.transport.poll_sent(&mut Context::from_waker(&inner.waker))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _noop: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().step(Transport::poll_close)
    }
}
