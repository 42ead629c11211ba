//! Memory that is about to be touched, for the processor to fetch in time.
//!
//! Of many users each is in no near cache when its answer comes. What it will touch then is known
//! while it waits, and that of all answers of a turn is better fetched together than piece by piece
//! as each user comes to it.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
use std::rc::Rc;

/// Bytes of a cache line.
const LINE_BYTES: usize = 64;

/// Bytes of the two counts before a shared value.
const COUNTS_BYTES: usize = 2 * size_of::<usize>();

/// Cache lines of one span that are fetched at most.
const LINES_MAX: usize = 16;

/// Some memory, by its address and length. It may be gone: fetching it is a hint and reads nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    from: usize,
    n_bytes: usize,
}

impl Span {
    /// Where a value lies.
    #[inline]
    pub fn of<T>(value: &T) -> Span {
        Span { from: std::ptr::from_ref(value).addr(), n_bytes: size_of::<T>() }
    }

    /// Where a shared value lies, with its counts.
    #[inline]
    pub fn of_shared<T>(value: &Rc<T>) -> Span {
        let Span { from, n_bytes } = Span::of(&**value);
        Span { from: from - COUNTS_BYTES, n_bytes: n_bytes + COUNTS_BYTES }
    }

    /// Where a future lies.
    #[inline]
    pub fn of_dyn(future: &dyn Future<Output = ()>) -> Span {
        Span { from: std::ptr::from_ref(future).addr(), n_bytes: size_of_val(future) }
    }

    /// So many bytes from an address on.
    #[inline]
    pub(super) fn at(from: *const (), n_bytes: usize) -> Span {
        Span { from: from.addr(), n_bytes }
    }

    /// Has the processor fetch it.
    #[inline]
    pub(super) fn fetch(self) {
        for address in self.lines() {
            prefetch(address);
        }
    }

    /// The addresses of its cache lines.
    #[inline]
    fn lines(self) -> impl Iterator<Item = usize> {
        let first = self.from & !(LINE_BYTES - 1);
        let end = if self.n_bytes == 0 { first } else { self.from.saturating_add(self.n_bytes) };
        (first..end).step_by(LINE_BYTES).take(LINES_MAX)
    }
}

#[inline]
fn prefetch(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which reads nothing and faults nowhere, whatever lies at the address.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::without_provenance(address));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_has_no_lines() {
        assert_eq!(Span::default().lines().count(), 0);
        assert_eq!(Span::of(&()).lines().count(), 0);
    }

    proptest! {
        #[test]
        fn a_span_has_the_lines_of_all_its_bytes(from in 1..usize::MAX - 4096, n_bytes in 1..1024usize) {
            let span = Span { from, n_bytes };
            let of = |address: usize| address / LINE_BYTES;
            let all: Vec<usize> = (of(from)..=of(from + n_bytes - 1)).collect();
            let lines: Vec<usize> = span.lines().map(of).collect();
            prop_assert_eq!(&lines[..], &all[..all.len().min(LINES_MAX)]);
            span.fetch();
        }
    }
}
