//! The system call of each turn.
//!
//! The ring's descriptor is registered with the kernel for this thread (5.18), so that no turn
//! looks it up and counts a reference: `io_uring_register(2)`, `IORING_REGISTER_RING_FDS`.

use io_uring::{
    EnterFlags, IoUring,
    types::{SubmitArgs, Timespec},
};
use std::{
    io,
    os::fd::{AsRawFd, RawFd},
    time::Duration,
};

/// `io_uring_register` opcodes, by the kernel's `include/uapi/linux/io_uring.h`.
const REGISTER_RING_FDS: libc::c_uint = 20;
const UNREGISTER_RING_FDS: libc::c_uint = 21;

/// The kernel's `struct io_uring_rsrc_update`.
#[repr(C)]
struct Update {
    offset: u32,
    resv: u32,
    data: u64,
}

/// How a ring is entered.
pub(super) struct Entrance {
    /// The ring's descriptor.
    ring_fd: RawFd,
    /// Its number among the thread's registered rings, if it has one.
    registered: Option<u32>,
    /// Flags of every call.
    flags: EnterFlags,
    /// Whether the kernel can wait for several completions, but not for long (6.12).
    pub(super) gathers: bool,
}

impl Entrance {
    /// The best that this kernel and thread have. It is to be dropped before the ring.
    pub(super) fn new(ring: &IoUring) -> Entrance {
        let ring_fd = ring.as_raw_fd();
        let mut update = Update { offset: u32::MAX, resv: 0, data: ring_fd as u64 };
        // A thread has 16 places; without one, the descriptor serves.
        let registered = register(ring_fd, REGISTER_RING_FDS, &mut update) == 1;
        let mut flags = EnterFlags::empty();
        if registered {
            flags |= EnterFlags::REGISTERED_RING;
        }
        if ring.params().is_feature_no_iowait() {
            // Sleeping here is not waiting for a disk.
            flags |= EnterFlags::NO_IOWAIT;
        }
        Entrance {
            ring_fd,
            registered: registered.then_some(update.offset),
            flags,
            gathers: ring.params().is_feature_min_timeout(),
        }
    }

    /// Submits and works off what has come, without waiting.
    pub(super) fn submit(&self, n_submissions: u32) -> io::Result<()> {
        self.call(n_submissions, 0, EnterFlags::GETEVENTS, None)
    }

    /// Submits and waits for `n_completions`, at most for `time`; when `gather` has
    /// passed, one is enough.
    pub(super) fn submit_and_wait(
        &self,
        n_submissions: u32,
        n_completions: u32,
        gather: Duration,
        time: Duration,
    ) -> io::Result<()> {
        let time = Timespec::from(time);
        let mut arguments = SubmitArgs::new().timespec(&time);
        if n_completions > 1 && self.gathers {
            arguments = arguments.min_wait_usec(gather.as_micros() as u32);
            return self.call(
                n_submissions,
                n_completions,
                EnterFlags::GETEVENTS,
                Some(&arguments),
            );
        }
        self.call(n_submissions, 1, EnterFlags::GETEVENTS, Some(&arguments))
    }

    fn call(
        &self,
        n_submissions: u32,
        n_completions: u32,
        flags: EnterFlags,
        arguments: Option<&SubmitArgs<'_, '_>>,
    ) -> io::Result<()> {
        let fd = self.registered.map_or(self.ring_fd as libc::c_long, libc::c_long::from);
        let mut flags = flags | self.flags;
        let (pointer, n_bytes) = match arguments {
            Some(arguments) => {
                flags |= EnterFlags::EXT_ARG;
                (std::ptr::from_ref(arguments), size_of::<SubmitArgs<'_, '_>>())
            }
            None => (std::ptr::null(), 0),
        };
        // SAFETY: the descriptor or number is that of an open ring, the arguments are the kernel's
        // structure of the size given, and the submissions point to memory that outlives their
        // completions: see `Driver::push`.
        let result = unsafe {
            libc::syscall(
                libc::SYS_io_uring_enter,
                fd,
                n_submissions,
                n_completions,
                flags.bits(),
                pointer,
                n_bytes,
            )
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        if let Some(offset) = self.registered {
            // The registration holds the ring; without it the ring's end is that of its descriptor.
            register(self.ring_fd, UNREGISTER_RING_FDS, &mut Update { offset, resv: 0, data: 0 });
        }
    }
}

/// Calls `io_uring_register` for one ring, and returns what it returned.
fn register(ring_fd: RawFd, opcode: libc::c_uint, update: &mut Update) -> libc::c_long {
    // SAFETY: the structure is the one that these opcodes read and write, and there is one.
    unsafe {
        libc::syscall(libc::SYS_io_uring_register, ring_fd, opcode, std::ptr::from_mut(update), 1)
    }
}
