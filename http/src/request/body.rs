//! The body of a request, as hyper takes it.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    convert::Infallible,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

/// A request's body.
#[derive(Debug, Default)]
pub(crate) enum ReqBody {
    /// None, or sent already.
    #[default]
    Empty,
    /// All of it.
    Full(Bytes),
}

impl From<Option<Bytes>> for ReqBody {
    fn from(bytes: Option<Bytes>) -> ReqBody {
        match bytes {
            Some(bytes) if !bytes.is_empty() => ReqBody::Full(bytes),
            _ => ReqBody::Empty,
        }
    }
}

impl Body for ReqBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(match mem::take(self.get_mut()) {
            ReqBody::Empty => None,
            ReqBody::Full(bytes) => Some(Ok(Frame::data(bytes))),
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, ReqBody::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            ReqBody::Empty => 0,
            ReqBody::Full(bytes) => bytes.len() as u64,
        })
    }
}
