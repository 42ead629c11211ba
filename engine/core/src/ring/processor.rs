//! What is asked of the processor itself. Both are single instructions, which no library offers as
//! plain functions.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch, _rdtsc};

/// Has the cache line of an address fetched, where there is one.
#[inline]
pub(super) fn prefetch(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which reads nothing and faults nowhere, whatever lies at the address.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::without_provenance(address));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// The time stamp counter; 0 where there is none.
#[inline]
pub(crate) fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of this architecture has it, and it is read, not changed.
    unsafe {
        _rdtsc()
    }
    #[cfg(not(target_arch = "x86_64"))]
    0
}
