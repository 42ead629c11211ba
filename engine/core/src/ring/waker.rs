//! The one way to wake a shard from another thread: an eventfd that its ring reads.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::{AsRawFd, FromRawFd, RawFd},
    sync::Arc,
};

/// Wakes a shard that sleeps in its ring. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Waker(Arc<File>);

impl Waker {
    /// A waker of its own.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn new() -> io::Result<Waker> {
        // Blocking on purpose: the ring waits for it, and a non-blocking one would fail at once.
        // SAFETY: eventfd takes no pointers; its result is checked below.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just made and nothing else owns it.
        Ok(Waker(Arc::new(unsafe { File::from_raw_fd(fd) })))
    }

    /// Wakes the shard; many wakes before it looks are one.
    pub fn wake(&self) {
        // It can only fail when the counter is about to overflow, and then the shard is awake.
        let _ = (&*self.0).write(&1u64.to_ne_bytes());
    }

    pub(super) fn raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
