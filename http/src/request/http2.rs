//! A request as HTTP/2 wants it: the same headers, but for those that speak of a connection.

use super::{
    body::BodyLength,
    exchange::{Way, headers},
    follow::Hop,
    parts::Parts,
};
use crate::{connection::Http2Stream, session::Inner};
use http::{
    HeaderName, HeaderValue, Request,
    header::{CONNECTION, CONTENT_LENGTH, HOST, TE, UPGRADE},
    uri::Authority,
};

/// Headers that HTTP/2 has no use for, and forbids.
const OF_CONNECTIONS: [HeaderName; 4] = [
    CONNECTION,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Head of a request that is to be sent on a stream.
pub(super) fn http2_request(
    session: &Inner,
    parts: &Parts,
    hop: &Hop,
    way: &Way<'_>,
    stream: &Http2Stream,
) -> Request<()> {
    let mut headers = headers(session, parts, hop, way);
    let host = headers.remove(HOST).filter(|host| *host != hop.target.origin.host_header);
    for name in OF_CONNECTIONS {
        headers.remove(name);
    }
    if headers.get(TE).is_some_and(|value| value != "trailers") {
        headers.remove(TE);
    }
    if let BodyLength::Known(n_bytes) = hop.body_length(parts) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(n_bytes));
    }
    let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut request = Request::new(());
    *request.method_mut() = http::Method::clone(&hop.method);
    *request.uri_mut() = stream.uri(&hop.target.uri, authority);
    *request.headers_mut() = headers;
    request
}
