//! What is asked of the kernel: each operation, the memory that it is lent, and how it is ended.

use super::{
    buffers,
    driver::Driver,
    kind::Kind,
    socket::{Receiving, Sending},
    spares,
    waiter::Waiter,
};
use io_uring::{
    opcode, squeue,
    types::{CancelBuilder, Fd},
};
use std::{
    io, mem,
    os::fd::{AsRawFd, IntoRawFd},
    task::{Context, Poll},
};

/// Larger amounts are sent by a send that waits for room; smaller ones find it nearly always.
const SEND_NOW_BYTES_MAX: usize = 16 * 1024;

/// Bytes that one operation throws away at most.
const DISCARD_BYTES_MAX: u32 = 1 << 30;

impl Driver {
    /// Queues an operation.
    ///
    /// Whatever memory the entry points to must stay where it is until its completion: it is a
    /// heap buffer held by the operation's slot, and a slot is only freed when nothing is in
    /// flight for it.
    ///
    /// Inlined, and so is what calls it: an entry put together elsewhere is copied in larger pieces
    /// than it was written in, for which the processor waits.
    #[inline(always)]
    pub(super) fn push(&mut self, entry: &squeue::Entry) {
        self.n_in_flight += 1;
        loop {
            // SAFETY: see above.
            if unsafe { self.ring.submission().push(entry) }.is_ok() {
                return;
            }
            // The queue is full: hand it over now. What that completes waits for the next turn.
            self.ring.submit().expect("a ring that was opened takes submissions");
        }
    }

    #[inline(always)]
    fn push_for(&mut self, slot: usize, kind: Kind, entry: squeue::Entry) {
        self.sockets[slot].n_in_flight += 1;
        self.push(&entry.user_data(kind.user_data(slot)));
    }

    pub(super) fn socket_fd(&self, slot: usize) -> Fd {
        Fd(self.sockets[slot].fd.as_raw_fd())
    }

    /// Starts a receive if none is under way.
    pub(super) fn receive(&mut self, slot: usize) {
        let fd = self.socket_fd(slot);
        let socket = &mut self.sockets[slot];
        if socket.receiving != Receiving::Idle {
            return;
        }
        if socket.prefer_own {
            socket.own = self.spares.own();
            socket.receiving = Receiving::Own;
            socket.prefer_own = socket.bulk;
            let entry =
                opcode::Recv::new(fd, socket.own.as_mut_ptr(), spares::OWN_BYTES as u32).build();
            return self.push_for(slot, Kind::ReceiveOwn, entry);
        }
        socket.receiving = Receiving::Multishot;
        let one_buffer = socket.one_buffer;
        let group = self.buffers.group(&self.ring.submitter(), self.sockets.len());
        let entry = if self.multishot && !one_buffer {
            opcode::RecvMulti::new(fd, group).build()
        } else {
            opcode::Recv::new(fd, std::ptr::null_mut(), buffers::BUFFER_BYTES as u32)
                .buf_group(group)
                .build()
                .flags(squeue::Flags::BUFFER_SELECT)
        };
        self.push_for(slot, Kind::Receive, entry);
    }

    /// Starts to throw away what comes next, up to so many bytes, if no receive is under way; ends
    /// one that does not end by itself.
    pub(super) fn discard(&mut self, slot: usize, n_bytes: u64) {
        match self.sockets[slot].receiving {
            Receiving::Idle => {}
            Receiving::Multishot => return self.end_multishot(slot),
            Receiving::Ending | Receiving::Own | Receiving::Discarding => return,
        }
        self.sockets[slot].receiving = Receiving::Discarding;
        let n_bytes = u32::try_from(n_bytes).unwrap_or(u32::MAX).min(DISCARD_BYTES_MAX);
        // TCP counts the bytes and writes none: it is lent no memory.
        let entry = opcode::Recv::new(self.socket_fd(slot), std::ptr::null_mut(), n_bytes)
            .flags(libc::MSG_TRUNC)
            .build();
        self.push_for(slot, Kind::Discard, entry);
    }

    /// Ends a multishot receive; what it has received stays.
    pub(super) fn end_multishot(&mut self, slot: usize) {
        if self.sockets[slot].receiving != Receiving::Multishot {
            return;
        }
        self.sockets[slot].receiving = Receiving::Ending;
        self.cancel(slot, Kind::Receive);
    }

    /// Whether something can be sent; pending while what was written last is.
    #[inline]
    pub(super) fn poll_sendable(
        &mut self,
        slot: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = &mut self.sockets[slot];
        if let Some(errno) = socket.send_error {
            return Poll::Ready(Err(io::Error::from_raw_os_error(errno)));
        }
        if socket.is_sending() {
            self.awaits_sent_now |= socket.is_sending_now;
            socket.writer.wait(cx);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends some bytes; nothing else may be under way.
    pub(super) fn send(&mut self, slot: usize, sending: Sending) {
        let fd = self.socket_fd(slot);
        let socket = &mut self.sockets[slot];
        socket.sending = sending;
        let bytes = socket.sending.bytes();
        if bytes.len() > SEND_NOW_BYTES_MAX || !self.sends_now {
            return self.send_rest(slot);
        }
        socket.is_sending_now = true;
        // Whatever fits into the socket's buffer is taken at once; what does not fails, and only
        // failures complete: a completion less to work off, and none that ends a wait.
        let entry = opcode::Send::new(fd, bytes.as_ptr(), bytes.len() as u32)
            .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT)
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS);
        self.sent_now.push(slot as u32);
        self.push_for(slot, Kind::SendNow, entry);
    }

    /// Sends what is left of `sending`, and waits for room as long as it takes.
    pub(super) fn send_rest(&mut self, slot: usize) {
        let fd = self.socket_fd(slot);
        let socket = &self.sockets[slot];
        let rest = &socket.sending.bytes()[socket.sent..];
        let n_bytes = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        // The kernel goes on by itself until all is sent.
        let entry = opcode::Send::new(fd, rest.as_ptr(), n_bytes)
            .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL)
            .build();
        self.push_for(slot, Kind::Send, entry);
    }

    pub(super) fn connect(&mut self, slot: usize) {
        let fd = self.socket_fd(slot);
        let address = self.sockets[slot].address.as_ref().expect("set by the caller");
        let entry = opcode::Connect::new(fd, address.as_ptr().cast(), address.len()).build();
        self.push_for(slot, Kind::Connect, entry);
    }

    pub(super) fn accept(&mut self, slot: usize) {
        let acceptor = &mut self.acceptors[slot];
        if mem::replace(&mut acceptor.armed, true) {
            return;
        }
        let fd = Fd(acceptor.fd.as_raw_fd());
        let entry = opcode::AcceptMulti::new(fd).flags(libc::SOCK_CLOEXEC).build();
        self.push(&entry.user_data(Kind::Accept.user_data(slot)));
    }

    pub(super) fn close_acceptor(&mut self, slot: usize) {
        let acceptor = &mut self.acceptors[slot];
        acceptor.closing = true;
        if acceptor.armed {
            let target = CancelBuilder::user_data(Kind::Accept.user_data(slot));
            let entry = opcode::AsyncCancel2::new(target).build();
            self.push(&entry.user_data(Kind::Ignored.user_data(0)));
        } else {
            self.acceptors.remove(slot);
        }
    }

    /// The stream was dropped: ends what is under way and closes when it has ended.
    pub(super) fn close(&mut self, slot: usize) {
        self.give_back_received(slot);
        let socket = &mut self.sockets[slot];
        socket.closing = true;
        socket.reader = Waiter::default();
        socket.writer = Waiter::default();
        if socket.n_in_flight == 0 {
            return self.free(slot);
        }
        // The end of a send, which no completion tells, is not slept through: the socket waits for it.
        self.awaits_sent_now |= socket.is_sending_now;
        let receive = match socket.receiving {
            Receiving::Multishot => Some(Kind::Receive),
            Receiving::Own => Some(Kind::ReceiveOwn),
            Receiving::Discarding => Some(Kind::Discard),
            Receiving::Idle | Receiving::Ending => None,
        };
        // One that is sent at once is over before a cancellation could come.
        let send = (socket.is_sending() && !socket.is_sending_now).then_some(Kind::Send);
        let connect = socket.address.is_some().then_some(Kind::Connect);
        // Each by its name, which the kernel finds at once; asked for all of a descriptor it looks
        // through everything that is under way, and ten thousand users end at the same time.
        for kind in [receive, send, connect].into_iter().flatten() {
            self.cancel(slot, kind);
        }
    }

    fn cancel(&mut self, slot: usize, kind: Kind) {
        let target = CancelBuilder::user_data(kind.user_data(slot));
        self.push_for(slot, Kind::Cancel, opcode::AsyncCancel2::new(target).build());
    }

    fn give_back_received(&mut self, slot: usize) {
        for received in mem::take(&mut self.sockets[slot].received) {
            self.buffers.give_back(received.buffer);
        }
    }

    pub(super) fn free(&mut self, slot: usize) {
        let socket = self.sockets.remove(slot);
        debug_assert_eq!(socket.n_in_flight, 0, "the kernel may still use the slot's memory");
        self.spares.keep_sent(socket.sending);
        self.spares.keep_own(socket.own);
        // Closed by the ring: one submission among others instead of a call of its own.
        let entry = opcode::Close::new(Fd(socket.fd.into_raw_fd())).build();
        self.push(&entry.user_data(Kind::Ignored.user_data(0)));
    }
}
