//! The buffers that the kernel receives into: a provided-buffer ring (kernel 5.19).
//!
//! The shard gives the kernel all of them; a receive takes one when data is there, so a thousand
//! idle connections hold no memory. A buffer belongs to the kernel from [`Buffers::give_back`]
//! until a completion names it, and to us from there until it is given back.

use io_uring::{Submitter, types::BufRingEntry};
use std::{
    io,
    ptr::NonNull,
    slice,
    sync::atomic::{AtomicU16, Ordering},
};

/// Bytes per buffer: most answers fit into one, and a page is what the kernel likes to copy to.
pub(super) const BUFFER_BYTES: usize = 4096;

/// Buffers per shard, a power of two. 8 MiB of addresses, of which only what is used is backed.
pub(super) const BUFFERS_N: u16 = 2048;

/// The only buffer group of a ring.
pub(super) const GROUP: u16 = 0;

/// An anonymous, page-aligned mapping.
struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
    /// Whether it stays mapped for good.
    is_leaked: bool,
}

impl Mapping {
    fn new(bytes: usize) -> io::Result<Mapping> {
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches nothing of ours.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).expect("a mapping is never at address zero");
        Ok(Mapping { start, bytes, is_leaked: false })
    }

    /// Asks for large pages. Where there are none, small ones do.
    fn prefer_large_pages(&self) {
        // SAFETY: advice on a mapping of ours, which changes nothing of its content.
        unsafe { libc::madvise(self.start.as_ptr().cast(), self.bytes, libc::MADV_HUGEPAGE) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.is_leaked {
            return;
        }
        // SAFETY: the mapping is ours, of this size, and nothing refers to it any more: slices of
        // it borrow the `Buffers`, and the kernel has dropped its registration with the ring.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

/// All receive buffers of a shard.
pub(super) struct Buffers {
    /// What the kernel reads buffer addresses from.
    entries: Mapping,
    /// The buffers, one after the other.
    data: Mapping,
    tail: u16,
}

impl Buffers {
    /// Makes the buffers and registers them with the ring.
    ///
    /// # Errors
    /// Those of mmap and of io_uring_register.
    pub(super) fn register(submitter: &Submitter<'_>) -> io::Result<Buffers> {
        let entries = Mapping::new(usize::from(BUFFERS_N) * size_of::<BufRingEntry>())?;
        let data = Mapping::new(usize::from(BUFFERS_N) * BUFFER_BYTES)?;
        // They are used in turn: each receive would be one on a small page not seen for long.
        data.prefer_large_pages();
        // SAFETY: `entries` is page-aligned, zeroed, large enough for `BUFFERS_N` entries, and is
        // unmapped only after the ring is closed (field order of `Driver`).
        unsafe {
            submitter.register_buf_ring_with_flags(
                entries.start.as_ptr() as u64,
                BUFFERS_N,
                GROUP,
                0,
            )?;
        }
        let mut buffers = Buffers { entries, data, tail: 0 };
        for id in 0..BUFFERS_N {
            buffers.give_back(id);
        }
        Ok(buffers)
    }

    /// Leaves the memory mapped for good: the kernel may still write to it.
    pub(super) fn leak(&mut self) {
        self.entries.is_leaked = true;
        self.data.is_leaked = true;
    }

    /// The bytes that a completion said were received into a buffer.
    pub(super) fn bytes(&self, id: u16, from: usize, to: usize) -> &[u8] {
        assert!(id < BUFFERS_N && from <= to && to <= BUFFER_BYTES, "out of the buffers");
        // SAFETY: the range lies inside the mapping. The kernel does not write to this buffer,
        // because a completion has handed it to us and it is given back only by `give_back`,
        // which needs `&mut self` and so cannot happen while the slice lives.
        unsafe {
            let start = self.data.start.as_ptr().add(usize::from(id) * BUFFER_BYTES + from);
            slice::from_raw_parts(start, to - from)
        }
    }

    /// Gives a buffer to the kernel.
    pub(super) fn give_back(&mut self, id: u16) {
        assert!(id < BUFFERS_N, "out of the buffers");
        let first: *mut BufRingEntry = self.entries.start.as_ptr().cast();
        // SAFETY: the index is below `BUFFERS_N`, so the entry lies inside the mapping; the kernel
        // reads an entry only after the tail has passed it, which is published below.
        unsafe {
            let entry = &mut *first.add(usize::from(self.tail & (BUFFERS_N - 1)));
            entry.set_addr(self.data.start.as_ptr().add(usize::from(id) * BUFFER_BYTES) as u64);
            entry.set_len(BUFFER_BYTES as u32);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail lies inside the first entry, as the kernel's ABI has it, is two-byte
        // aligned, and is only ever written through this atomic.
        let tail = unsafe { &*BufRingEntry::tail(first).cast::<AtomicU16>() };
        tail.store(self.tail, Ordering::Release);
    }
}
