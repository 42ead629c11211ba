//! What is left of a response's body.

use bytes::Bytes;

/// A body that was read.
#[derive(Debug)]
pub(crate) enum Content {
    /// It is here.
    Kept(Bytes),
    /// It was thrown away; so many bytes it had.
    Discarded(u64),
}

impl Content {
    /// Of a response without a body.
    pub(crate) const EMPTY: Content = Content::Kept(Bytes::new());

    /// Bytes that it had.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Content::Kept(body) => body.len() as u64,
            Content::Discarded(n_bytes) => *n_bytes,
        }
    }

    /// What is here of it.
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Content::Kept(body) => body,
            Content::Discarded(_) => &[],
        }
    }

    /// As [`Content::as_slice`], without a copy.
    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Content::Kept(body) => body,
            Content::Discarded(_) => Bytes::new(),
        }
    }
}
