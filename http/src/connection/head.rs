//! The head of a response, whoever read it.

use crate::lean::{Body, Headers};
use http::StatusCode;
use hyper::{
    body::{Body as _, Incoming},
    ext::ReasonPhrase,
};

/// The head of a response, and the way to its body.
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: Headers,
    /// Only if it is not the usual one.
    pub(crate) reason: Option<ReasonPhrase>,
    /// Whether there are cookies to keep.
    pub(crate) sets_cookies: bool,
    /// Whether the body is compressed.
    pub(crate) is_encoded: bool,
    pub(super) body: HeadBody,
}

/// Where a response's body comes from.
pub(crate) enum HeadBody {
    Hyper(Incoming),
    Lean {
        body: Body,
        keep_alive: bool,
    },
    /// Its stream, which has it.
    Http2 {
        length: Option<u64>,
    },
}

impl Head {
    /// The length of the body, where the head tells it.
    pub(crate) fn body_length(&self) -> Option<u64> {
        match &self.body {
            HeadBody::Hyper(incoming) => incoming.size_hint().exact(),
            HeadBody::Lean { body: Body::Length(length), .. } => Some(*length),
            HeadBody::Lean { body: Body::End, .. } => Some(0),
            HeadBody::Lean { .. } => None,
            HeadBody::Http2 { length } => *length,
        }
    }
}
