//! Content codings: decoded within the limit, or refused.

use crate::response::decode;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::CONTENT_ENCODING};

/// Bytes that a body may decode to here.
const LIMIT: u64 = 64 * 1024;

/// Decodes some bytes by the codings that the first one names.
pub fn content(data: &[u8]) {
    let Some((&which, body)) = data.split_first() else { return };
    let codings = ["gzip", "deflate", "br", "zstd", "gzip, br", "zstd, x-gzip", "identity"];
    let coding = codings[usize::from(which) % codings.len()];
    let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(coding))]);
    let body = Bytes::copy_from_slice(body);
    let limit = LIMIT.max(body.len() as u64);
    match decode(&headers, body, limit) {
        Ok(decoded) => assert!(decoded.len() as u64 <= limit, "{coding}"),
        Err(error) => assert!(error.is_malformed() || error.is_too_large(), "{error}"),
    }
}
