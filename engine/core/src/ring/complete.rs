//! What a completion changes, and whom it wakes.

use super::{
    driver::Driver,
    kind::Kind,
    socket::{End, Received, Receiving, Socket},
    span::Span,
};
use io_uring::cqueue;
use std::{
    mem,
    os::fd::{FromRawFd, OwnedFd},
};

/// Buffers waiting to be read by one socket before its receive is paused, so that a reader who
/// does not come cannot take all of them.
const RECEIVED_MAX: usize = 64;

/// Completions from which on it pays to look through them twice.
const FETCH_COMPLETIONS_MIN: usize = 2;

/// Sockets from which on it pays: fewer are in a near cache, with all that belongs to them, even where
/// others on the machine disturb it.
const FETCH_SOCKETS_MIN: usize = 16;

/// Sockets that are looked at before what they tell is fetched.
const FETCH_TOGETHER: usize = 16;

impl Driver {
    /// Works off what has completed, and returns how much that was.
    pub(super) fn work_off(&mut self) -> usize {
        let queue = self.ring.submission();
        // Not all were taken, or a completion may be held back: the next turn tells.
        let is_clear = queue.is_empty() && !queue.cq_overflow();
        drop(queue);
        let mut completions = mem::take(&mut self.completions);
        completions.clear();
        completions.extend(
            self.ring.completion().map(|entry| (entry.user_data(), entry.result(), entry.flags())),
        );
        if completions.len() >= FETCH_COMPLETIONS_MIN && self.sockets.len() >= FETCH_SOCKETS_MIN {
            self.fetch_readers(&completions);
        }
        for &(user_data, result, flags) in &completions {
            self.complete(user_data, result, flags);
        }
        let n = completions.len();
        self.completions = completions;
        if is_clear {
            self.settle_sends();
        }
        n
    }

    /// Has those fetched who will read what has come.
    fn fetch_readers(&self, completions: &[(u64, i32, u32)]) {
        for some in completions.chunks(FETCH_TOGETHER) {
            // Where it all is stands with the sockets, which are in no near cache either: they are
            // all asked for before anything else is.
            self.receivers(some).for_each(|socket| Span::of(socket).fetch());
            for socket in self.receivers(some) {
                socket.reader.span().fetch();
                socket.near.iter().flatten().chain(&socket.kept_near).for_each(|span| span.fetch());
            }
        }
    }

    /// The sockets for which something was received.
    fn receivers<'s>(
        &'s self,
        completions: &'s [(u64, i32, u32)],
    ) -> impl Iterator<Item = &'s Socket> {
        let receives = completions.iter().map(|&(user_data, ..)| user_data);
        let receives = receives.filter(|&user_data| Kind::of(user_data) == Kind::Receive);
        receives.filter_map(|user_data| self.sockets.get(Kind::slot(user_data)))
    }

    /// What was sent at once has been sent, if the kernel has taken all of the queue and the
    /// completions have not said otherwise: such a send completes, with `MSG_DONTWAIT`, while it is
    /// submitted, and a failure's completion is there when the submitting call returns. What is
    /// submitted while completions are worked off is no such send.
    fn settle_sends(&mut self) {
        self.awaits_sent_now = false;
        if self.sent_now.is_empty() {
            return;
        }
        let mut sent_now = mem::take(&mut self.sent_now);
        for slot in sent_now.drain(..) {
            let slot = slot as usize;
            // A socket that was closed has gone with the completion of its failed send.
            let Some(socket) = self.sockets.get_mut(slot) else { continue };
            if !mem::take(&mut socket.is_sending_now) {
                continue;
            }
            self.n_in_flight -= 1;
            socket.n_in_flight -= 1;
            self.end_send(slot);
            self.free_if_done(slot);
        }
        self.sent_now = sent_now;
    }

    fn complete(&mut self, user_data: u64, result: i32, flags: u32) {
        let more = cqueue::more(flags);
        let slot = Kind::slot(user_data);
        let kind = Kind::of(user_data);
        if kind == Kind::Wake {
            self.wake_armed = false;
            self.woken = true;
            return;
        }
        if !more {
            self.n_in_flight -= 1;
        }
        match kind {
            Kind::Ignored | Kind::Wake => return,
            Kind::Accept => return self.complete_accept(slot, result, more),
            _ => {}
        }
        if !more {
            self.sockets[slot].n_in_flight -= 1;
        }
        match kind {
            Kind::Receive => self.complete_receive(slot, result, flags, more),
            Kind::ReceiveOwn => self.complete_receive_own(slot, result),
            Kind::Discard => self.complete_discard(slot, result),
            Kind::Send => self.complete_send(slot, result),
            Kind::SendNow => self.fail_send_now(slot, result),
            Kind::Connect => self.complete_connect(slot, result),
            _ => {}
        }
        self.free_if_done(slot);
    }

    #[inline]
    fn free_if_done(&mut self, slot: usize) {
        let socket = &self.sockets[slot];
        if socket.closing && socket.n_in_flight == 0 {
            self.free(slot);
        }
    }

    fn complete_receive(&mut self, slot: usize, result: i32, flags: u32, more: bool) {
        let socket = &mut self.sockets[slot];
        let was_ending = socket.receiving == Receiving::Ending;
        if !more {
            socket.receiving = Receiving::Idle;
        }
        if result > 0 {
            let buffer = cqueue::buffer_select(flags).expect("data came into a provided buffer");
            if socket.closing {
                return self.buffers.give_back(buffer);
            }
            socket.received.push(Received { buffer, from: 0, to: result as u32 });
            let n_received = socket.received.len();
            self.sockets[slot].reader.wake();
            if more && n_received >= RECEIVED_MAX {
                self.end_multishot(slot);
            }
            return;
        }
        match -result {
            0 => socket.end = Some(End::Closed),
            // The buffers ran out: this one goes on with memory of its own, and there are more next time.
            libc::ENOBUFS => {
                socket.prefer_own = true;
                self.buffers.grow(&self.ring.submitter());
            }
            libc::ECANCELED if was_ending || socket.closing => {}
            libc::EINVAL if self.multishot => self.multishot = false,
            errno => socket.end = Some(End::Error(errno)),
        }
        socket.reader.wake();
    }

    fn complete_receive_own(&mut self, slot: usize, result: i32) {
        let socket = &mut self.sockets[slot];
        socket.receiving = Receiving::Idle;
        socket.own_unread = 0..usize::try_from(result).unwrap_or(0);
        match -result {
            0 => socket.end = Some(End::Closed),
            errno if errno > 0 => socket.end = Some(End::Error(errno)),
            _ => {}
        }
        if socket.own_unread.is_empty() {
            let own = mem::take(&mut socket.own);
            self.spares.keep_own(own);
        }
        self.sockets[slot].reader.wake();
    }

    fn complete_discard(&mut self, slot: usize, result: i32) {
        let socket = &mut self.sockets[slot];
        socket.receiving = Receiving::Idle;
        match u64::try_from(result) {
            Ok(0) => socket.end = Some(End::Closed),
            Ok(n_bytes) => socket.n_discarded += n_bytes,
            Err(_) => socket.end = Some(End::Error(-result)),
        }
        socket.reader.wake();
    }

    fn complete_send(&mut self, slot: usize, result: i32) {
        let socket = &mut self.sockets[slot];
        let left = socket.sending.bytes().len() - socket.sent;
        match usize::try_from(result) {
            Ok(n_sent) if n_sent > 0 && n_sent < left && !socket.closing => {
                socket.sent += n_sent;
                return self.send_rest(slot);
            }
            Ok(n_sent) if n_sent == left => {}
            Ok(_) => socket.send_error = Some(libc::EPIPE),
            Err(_) => socket.send_error = Some(-result),
        }
        self.end_send(slot);
    }

    /// A send that was to be over at once is not: there was no room, or the connection is gone.
    fn fail_send_now(&mut self, slot: usize, result: i32) {
        let socket = &mut self.sockets[slot];
        socket.is_sending_now = false;
        if result == -libc::EAGAIN && !socket.closing {
            return self.send_rest(slot);
        }
        self.complete_send(slot, result);
    }

    fn end_send(&mut self, slot: usize) {
        let socket = &mut self.sockets[slot];
        socket.sent = 0;
        socket.writer.wake();
        let sent = mem::take(&mut socket.sending);
        self.spares.keep_sent(sent);
    }

    fn complete_connect(&mut self, slot: usize, result: i32) {
        let socket = &mut self.sockets[slot];
        socket.address = None;
        socket.connected = Some(result);
        socket.writer.wake();
    }

    fn complete_accept(&mut self, slot: usize, result: i32, more: bool) {
        let acceptor = &mut self.acceptors[slot];
        acceptor.armed = more;
        if result >= 0 {
            // SAFETY: the kernel just made this descriptor for us; nothing else owns it.
            acceptor.accepted.push(unsafe { owned(result) });
        } else if !acceptor.closing {
            acceptor.error = Some(-result);
        }
        acceptor.waiter.wake();
        if acceptor.closing && !more {
            self.acceptors.remove(slot);
        }
    }
}

/// # Safety
/// The descriptor must be open and owned by nothing else.
unsafe fn owned(fd: i32) -> OwnedFd {
    // SAFETY: promised by the caller.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
