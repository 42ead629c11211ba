//! Memory for heads and small bodies: blocks from which pieces are cut, used again when all their
//! pieces are gone.
//!
//! A response that somebody keeps holds its whole block. That is why blocks become small, down to a
//! page, while pieces are kept for long, and grow back when they are not: so a kept response costs
//! a page at most in the long run, and plain requests, which keep nothing, cost no allocation.

use bytes::{Bytes, BytesMut};
use std::{collections::VecDeque, mem};

/// The size of a block, unless pieces are kept for long.
const BLOCK_BYTES_MAX: usize = 64 * 1024;

/// The size of a block when they are.
const BLOCK_BYTES_MIN: usize = 4 * 1024;

/// Blocks that are full and wait for their pieces to be dropped. A piece that outlives so many
/// blocks is taken to be kept.
const FULL_MAX: usize = 8;

/// The blocks of a core.
#[derive(Debug)]
pub(crate) struct Blocks {
    current: BytesMut,
    /// The oldest first.
    full: VecDeque<BytesMut>,
    n_bytes: usize,
    has_begun: bool,
    #[cfg(test)]
    n_allocated: usize,
}

impl Default for Blocks {
    fn default() -> Blocks {
        Blocks {
            current: BytesMut::new(),
            full: VecDeque::new(),
            n_bytes: BLOCK_BYTES_MAX,
            has_begun: false,
            #[cfg(test)]
            n_allocated: 0,
        }
    }
}

impl Blocks {
    /// A copy of some bytes.
    #[inline]
    pub(crate) fn keep(&mut self, bytes: &[u8]) -> Bytes {
        if self.current.capacity() < bytes.len() {
            self.turn_over(bytes.len());
        }
        self.current.extend_from_slice(bytes);
        self.current.split().freeze()
    }

    /// Gets a block with room for so many bytes.
    fn turn_over(&mut self, n_bytes: usize) {
        if self.current.try_reclaim(n_bytes) {
            return;
        }
        // Larger ones hold a single piece, and go with it; the first one has no memory.
        let full = mem::take(&mut self.current);
        if n_bytes <= BLOCK_BYTES_MAX && self.has_begun {
            self.full.push_back(full);
        }
        self.has_begun = true;
        if let Some(at) = self.full.iter_mut().position(|full| full.try_reclaim(n_bytes)) {
            self.current = self.full.remove(at).unwrap_or_default();
            self.n_bytes = (2 * self.n_bytes).min(BLOCK_BYTES_MAX);
            return;
        }
        if self.full.len() > FULL_MAX {
            self.full.pop_front();
            self.n_bytes = (self.n_bytes / 2).max(BLOCK_BYTES_MIN);
        }
        let n_bytes = n_bytes.max(self.n_bytes);
        #[cfg(test)]
        {
            self.n_allocated += n_bytes;
        }
        self.current = BytesMut::with_capacity(n_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What 100,000 pieces of 65 bytes allocate, if each is held for `n_held` others and every
    /// `kept`th for good.
    fn allocated(n_held: usize, kept: usize) -> usize {
        let mut blocks = Blocks::default();
        let mut held = VecDeque::new();
        let mut for_good = vec![];
        for i in 0..100_000usize {
            let piece = blocks.keep(&[i as u8; 65]);
            if i % kept == kept - 1 {
                for_good.push(piece.clone());
            }
            held.push_back(piece);
            if held.len() > n_held {
                held.pop_front();
            }
        }
        for (i, piece) in for_good.iter().enumerate() {
            assert_eq!(piece[..], [(i * kept + kept - 1) as u8; 65]);
        }
        blocks.n_allocated
    }

    #[test]
    fn pieces_that_are_not_kept_use_the_same_memory_again() {
        assert_eq!(allocated(0, 1_000_000), BLOCK_BYTES_MAX);
        // A thousand requests at a time hold one block and a part of the next.
        let n_bytes = allocated(1_000, 1_000_000);
        assert!(n_bytes <= 4 * BLOCK_BYTES_MAX, "{n_bytes}");
    }

    #[test]
    fn a_piece_that_is_kept_costs_about_a_page() {
        // 100 of them; the first few hold larger blocks.
        let n_bytes = allocated(0, 1_000);
        assert!(n_bytes < 100 * 2 * BLOCK_BYTES_MIN + 16 * BLOCK_BYTES_MAX, "{n_bytes}");
    }

    #[test]
    fn large_pieces_have_room_too() {
        let mut blocks = Blocks::default();
        let large = blocks.keep(&[1; 200_000]);
        let small = blocks.keep(&[2; 10]);
        assert!(large[..] == [1; 200_000] && small[..] == [2; 10]);
    }
}
