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

/// Buffers of each group, powers of two: the next group comes when those before it do not suffice.
/// Buffers are used in turn, so a shard with few sockets is better off with few: they stay in a near
/// cache, and leave the rest of it to the users.
const SIZES: [u16; 3] = [128, 512, 2048];

/// Buffers for each socket, below which there had better be more.
const PER_SOCKET: usize = 2;

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
    /// By their number for the kernel. There is always one.
    groups: Vec<Group>,
    /// Whether no more can be had: it is not tried again for each socket.
    is_full: bool,
}

/// Buffers that the kernel takes one after the other.
struct Group {
    /// What the kernel reads buffer addresses from.
    entries: Mapping,
    /// The buffers, one after the other.
    data: Mapping,
    /// The number of its first buffer; those of all groups are counted through.
    first_id: u16,
    n: u16,
    tail: u16,
}

impl Buffers {
    /// Makes the first buffers and registers them with the ring.
    ///
    /// # Errors
    /// Those of mmap and of io_uring_register.
    pub(super) fn register(submitter: &Submitter<'_>) -> io::Result<Buffers> {
        Ok(Buffers { groups: vec![Group::register(submitter, 0, 0)?], is_full: false })
    }

    /// The group for the next receive, one among so many sockets'.
    #[inline]
    pub(super) fn group(&mut self, submitter: &Submitter<'_>, n_sockets: usize) -> u16 {
        let last = &self.groups[self.groups.len() - 1];
        if n_sockets * PER_SOCKET > usize::from(last.n) {
            self.grow(submitter);
        }
        self.groups.len() as u16 - 1
    }

    /// Makes more buffers, if there may be more.
    #[cold]
    pub(super) fn grow(&mut self, submitter: &Submitter<'_>) {
        if self.is_full {
            return;
        }
        let index = self.groups.len();
        let last = &self.groups[index - 1];
        // Where there is no memory for more, those that are there have to do.
        match Group::register(submitter, index, last.first_id + last.n) {
            Ok(group) => self.groups.push(group),
            Err(_) => self.is_full = true,
        }
        self.is_full |= self.groups.len() == SIZES.len();
    }

    #[cfg(test)]
    pub(super) fn n_groups(&self) -> usize {
        self.groups.len()
    }

    /// Leaves the memory mapped for good: the kernel may still write to it.
    pub(super) fn leak(&mut self) {
        for group in &mut self.groups {
            group.entries.is_leaked = true;
            group.data.is_leaked = true;
        }
    }

    /// The bytes that a completion said were received into a buffer.
    pub(super) fn bytes(&self, id: u16, from: usize, to: usize) -> &[u8] {
        let group = self.groups.iter().rfind(|group| id >= group.first_id);
        group.expect("the first begins at zero").bytes(id, from, to)
    }

    /// Gives a buffer to the kernel.
    pub(super) fn give_back(&mut self, id: u16) {
        let group = self.groups.iter_mut().rfind(|group| id >= group.first_id);
        group.expect("the first begins at zero").give_back(id);
    }
}

impl Group {
    fn register(submitter: &Submitter<'_>, index: usize, first_id: u16) -> io::Result<Group> {
        let n = SIZES[index];
        let entries = Mapping::new(usize::from(n) * size_of::<BufRingEntry>())?;
        let data = Mapping::new(usize::from(n) * BUFFER_BYTES)?;
        // They are used in turn: each receive would be one on a small page not seen for long.
        data.prefer_large_pages();
        // SAFETY: `entries` is page-aligned, zeroed, large enough for `n` entries, and is unmapped
        // only after the ring is closed (field order of `Driver`).
        unsafe {
            let start = entries.start.as_ptr() as u64;
            submitter.register_buf_ring_with_flags(start, n, index as u16, 0)?;
        }
        let mut group = Group { entries, data, first_id, n, tail: 0 };
        for id in first_id..first_id + n {
            group.give_back(id);
        }
        Ok(group)
    }

    fn bytes(&self, id: u16, from: usize, to: usize) -> &[u8] {
        let index = id - self.first_id;
        assert!(index < self.n && from <= to && to <= BUFFER_BYTES, "out of the buffers");
        // SAFETY: the range lies inside the mapping. The kernel does not write to this buffer,
        // because a completion has handed it to us and it is given back only by `give_back`,
        // which needs `&mut self` and so cannot happen while the slice lives.
        unsafe {
            let start = self.data.start.as_ptr().add(usize::from(index) * BUFFER_BYTES + from);
            slice::from_raw_parts(start, to - from)
        }
    }

    fn give_back(&mut self, id: u16) {
        let index = id - self.first_id;
        assert!(index < self.n, "out of the buffers");
        let first: *mut BufRingEntry = self.entries.start.as_ptr().cast();
        // SAFETY: the index is below `n`, a power of two, so the entry lies inside the mapping; the
        // kernel reads an entry only after the tail has passed it, which is published below.
        unsafe {
            let entry = &mut *first.add(usize::from(self.tail & (self.n - 1)));
            entry.set_addr(self.data.start.as_ptr().add(usize::from(index) * BUFFER_BYTES) as u64);
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
