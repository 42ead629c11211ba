//! A request as HTTP/2 wants it: the same headers, but for those that speak of a connection.

use super::{exchange::headers, follow::Hop, parts::Parts};
use crate::{connection::Http2Stream, session::Inner};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Request,
    header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE},
    uri::Authority,
};

/// Headers that HTTP/2 has no use for, and forbids.
const OF_CONNECTIONS: [HeaderName; 5] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Head and body of a request that is to be sent on a stream.
pub(super) fn http2_request(
    session: &Inner,
    parts: &Parts,
    hop: &Hop,
    stream: &Http2Stream,
) -> (Request<()>, Option<Bytes>) {
    let mut headers = headers(session, parts, hop);
    let host = headers.remove(HOST).filter(|host| *host != hop.target.origin.host_header);
    for name in OF_CONNECTIONS {
        headers.remove(name);
    }
    if headers.get(TE).is_some_and(|value| value != "trailers") {
        headers.remove(TE);
    }
    if let Some(body) = hop.body.as_ref().filter(|body| !body.is_empty()) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut request = Request::new(());
    *request.method_mut() = hop.method.clone();
    *request.uri_mut() = stream.uri(&hop.target.uri, authority);
    *request.headers_mut() = headers;
    (request, hop.body.clone())
}
