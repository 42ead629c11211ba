//! A request as it was sent, for those who asked to see it. Nobody else pays for it: headers go
//! into the connection's buffer, and are nowhere afterwards.

use super::{
    body::BodyLength,
    exchange::{Way, headers},
    follow::Hop,
    parts::Parts,
};
use crate::session::Inner;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

/// A request as it was sent; see [`crate::Response::request`]. python-requests' `PreparedRequest`.
#[derive(Clone, Debug)]
pub struct PreparedRequest {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Option<Bytes>,
}

impl PreparedRequest {
    /// What goes over HTTP/1.1.
    pub(super) fn of_http1(
        session: &Inner,
        parts: &Parts,
        hop: &Hop,
        way: &Way<'_>,
    ) -> Box<PreparedRequest> {
        let mut headers = headers(session, parts, hop, way);
        match hop.body_length(parts) {
            BodyLength::None => {}
            BodyLength::Known(n_bytes) => {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(n_bytes));
            }
            BodyLength::Unknown => {
                headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
        }
        PreparedRequest::of(hop, headers)
    }

    /// What goes over any HTTP with these headers.
    pub(super) fn of(hop: &Hop, headers: HeaderMap) -> Box<PreparedRequest> {
        let (method, url) = (Method::clone(&hop.method), hop.target.text());
        Box::new(PreparedRequest { method, url, headers, body: hop.body.clone() })
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The absolute URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The headers, with all that the session added: cookies, credentials, the body's length. Over
    /// HTTP/2 there is no `Host`, which is a part of the URL there.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The value of a header's first line, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body. `None` if it had none, or one that was made while it was sent; see
    /// [`crate::RequestBuilder::body_stream`].
    pub fn body(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }
}
