//! The body of an answer, as hyper pulls it.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

/// A body whose length is known from the start, so that hyper announces it and never chunks.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// These bytes; empty once they were taken.
    Whole(Bytes),
    /// The chunk over and over, cut off after so many bytes: any length in the memory of one chunk.
    Repeated { chunk: Bytes, n_left: u64 },
}

impl Outgoing {
    fn n_left(&self) -> u64 {
        match self {
            Outgoing::Whole(bytes) => bytes.len() as u64,
            Outgoing::Repeated { n_left, .. } => *n_left,
        }
    }

    fn next(&mut self) -> Bytes {
        match self {
            Outgoing::Whole(bytes) => std::mem::take(bytes),
            Outgoing::Repeated { chunk, n_left } => {
                let n = usize::try_from(*n_left).map_or(chunk.len(), |left| left.min(chunk.len()));
                *n_left -= n as u64;
                chunk.slice(..n)
            }
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = self.get_mut().next();
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.n_left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.n_left())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_body_has_just_its_length() {
        let chunk = Bytes::from_static(b"abcd");
        let mut body = Outgoing::Repeated { chunk, n_left: 10 };
        assert_eq!(body.size_hint().exact(), Some(10));
        let mut all = vec![];
        while !body.is_end_stream() {
            all.extend_from_slice(&body.next());
        }
        assert_eq!(all, b"abcdabcdab");
        assert!(body.next().is_empty());
    }
}
