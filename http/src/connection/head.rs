//! The head of a response, whoever read it.

use super::lean::may_be_plain;
use crate::{
    error::HttpError,
    lean::{self, Body, HeadBytes, Headers, Malformed},
};
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
    /// Whether answers like it may be [`super::PlainAnswer`]s, as far as the head tells.
    pub(crate) is_plain: bool,
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
    /// A head that was parsed by [`crate::lean`], and its bytes.
    pub(crate) fn of_lean(head: lean::Head, bytes: HeadBytes) -> Result<Head, HttpError> {
        let status = StatusCode::from_u16(head.status)
            .map_err(|error| HttpError::bad_head(&Malformed::new(error.to_string())))?;
        let headers = Headers::of_head(bytes);
        let reason = if head.has_own_reason { headers.reason() } else { None };
        Ok(Head {
            status,
            reason,
            headers,
            sets_cookies: head.has_set_cookie,
            is_encoded: head.has_encoding,
            is_plain: may_be_plain(&head),
            body: HeadBody::Lean { body: Body::new(head.framing), keep_alive: head.keep_alive },
        })
    }

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

/// The reason that came with a status, or the usual one.
pub(crate) fn reason(status: u16, own: Option<&ReasonPhrase>) -> &str {
    if let Some(own) = own {
        return std::str::from_utf8(own.as_bytes()).unwrap_or_default();
    }
    let status = StatusCode::from_u16(status).ok();
    status.and_then(|status| status.canonical_reason()).unwrap_or_default()
}
