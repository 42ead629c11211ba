//! Memory that is about to be touched, for the processor to fetch in time.
//!
//! Of many users each is in no near cache when its answer comes. What it will touch then is known
//! while it waits, and that of all answers of a turn is better fetched together than piece by piece
//! as each user comes to it.

use super::processor::prefetch;
use std::rc::Rc;

/// Bytes of a cache line.
const LINE_BYTES: usize = 64;

/// Bytes of the two counts before a shared value.
const COUNTS_BYTES: usize = 2 * size_of::<usize>();

/// Cache lines of one span that are fetched at most.
const LINES_MAX: usize = 16;
const _: () = assert!(LINES_MAX < LINE_BYTES, "the number stands in an address");

/// Some memory, by its cache lines. It may be gone: fetching it is a hint and reads nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// The address of the first line, and how many there are in the bits that such addresses leave.
    lines: usize,
}

impl Span {
    /// Where a value lies.
    #[inline]
    pub fn of<T>(value: &T) -> Span {
        Span::at(std::ptr::from_ref(value).addr(), size_of::<T>())
    }

    /// Where a shared value lies, with its counts.
    #[inline]
    pub fn of_shared<T>(value: &Rc<T>) -> Span {
        let from = std::ptr::from_ref(&**value).addr();
        Span::at(from - COUNTS_BYTES, size_of::<T>() + COUNTS_BYTES)
    }

    /// Where a future lies.
    #[inline]
    pub fn of_dyn(future: &dyn Future<Output = ()>) -> Span {
        Span::at(std::ptr::from_ref(future).addr(), size_of_val(future))
    }

    /// So many bytes from an address on.
    #[inline]
    pub(super) fn at(from: usize, n_bytes: usize) -> Span {
        let before = from % LINE_BYTES;
        let n_lines = if n_bytes == 0 { 0 } else { (before + n_bytes).div_ceil(LINE_BYTES) };
        Span { lines: (from - before) | n_lines.min(LINES_MAX) }
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
        let n_lines = self.lines % LINE_BYTES;
        let first = self.lines - n_lines;
        (0..n_lines).map(move |n| first.wrapping_add(n * LINE_BYTES))
    }
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
            let span = Span::at(from, n_bytes);
            let of = |address: usize| address / LINE_BYTES;
            let all: Vec<usize> = (of(from)..=of(from + n_bytes - 1)).collect();
            let lines: Vec<usize> = span.lines().map(of).collect();
            prop_assert_eq!(&lines[..], &all[..all.len().min(LINES_MAX)]);
            span.fetch();
        }
    }
}
