//! The body of a request: how long it is, and as hyper takes it.

use super::{body_stream::Upload, follow::Hop, parts::Parts};
use crate::{connection::Wire, error::HttpError};
use bytes::Bytes;
use http::Method;
use hyper::body::{Body, Frame, SizeHint};
use std::{
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
    /// Piece by piece.
    Stream(Box<Streamed>),
}

/// A body that comes piece by piece.
#[derive(Debug)]
pub(crate) struct Streamed {
    pub(crate) upload: Upload,
    /// Knows the task that drives the connection, which hyper's own waker does not wake.
    pub(crate) wire: Option<Wire>,
}

/// How long a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyLength {
    /// There is none.
    None,
    Known(u64),
    /// Known when it has been sent.
    Unknown,
}

impl Hop {
    pub(super) fn body_length(&self, parts: &Parts) -> BodyLength {
        match (self.stream(parts), &self.body) {
            (Some(stream), _) => stream.n_bytes().map_or(BodyLength::Unknown, BodyLength::Known),
            (None, Some(body)) if !body.is_empty() => BodyLength::Known(body.len() as u64),
            (None, _) => BodyLength::None,
        }
    }

    /// Whether a server is told that there is no body: it expects one of all methods but these.
    pub(super) fn says_no_body(&self) -> bool {
        !matches!(*self.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }

    /// Begins to send its body.
    pub(super) fn open_body(&self, parts: &Parts) -> Result<ReqBody, HttpError> {
        Ok(match (self.stream(parts), &self.body) {
            (Some(stream), _) => {
                ReqBody::Stream(Box::new(Streamed { upload: stream.open()?, wire: None }))
            }
            (None, Some(body)) if !body.is_empty() => ReqBody::Full(body.clone()),
            (None, _) => ReqBody::Empty,
        })
    }
}

impl Body for ReqBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let body = self.get_mut();
        if let ReqBody::Stream(streamed) = body {
            return streamed.poll_frame(cx);
        }
        Poll::Ready(match mem::take(body) {
            ReqBody::Full(bytes) => Some(Ok(Frame::data(bytes))),
            _ => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, ReqBody::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ReqBody::Empty => SizeHint::with_exact(0),
            ReqBody::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            ReqBody::Stream(streamed) => {
                streamed.upload.length().map_or_else(SizeHint::default, SizeHint::with_exact)
            }
        }
    }
}

impl Streamed {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let waker = self.wire.as_ref().map(Wire::waker);
        let mut cx = waker.as_ref().map_or(Context::from_waker(cx.waker()), Context::from_waker);
        self.upload.poll_next(&mut cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
