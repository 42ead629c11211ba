//! A body that is put together from its pieces.

use crate::error::HttpError;
use bytes::{Bytes, BytesMut};
use std::mem;

/// What is reserved ahead for a body, whatever its head promises.
const RESERVED_BYTES_MAX: u64 = 4 << 20;

/// A body as it comes in: the very bytes received, if they come as one piece.
#[derive(Debug)]
pub(crate) struct Whole {
    /// Bytes that it may have.
    limit: u64,
    /// All of it, while it is one piece.
    first: Bytes,
    all: BytesMut,
}

impl Whole {
    pub(crate) fn new(limit: u64) -> Whole {
        Whole { limit, first: Bytes::new(), all: BytesMut::new() }
    }

    fn len(&self) -> u64 {
        (self.first.len() + self.all.len()) as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a piece, after which so many bytes are known to come.
    ///
    /// # Errors
    /// When that is more than there may be.
    pub(crate) fn push(&mut self, piece: Bytes, n_left: u64) -> Result<(), HttpError> {
        if self.is_empty() {
            self.first = piece;
        } else {
            self.append(&piece, n_left);
        }
        self.check()
    }

    /// Adds a copy of a piece, after which so many bytes are known to come; by `keep`, if it may be
    /// all of them. [`Whole::check`] it afterwards.
    pub(crate) fn copy(&mut self, piece: &[u8], n_left: u64, keep: impl FnOnce(&[u8]) -> Bytes) {
        if self.is_empty() && n_left == 0 {
            self.first = keep(piece);
        } else {
            self.append(piece, n_left);
        }
    }

    fn append(&mut self, piece: &[u8], n_left: u64) {
        if self.all.is_empty() {
            let first = mem::take(&mut self.first);
            let n_left = n_left.min(RESERVED_BYTES_MAX) as usize;
            self.all.reserve(first.len() + piece.len() + n_left);
            self.all.extend_from_slice(&first);
        }
        self.all.extend_from_slice(piece);
    }

    /// Whether it is no larger than it may be.
    ///
    /// # Errors
    /// When it is.
    pub(crate) fn check(&self) -> Result<(), HttpError> {
        match self.len() > self.limit {
            true => Err(HttpError::body_too_large(self.limit)),
            false => Ok(()),
        }
    }

    pub(crate) fn finish(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_joined_and_a_single_one_is_not_copied() {
        let mut whole = Whole::new(5);
        let piece = Bytes::from_static(b"ab");
        whole.push(piece.clone(), 0).expect("room");
        assert_eq!(whole.finish().as_ptr(), piece.as_ptr());
        let mut whole = Whole::new(5);
        whole.push(piece.clone(), 3).expect("room");
        whole.push(piece.clone(), 1).expect("room");
        whole.copy(b"c", 0, |_| unreachable!("it is not all"));
        whole.check().expect("room");
        assert!(whole.push(piece, 0).is_err_and(|error| error.is_too_large()));
        assert_eq!(&whole.finish()[..], b"ababcab");
    }

    #[test]
    fn a_single_piece_may_be_too_large() {
        let mut whole = Whole::new(1);
        assert!(whole.push(Bytes::from_static(b"ab"), 0).is_err());
        let mut whole = Whole::new(1);
        whole.copy(b"ab", 0, Bytes::copy_from_slice);
        assert!(whole.check().is_err());
    }
}
