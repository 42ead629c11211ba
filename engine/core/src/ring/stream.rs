//! A connected socket in the ring.

use super::{
    driver::Ring,
    options::{Address, SocketOptions},
    socket::{Sending, Socket},
    span::Span,
};
use socket2::SockRef;
use std::{
    fmt,
    future::poll_fn,
    io, mem,
    net::Shutdown,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
    task::{Context, Poll, ready},
};

/// A connected TCP or unix socket. Dropping it cancels what is under way and closes it.
///
/// One task reads and one writes at a time; they may be the same.
pub struct Stream {
    ring: Ring,
    slot: usize,
}

/// What one write takes at most; the rest is written when this is sent.
const WRITE_BYTES_MAX: usize = 1 << 20;

impl Stream {
    /// Connects. Drop the future to give up.
    ///
    /// # Errors
    /// The system's: refused, unreachable, no descriptor or port left.
    pub async fn connect(
        ring: &Ring,
        address: &Address,
        options: &SocketOptions,
    ) -> io::Result<Stream> {
        let socket = address.socket(options)?;
        let mut slot = Socket::new(OwnedFd::from(socket));
        slot.address = Some(Box::new(address.to_sock_addr()?));
        slot.may_discard = matches!(address, Address::Tcp(_));
        let stream = Stream::insert(ring, slot);
        ring.driver.borrow_mut().connect(stream.slot);
        poll_fn(|cx| stream.poll_connected(cx)).await?;
        Ok(stream)
    }

    fn insert(ring: &Ring, socket: Socket) -> Stream {
        let slot = ring.driver.borrow_mut().sockets.insert(socket);
        Stream::at(ring, slot)
    }

    pub(super) fn at(ring: &Ring, slot: usize) -> Stream {
        Stream { ring: ring.clone(), slot }
    }

    fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let driver = &mut *self.ring.driver.borrow_mut();
        let socket = &mut driver.sockets[self.slot];
        match socket.connected.take() {
            Some(0) => Poll::Ready(Ok(())),
            Some(errno) => Poll::Ready(Err(io::Error::from_raw_os_error(-errno))),
            None => {
                socket.writer.wait(cx);
                Poll::Pending
            }
        }
    }

    /// Shows the bytes received next to `read`, which says how many of them it took; they are
    /// read where the kernel put them, without a copy. `None` when the peer has closed.
    ///
    /// `read` must not use the ring.
    ///
    /// # Errors
    /// The system's, most often `ConnectionReset`; everything received before is read first.
    pub fn poll_read_with<R>(
        &mut self,
        cx: &mut Context<'_>,
        read: impl FnOnce(&[u8]) -> (usize, R),
    ) -> Poll<io::Result<Option<R>>> {
        let driver = &mut *self.ring.driver.borrow_mut();
        let socket = &mut driver.sockets[self.slot];
        if let Some(first) = socket.received.first_mut() {
            let bytes = driver.buffers.bytes(first.buffer, first.from as usize, first.to as usize);
            let (n_read, result) = read(bytes);
            assert!(n_read <= bytes.len(), "more was read than there was");
            first.from += n_read as u32;
            if first.from == first.to {
                let buffer = first.buffer;
                socket.received.remove(0);
                driver.buffers.give_back(buffer);
            }
            return Poll::Ready(Ok(Some(result)));
        }
        if !socket.own_unread.is_empty() {
            let bytes = &socket.own[socket.own_unread.clone()];
            let (n_read, result) = read(bytes);
            assert!(n_read <= bytes.len(), "more was read than there was");
            socket.own_unread.start += n_read;
            if socket.own_unread.is_empty() {
                let own = mem::take(&mut socket.own);
                driver.spares.keep_own(own);
            }
            return Poll::Ready(Ok(Some(result)));
        }
        if let Some(end) = socket.end_result() {
            return Poll::Ready(end.map(|()| None));
        }
        socket.reader.wait(cx);
        socket.near = [self.ring.near.task.get(), self.ring.near.inside.get()];
        driver.receive(self.slot);
        Poll::Pending
    }

    /// Copies received bytes; 0 when the peer has closed.
    ///
    /// # Errors
    /// As [`Stream::poll_read_with`].
    pub fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let copy = |bytes: &[u8]| {
            let n = bytes.len().min(into.len());
            into[..n].copy_from_slice(&bytes[..n]);
            (n, n)
        };
        self.poll_read_with(cx, copy).map_ok(|n| n.unwrap_or(0))
    }

    /// Reads some bytes; 0 when the peer has closed.
    ///
    /// # Errors
    /// As [`Stream::poll_read_with`].
    pub async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, into)).await
    }

    /// Whether [`Stream::poll_discard`] costs no copy.
    pub fn may_discard(&self) -> bool {
        self.ring.driver.borrow().sockets[self.slot].may_discard
    }

    /// Throws away what is received next, up to so many bytes, and says how many they were; `None`
    /// when the peer has closed. The bytes are not copied out of the kernel where that is possible.
    ///
    /// While it is pending nothing else is to be read: the bytes asked for are as good as gone.
    ///
    /// # Errors
    /// As [`Stream::poll_read_with`].
    pub fn poll_discard(
        &mut self,
        cx: &mut Context<'_>,
        n_bytes: u64,
    ) -> Poll<io::Result<Option<u64>>> {
        {
            let driver = &mut *self.ring.driver.borrow_mut();
            let socket = &mut driver.sockets[self.slot];
            if socket.n_discarded > 0 {
                return Poll::Ready(Ok(Some(mem::take(&mut socket.n_discarded))));
            }
            if !socket.has_unread() && socket.end.is_none() && socket.may_discard {
                socket.reader.wait(cx);
                driver.discard(self.slot, n_bytes);
                return Poll::Pending;
            }
        }
        self.poll_read_with(cx, |bytes| {
            let n = usize::try_from(n_bytes).map_or(bytes.len(), |n| n.min(bytes.len()));
            (n, n as u64)
        })
    }

    /// Says that what comes next is best received one buffer at a time, because what follows it is
    /// to be thrown away; or no longer.
    pub fn expect_discard(&mut self, discard: bool) {
        self.ring.driver.borrow_mut().sockets[self.slot].one_buffer = discard;
    }

    /// Whether the peer has closed, or the connection broke, and everything before was read. Does
    /// not wait: it knows what completions have told so far.
    pub fn has_ended(&self) -> bool {
        self.ring.driver.borrow().sockets[self.slot].has_ended()
    }

    /// Whether bytes were received that nobody has read.
    pub fn has_unread(&self) -> bool {
        self.ring.driver.borrow().sockets[self.slot].has_unread()
    }

    /// Whether nothing has come that nobody has read, and it has not ended.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        let driver = self.ring.driver.borrow();
        let socket = &driver.sockets[self.slot];
        !socket.has_unread() && !socket.has_ended()
    }

    /// Says that much is to come, or no longer: large amounts are received faster with one large
    /// receive after the other than into many small buffers.
    pub fn expect_bulk(&mut self, bulk: bool) {
        let driver = &mut *self.ring.driver.borrow_mut();
        driver.sockets[self.slot].prefer_own = bulk;
        driver.sockets[self.slot].bulk = bulk;
        if bulk {
            driver.end_multishot(self.slot);
        }
    }

    /// Takes bytes to send; pending while those of the last write are being sent.
    ///
    /// # Errors
    /// Those of the writes before: broken pipe, reset.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let n = bytes.len().min(WRITE_BYTES_MAX);
        ready!(self.poll_write_with(cx, |buffer| buffer.extend_from_slice(&bytes[..n])))?;
        Poll::Ready(Ok(n))
    }

    /// Lets `write` fill the send buffer, which saves a copy.
    ///
    /// # Errors
    /// As [`Stream::poll_write`].
    pub fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Poll<io::Result<()>> {
        let driver = &mut *self.ring.driver.borrow_mut();
        ready!(driver.poll_sendable(self.slot, cx))?;
        let mut buffer = driver.spares.sending();
        write(&mut buffer);
        if buffer.is_empty() {
            driver.spares.keep(buffer);
            return Poll::Ready(Ok(()));
        }
        driver.send(self.slot, Sending::Own(buffer));
        Poll::Ready(Ok(()))
    }

    /// Sends bytes that others send too, without a copy.
    ///
    /// # Errors
    /// As [`Stream::poll_write`].
    #[inline]
    pub fn poll_write_shared(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &Rc<[u8]>,
    ) -> Poll<io::Result<()>> {
        let driver = &mut *self.ring.driver.borrow_mut();
        ready!(driver.poll_sendable(self.slot, cx))?;
        if !bytes.is_empty() {
            driver.send(self.slot, Sending::Shared(Rc::clone(bytes)));
        }
        Poll::Ready(Ok(()))
    }

    /// Sends all of `bytes`. Returns when the kernel has taken them over, not when the peer has.
    ///
    /// # Errors
    /// As [`Stream::poll_write`].
    pub async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let n = poll_fn(|cx| self.poll_write(cx, bytes)).await?;
            bytes = &bytes[n..];
        }
        Ok(())
    }

    /// Waits until everything written has been sent.
    ///
    /// # Errors
    /// As [`Stream::poll_write`].
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_with(cx, |_| {})
    }

    /// Sends what is left, then tells the peer that nothing more comes.
    ///
    /// # Errors
    /// As [`Stream::poll_write`].
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        // A call of its own: the ring would hand it to a worker thread (`REQ_F_FORCE_ASYNC` in the
        // kernel's `io_shutdown_prep`), which costs more than it takes.
        let shut = self.with_socket(|socket| SockRef::from(&socket).shutdown(Shutdown::Write));
        // What is not connected any more has nothing left to say.
        Poll::Ready(shut.or_else(|error| match error.kind() {
            io::ErrorKind::NotConnected => Ok(()),
            _ => Err(error),
        }))
    }

    /// Says what whoever reads from it will touch, each time: it is fetched before its task runs.
    pub fn keep_near(&self, spans: [Span; 2]) {
        self.ring.driver.borrow_mut().sockets[self.slot].kept_near = spans;
    }

    /// The ring it lives in.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Calls `with` with the socket, for options that are set by the system's own calls.
    pub fn with_socket<R>(&self, with: impl FnOnce(BorrowedFd<'_>) -> R) -> R {
        with(self.ring.driver.borrow().sockets[self.slot].fd.as_fd())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.ring.driver.borrow_mut().close(self.slot);
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("slot", &self.slot).finish_non_exhaustive()
    }
}
