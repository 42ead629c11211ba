//! What a request carries beyond method and path. Plain requests have none of it.

use super::{
    body_stream::BodyStream, deadline::Limits, digest::Credentials, prepared::PreparedRequest,
    signer::Signer, terms::OwnTerms,
};
use crate::error::HttpError;
use bytes::Bytes;
use hatchery_core::events::RequestContext;
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use std::{cell::RefCell, rc::Rc};

/// The rarer parts of a request.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// The first mistake in putting it together.
    pub(crate) error: Option<HttpError>,
    pub(crate) headers: HeaderMap,
    /// Pairs to append to the URL, encoded.
    pub(crate) query: String,
    pub(crate) body: Option<Bytes>,
    /// Instead of `body`, if it is made while it is sent.
    pub(crate) stream: Option<BodyStream>,
    /// Of the body, unless a header says otherwise.
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) authorization: Option<HeaderValue>,
    /// For credentials of the program's own.
    pub(crate) signer: Option<Box<Signer>>,
    /// For servers that ask for Digest authentication.
    pub(crate) digest: Option<Rc<Credentials>>,
    /// `name=value; name=value`.
    pub(crate) cookies: String,
    pub(crate) limits: Limits,
    pub(crate) terms: Option<Rc<OwnTerms>>,
    /// Unless set: for all methods but HEAD.
    pub(crate) allow_redirects: Option<bool>,
    /// For those who listen.
    pub(crate) context: RequestContext,
    /// Bytes that a WebSocket's message may have.
    pub(crate) message_bytes_max: Option<usize>,
    /// Whether the body is read by the user, piece by piece.
    pub(crate) is_streamed: bool,
    /// What was sent last, if the user wants to see it.
    pub(crate) kept: Option<RefCell<Option<Box<PreparedRequest>>>>,
}

impl Parts {
    /// Takes a body in the place of any other.
    pub(crate) fn set_body(&mut self, body: Bytes, content_type: Option<HeaderValue>) {
        self.body = Some(body);
        self.stream = None;
        self.content_type = content_type;
    }

    /// Whether it says itself who asks.
    pub(crate) fn has_credentials(&self) -> bool {
        self.authorization.is_some()
            || self.digest.is_some()
            || self.signer.is_some()
            || self.headers.contains_key(AUTHORIZATION)
    }

    /// Keeps what is sent, if the user wants to see it.
    #[inline]
    pub(super) fn keep(&self, make: impl FnOnce() -> Box<PreparedRequest>) {
        if let Some(kept) = &self.kept {
            kept.replace(Some(make()));
        }
    }

    /// What was sent since this was last asked for.
    pub(crate) fn take_kept(&self) -> Option<Box<PreparedRequest>> {
        self.kept.as_ref()?.take()
    }

    /// Remembers the first mistake.
    pub(crate) fn fail(&mut self, error: HttpError) {
        self.error.get_or_insert(error);
    }
}
