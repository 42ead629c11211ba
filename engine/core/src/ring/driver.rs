//! The ring itself: it takes submissions, works completions off, and wakes whom they concern.

use super::{
    buffers::Buffers,
    enter::Entrance,
    kind::Kind,
    open::{self, OpenError},
    socket::Socket,
    span::Span,
    spares::Spares,
    waiter::Waiter,
    waker::Waker,
};
use io_uring::{IoUring, opcode, types::Fd};
use slab::Slab;
use std::{
    cell::{Cell, RefCell},
    io, mem,
    os::fd::OwnedFd,
    rc::Rc,
    time::Duration,
};

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

/// A listening socket's state.
pub(super) struct Acceptor {
    pub(super) fd: OwnedFd,
    pub(super) accepted: Vec<OwnedFd>,
    pub(super) armed: bool,
    pub(super) error: Option<i32>,
    pub(super) waiter: Waiter,
    pub(super) closing: bool,
}

pub(super) struct Driver {
    // Dropped in this order: the ring first, so that the kernel lets go of the memory below.
    entrance: Entrance,
    pub(super) ring: IoUring,
    pub(super) buffers: Buffers,
    pub(super) sockets: Slab<Socket>,
    pub(super) acceptors: Slab<Acceptor>,
    pub(super) spares: Spares,
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
    pub(super) sends_now: bool,
    pub(super) n_in_flight: u64,
}

/// A shard's ring. Cheap to clone; stays on its thread.
#[derive(Clone)]
pub struct Ring {
    pub(super) driver: Rc<RefCell<Driver>>,
    pub(super) near: Rc<Near>,
}

/// What the task that runs now will touch when it runs again.
#[derive(Default)]
pub(super) struct Near {
    /// Its place, and the task itself.
    pub(super) task: Cell<[Span; 2]>,
    /// What it asked to have fetched with it.
    pub(super) inside: Cell<[Span; 2]>,
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
            spares: Spares::default(),
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
        Ok(Ring { driver: Rc::new(RefCell::new(driver)), near: Rc::default() })
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

    /// Says what the task that runs now will touch when it runs again, beside itself.
    #[inline]
    pub(crate) fn set_near(&self, spans: [Span; 2]) {
        self.near.inside.set(spans);
    }

    /// Says where the task lies that runs now.
    #[inline]
    pub(crate) fn set_near_task(&self, spans: [Span; 2]) {
        self.near.task.set(spans);
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
