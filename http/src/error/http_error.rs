//! The error itself: its text, and the questions that a scenario may ask it.

use hatchery_core::stats::Failure;
use std::{borrow::Cow, error::Error, fmt};

/// Why a request failed. Its text is what the error table shows.
///
/// It is not an `Err` of the request: a failed request is a [`crate::Response`] with status 0, as
/// in Locust. [`crate::Response::raise_for_status`] turns it into one.
#[derive(Clone)]
pub struct HttpError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: Kind,
    text: Cow<'static, str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Url,
    Invalid,
    Upload,
    Resolve,
    Connect,
    Proxy,
    Tls,
    Timeout,
    Closed,
    Malformed,
    TooLarge,
    Redirects,
    Status(u16),
    Json,
}

impl HttpError {
    pub(super) fn new(kind: Kind, text: impl Into<Cow<'static, str>>) -> HttpError {
        HttpError(Box::new(Inner { kind, text: text.into() }))
    }

    pub(crate) fn to_failure(&self) -> Failure {
        Failure::new(self.0.text.clone())
    }

    /// The text, as in the error table.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Whether the URL was of no use, so that nothing was sent and nothing recorded. Locust's
    /// `MissingSchema`, `InvalidSchema` and `InvalidURL`.
    pub fn is_invalid_url(&self) -> bool {
        self.0.kind == Kind::Url
    }

    /// Whether the request could not be made as it was put together (a header with a line break, a
    /// value that does not serialize), so that nothing was sent and nothing recorded.
    pub fn is_invalid_request(&self) -> bool {
        self.0.kind == Kind::Invalid
    }

    /// Whether the request's own body could not be sent: its stream failed, or had not the length
    /// that was promised, or would have been sent twice (python-requests'
    /// `UnrewindableBodyError`).
    pub fn is_upload(&self) -> bool {
        self.0.kind == Kind::Upload
    }

    /// Whether the host's name has no address.
    pub fn is_resolve(&self) -> bool {
        self.0.kind == Kind::Resolve
    }

    /// Whether no connection could be made.
    pub fn is_connect(&self) -> bool {
        matches!(self.0.kind, Kind::Connect | Kind::Resolve | Kind::Proxy)
    }

    /// Whether the proxy could not be reached, or refused to connect to the host.
    pub fn is_proxy(&self) -> bool {
        self.0.kind == Kind::Proxy
    }

    /// Whether TLS failed: a certificate, a handshake, a record.
    pub fn is_tls(&self) -> bool {
        self.0.kind == Kind::Tls
    }

    /// Whether the time was up.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == Kind::Timeout
    }

    /// Whether the connection broke or was closed before the response was complete.
    pub fn is_closed(&self) -> bool {
        self.0.kind == Kind::Closed
    }

    /// Whether what came was no HTTP response.
    pub fn is_malformed(&self) -> bool {
        self.0.kind == Kind::Malformed
    }

    /// Whether the response's head or body was larger than allowed.
    pub fn is_too_large(&self) -> bool {
        self.0.kind == Kind::TooLarge
    }

    /// Whether there were more redirects than allowed.
    pub fn is_too_many_redirects(&self) -> bool {
        self.0.kind == Kind::Redirects
    }

    /// The status code, if it is what makes the request a failed one.
    pub fn status(&self) -> Option<u16> {
        match self.0.kind {
            Kind::Status(status) => Some(status),
            _ => None,
        }
    }

    /// Whether a body was not the JSON that was asked for.
    pub fn is_json(&self) -> bool {
        self.0.kind == Kind::Json
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpError").field("kind", &self.0.kind).field("text", &self.0.text).finish()
    }
}

impl Error for HttpError {}
