//! The ring itself: it takes submissions, works completions off, and wakes whom they concern.

use super::{
    buffers::{self, Buffers},
    enter::Entrance,
    open::{self, OpenError},
    socket::{Receiving, Socket},
    waker::Waker,
};
use io_uring::{
    IoUring, opcode, squeue,
    types::{CancelBuilder, Fd},
};
use slab::Slab;
use std::{
    cell::RefCell,
    io, mem,
    os::fd::{AsRawFd, IntoRawFd, OwnedFd},
    rc::Rc,
    task,
    time::Duration,
};

/// Buffers waiting to be read by one socket before its receive is paused, so that a reader who
/// does not come cannot take all of them.
pub(super) const RECEIVED_MAX: usize = 64;

/// Bytes of the buffer for plain receives.
const OWN_BYTES: usize = 128 * 1024;

/// Send and receive buffers kept for use again.
const SPARE_MAX: usize = 1024;

/// Larger amounts are sent by a send that waits for room; smaller ones find it nearly always.
const SEND_NOW_BYTES_MAX: usize = 16 * 1024;

/// Larger buffers are freed rather than kept.
const SPARE_BYTES_MAX: usize = 64 * 1024;

/// Plain receive buffers kept; they are large.
const SPARE_OWN_MAX: usize = 32;

/// Whether a turn waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Submit, work off what is there, return.
    No,
    /// Sleep until something completes, or for so long.
    For(Duration),
}

/// For how many completions a turn that waits had better wait, and how long it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gather {
    /// Completions.
    pub n: u32,
    /// When that long has passed, one is enough.
    pub time: Duration,
}

impl Gather {
    /// The first completion ends the wait.
    pub const NONE: Gather = Gather { n: 1, time: Duration::ZERO };
}

/// What a completion is about; the upper half of its `user_data`, the lower is the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nobody waits for it.
    Ignored = 0,
    Receive = 1,
    ReceiveOwn = 2,
    Send = 3,
    Connect = 4,
    Cancel = 5,
    Accept = 6,
    Wake = 7,
    /// A send that is over when the kernel has taken its submission; only failures are told.
    SendNow = 8,
}

impl Kind {
    pub(super) fn of(user_data: u64) -> Kind {
        match user_data >> 32 {
            1 => Kind::Receive,
            2 => Kind::ReceiveOwn,
            3 => Kind::Send,
            4 => Kind::Connect,
            5 => Kind::Cancel,
            6 => Kind::Accept,
            7 => Kind::Wake,
            8 => Kind::SendNow,
            _ => Kind::Ignored,
        }
    }

    fn user_data(self, slot: usize) -> u64 {
        (self as u64) << 32 | slot as u64
    }
}

/// A listening socket's state.
pub(super) struct Acceptor {
    pub(super) fd: OwnedFd,
    pub(super) accepted: Vec<OwnedFd>,
    pub(super) armed: bool,
    pub(super) error: Option<i32>,
    pub(super) waiter: Option<task::Waker>,
    pub(super) closing: bool,
}

pub(super) struct Driver {
    // Dropped in this order: the ring first, so that the kernel lets go of the memory below.
    entrance: Entrance,
    pub(super) ring: IoUring,
    pub(super) buffers: Buffers,
    pub(super) sockets: Slab<Socket>,
    pub(super) acceptors: Slab<Acceptor>,
    spare: Vec<Vec<u8>>,
    spare_own: Vec<Vec<u8>>,
    pub(super) completions: Vec<(u64, i32, u32)>,
    /// Slots of which a send was submitted that is over when the kernel has taken it.
    pub(super) sent_now: Vec<u32>,
    /// Whether somebody waits for the end of such a send, which no completion tells: a turn that
    /// slept would sleep too long.
    pub(super) awaits_sent_now: bool,
    wake_fd: Waker,
    /// Where the kernel puts the eventfd's counter.
    wake_count: Box<u64>,
    pub(super) wake_armed: bool,
    pub(super) woken: bool,
    /// Multishot receive came with 6.0.
    pub(super) multishot: bool,
    /// Whether the kernel can keep the completions of successful operations to itself (5.17).
    sends_now: bool,
    pub(super) n_in_flight: u64,
}

/// A shard's ring. Cheap to clone; stays on its thread.
#[derive(Clone)]
pub struct Ring {
    pub(super) driver: Rc<RefCell<Driver>>,
}

impl Ring {
    /// Whether there can be a ring at all.
    ///
    /// # Errors
    /// Those of [`Ring::open`].
    pub(crate) fn probe() -> Result<(), OpenError> {
        open::probe()
    }

    /// Opens a ring that `waker` can wake.
    ///
    /// # Errors
    /// When the kernel has none, forbids it, or has too little memory for it; the text says which
    /// and what to do.
    pub fn open(waker: Waker) -> Result<Ring, OpenError> {
        let ring = open::open()?;
        let sends_now = ring.params().is_feature_skip_cqe_on_success();
        let buffers = Buffers::register(&ring.submitter()).map_err(OpenError::new)?;
        let driver = Driver {
            entrance: Entrance::new(&ring),
            ring,
            buffers,
            sockets: Slab::new(),
            acceptors: Slab::new(),
            spare: vec![],
            spare_own: vec![],
            completions: vec![],
            sent_now: vec![],
            awaits_sent_now: false,
            wake_fd: waker,
            wake_count: Box::new(0),
            wake_armed: false,
            woken: false,
            multishot: true,
            sends_now,
            n_in_flight: 0,
        };
        Ok(Ring { driver: Rc::new(RefCell::new(driver)) })
    }

    /// What this kernel gave, for the log.
    pub fn describe(&self) -> String {
        open::describe(self.driver.borrow().ring.params())
    }

    /// One turn: submits what was asked since the last, waits as told, works completions off.
    /// Returns how many there were, and whether the eventfd was among them.
    ///
    /// # Errors
    /// Only those that make the ring unusable.
    pub(crate) fn turn(&self, wait: Wait, gather: Gather) -> io::Result<(usize, bool)> {
        let driver = &mut *self.driver.borrow_mut();
        driver.arm_wake();
        driver.enter(wait, gather)?;
        let n = driver.work_off();
        Ok((n, mem::take(&mut driver.woken)))
    }

    /// Whether something was asked of the ring that the kernel has not been told of.
    pub(crate) fn has_submissions(&self) -> bool {
        !self.driver.borrow_mut().ring.submission().is_empty()
    }

    /// Operations under way, the wake-up not counted.
    pub(crate) fn n_in_flight(&self) -> u64 {
        self.driver.borrow().n_in_flight
    }
}

impl Driver {
    fn arm_wake(&mut self) {
        if mem::replace(&mut self.wake_armed, true) {
            return;
        }
        let into: *mut u64 = &raw mut *self.wake_count;
        let fd = Fd(self.wake_fd.raw_fd());
        let entry = opcode::Read::new(fd, into.cast(), size_of::<u64>() as u32).build();
        self.push(&entry.user_data(Kind::Wake.user_data(0)));
        // It is always under way, so it does not count.
        self.n_in_flight -= 1;
    }

    fn enter(&mut self, wait: Wait, gather: Gather) -> io::Result<()> {
        // SAFETY: the only other view of the queue is `&mut self.ring`, not in use.
        let queue = unsafe { self.ring.submission_shared() };
        let n_submissions = queue.len() as u32;
        let wait = if self.awaits_sent_now { Wait::No } else { wait };
        let result = match wait {
            Wait::No if n_submissions == 0 && !queue.taskrun() && !queue.cq_overflow() => {
                return Ok(());
            }
            Wait::No => self.entrance.submit(n_submissions),
            Wait::For(time) => {
                self.entrance.submit_and_wait(n_submissions, gather.n, gather.time, time)
            }
        };
        match result {
            Ok(()) => Ok(()),
            Err(error) => match error.raw_os_error() {
                // The time is up, a signal came, or completions wait to be worked off first.
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// Queues an operation.
    ///
    /// Whatever memory the entry points to must stay where it is until its completion: it is a
    /// heap buffer owned by the operation's slot, and a slot is only freed when nothing is in
    /// flight for it.
    fn push(&mut self, entry: &squeue::Entry) {
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
            socket.own = self.spare_own.pop().unwrap_or_else(|| vec![0; OWN_BYTES]);
            socket.receiving = Receiving::Own;
            socket.prefer_own = socket.bulk;
            let entry = opcode::Recv::new(fd, socket.own.as_mut_ptr(), OWN_BYTES as u32).build();
            return self.push_for(slot, Kind::ReceiveOwn, entry);
        }
        socket.receiving = Receiving::Multishot;
        let entry = if self.multishot {
            opcode::RecvMulti::new(fd, buffers::GROUP).build()
        } else {
            opcode::Recv::new(fd, std::ptr::null_mut(), buffers::BUFFER_BYTES as u32)
                .buf_group(buffers::GROUP)
                .build()
                .flags(squeue::Flags::BUFFER_SELECT)
        };
        self.push_for(slot, Kind::Receive, entry);
    }

    /// Ends a multishot receive; what it has received stays.
    pub(super) fn end_multishot(&mut self, slot: usize) {
        if self.sockets[slot].receiving != Receiving::Multishot {
            return;
        }
        self.sockets[slot].receiving = Receiving::Ending;
        self.cancel(slot, Kind::Receive);
    }

    /// Sends `sending`.
    pub(super) fn send(&mut self, slot: usize) {
        let fd = self.socket_fd(slot);
        let socket = &mut self.sockets[slot];
        if socket.sending.len() > SEND_NOW_BYTES_MAX || !self.sends_now {
            return self.send_rest(slot);
        }
        socket.is_sending_now = true;
        // Whatever fits into the socket's buffer is taken at once; what does not fails, and only
        // failures complete: a completion less to work off, and none that ends a wait.
        let entry = opcode::Send::new(fd, socket.sending.as_ptr(), socket.sending.len() as u32)
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
        let rest = &socket.sending[socket.sent..];
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
        socket.reader = None;
        socket.writer = None;
        if socket.n_in_flight == 0 {
            return self.free(slot);
        }
        // The end of a send, which no completion tells, is not slept through: the socket waits for it.
        self.awaits_sent_now |= socket.is_sending_now;
        let receive = match socket.receiving {
            Receiving::Multishot => Some(Kind::Receive),
            Receiving::Own => Some(Kind::ReceiveOwn),
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
        self.keep(socket.sending);
        self.keep_own(socket.own);
        // Closed by the ring: one submission among others instead of a call of its own.
        let entry = opcode::Close::new(Fd(socket.fd.into_raw_fd())).build();
        self.push(&entry.user_data(Kind::Ignored.user_data(0)));
    }

    /// An empty send buffer.
    pub(super) fn spare(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    pub(super) fn keep(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() > 0
            && buffer.capacity() <= SPARE_BYTES_MAX
            && self.spare.len() < SPARE_MAX
        {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    pub(super) fn keep_own(&mut self, buffer: Vec<u8>) {
        if buffer.capacity() > 0 && self.spare_own.len() < SPARE_OWN_MAX {
            self.spare_own.push(buffer);
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The kernel may write to these after the ring's descriptor is closed; better a leak, once
        // per shard and at its end, than a write into memory that is another's by then.
        if self.n_in_flight > 0 {
            mem::forget(mem::take(&mut self.sockets));
            self.buffers.leak();
        }
        if self.wake_armed {
            mem::forget(mem::take(&mut self.wake_count));
        }
    }
}

/// Remembers whom to wake, without a clone when it is the same task as before.
pub(super) fn remember(slot: &mut Option<task::Waker>, cx: &task::Context<'_>) {
    match slot {
        Some(known) if known.will_wake(cx.waker()) => {}
        _ => *slot = Some(cx.waker().clone()),
    }
}
