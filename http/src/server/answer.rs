//! What a handler answers with.

use super::body::Outgoing;
use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use std::{error::Error, fmt};

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// Plain text in UTF-8.
    Text,
    /// JSON.
    Json,
    /// Just bytes.
    Octets,
}

impl ContentType {
    /// As in a header.
    pub const fn as_str(self) -> &'static str {
        match self {
            ContentType::Text => "text/plain; charset=utf-8",
            ContentType::Json => "application/json",
            ContentType::Octets => "application/octet-stream",
        }
    }

    /// Costs a copy of a pointer: the value was made at compile time.
    fn value(self) -> HeaderValue {
        const TEXT: HeaderValue = HeaderValue::from_static(ContentType::Text.as_str());
        const JSON: HeaderValue = HeaderValue::from_static(ContentType::Json.as_str());
        const OCTETS: HeaderValue = HeaderValue::from_static(ContentType::Octets.as_str());
        match self {
            ContentType::Text => TEXT,
            ContentType::Json => JSON,
            ContentType::Octets => OCTETS,
        }
    }
}

/// Status, headers and body. Content-Length is added by the server.
///
/// Made by [`super::Request::answer`].
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Outgoing,
}

impl Answer {
    /// `headers` is memory to be used again: the request's own map, already paid for, which hyper
    /// takes back for the connection's next request.
    pub(super) fn new(status: StatusCode, mut headers: HeaderMap) -> Answer {
        headers.clear();
        Answer { status, headers, body: Outgoing::Whole(Bytes::new()) }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Sets the body and what it is.
    #[must_use]
    pub fn body(mut self, content_type: ContentType, bytes: impl Into<Bytes>) -> Answer {
        self.headers.insert(CONTENT_TYPE, content_type.value());
        self.body = Outgoing::Whole(bytes.into());
        self
    }

    /// Sets a body of `n_bytes`: `chunk` over and over. It is sent as the client takes it, and
    /// never is as a whole in memory.
    #[must_use]
    pub fn repeated(
        mut self,
        content_type: ContentType,
        chunk: &'static [u8],
        n_bytes: u64,
    ) -> Answer {
        self.headers.insert(CONTENT_TYPE, content_type.value());
        let n_left = if chunk.is_empty() { 0 } else { n_bytes };
        self.body = Outgoing::Repeated { chunk: Bytes::from_static(chunk), n_left };
        self
    }

    /// Adds a header, beside others of this name.
    ///
    /// # Errors
    /// When a header cannot carry the name or the value.
    pub fn header(mut self, name: &str, value: &str) -> Result<Answer, BadHeader> {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| BadHeader)?;
        let value = HeaderValue::from_str(value).map_err(|_| BadHeader)?;
        self.headers.append(name, value);
        Ok(self)
    }

    pub(super) fn into_response(self) -> Response<Outgoing> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// A name or value that no header can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadHeader;

impl fmt::Display for BadHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("set a header: its name or value has characters that no header can carry")
    }
}

impl Error for BadHeader {}
