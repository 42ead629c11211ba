//! Content codings: gzip, deflate, br and zstd.

use crate::error::HttpError;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::CONTENT_ENCODING};
use std::io::{self, Read};

/// Value of `Accept-Encoding`, as Locust sends it.
pub(crate) const ACCEPTED_CODINGS: HeaderValue =
    HeaderValue::from_static("gzip, deflate, br, zstd");

/// Bytes of brotli's input buffer.
const BROTLI_BUFFER_BYTES: usize = 4096;

/// A whole body, decoded as its head says. A coding that nobody asked for is left as it is, as
/// python-requests does.
#[inline]
pub(crate) fn decode(headers: &HeaderMap, body: Bytes, limit: u64) -> Result<Bytes, HttpError> {
    if body.is_empty() || !headers.contains_key(CONTENT_ENCODING) {
        return Ok(body);
    }
    decode_all(headers, body, limit)
}

fn decode_all(headers: &HeaderMap, mut body: Bytes, limit: u64) -> Result<Bytes, HttpError> {
    let lines = headers.get_all(CONTENT_ENCODING).iter();
    let lines: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
    // The coding that was applied last is undone first.
    for coding in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let coding = coding.trim();
        let decoded = match coding.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => read(flate2::read::MultiGzDecoder::new(&*body), limit),
            "deflate" if is_zlib(&body) => read(flate2::read::ZlibDecoder::new(&*body), limit),
            "deflate" => read(flate2::read::DeflateDecoder::new(&*body), limit),
            "br" => {
                read(brotli_decompressor::Decompressor::new(&*body, BROTLI_BUFFER_BYTES), limit)
            }
            "zstd" => zstd::Decoder::with_buffer(&*body).and_then(|decoder| read(decoder, limit)),
            _ => return Ok(body),
        };
        let decoded = decoded.map_err(|error| HttpError::decoding(coding, &error))?;
        if decoded.len() as u64 > limit {
            return Err(HttpError::body_too_large(limit));
        }
        body = decoded.into();
    }
    Ok(body)
}

/// Reads to the end, or one byte past the limit: a few bytes may decode to gigabytes.
fn read(decoder: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut decoded = vec![];
    decoder.take(limit.saturating_add(1)).read_to_end(&mut decoded)?;
    Ok(decoded)
}

/// Whether deflated data has the zlib header that it ought to have; some servers leave it out.
fn is_zlib(body: &[u8]) -> bool {
    let &[first, second, ..] = body else { return false };
    first & 0x0f == 8 && u16::from_be_bytes([first, second]) % 31 == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write};
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = write::GzEncoder::new(vec![], Compression::default());
        encoder.write_all(text).expect("memory");
        encoder.finish().expect("memory")
    }

    fn decoded(coding: &'static str, body: Vec<u8>, limit: u64) -> Result<Bytes, HttpError> {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(coding))]);
        decode(&headers, body.into(), limit)
    }

    #[test]
    fn every_coding_is_undone_in_turn() {
        let text = &b"hello hello hello"[..];
        let mut deflate = write::DeflateEncoder::new(vec![], Compression::default());
        deflate.write_all(text).expect("memory");
        let mut zlib = write::ZlibEncoder::new(vec![], Compression::default());
        zlib.write_all(text).expect("memory");
        let cases = [
            ("gzip", gzip(text)),
            ("deflate", deflate.finish().expect("memory")),
            ("deflate", zlib.finish().expect("memory")),
            ("zstd", zstd::encode_all(text, 3).expect("memory")),
            ("br", b"\x0b\x08\x80hello hello hello\x03".to_vec()),
            ("gzip, gzip", gzip(&gzip(text))),
            ("unheard-of", text.to_vec()),
        ];
        for (coding, body) in cases {
            assert_eq!(&decoded(coding, body, 100).expect(coding)[..], text, "{coding}");
        }
    }

    #[test]
    fn broken_codings_and_bombs_are_errors() {
        for coding in ["gzip", "deflate", "br", "zstd"] {
            let error = decoded(coding, b"\xffnothing".to_vec(), 100).expect_err(coding);
            assert!(error.text().starts_with(&format!("ContentDecodingError: {coding}: ")));
        }
        let cut = gzip(b"hello")[..12].to_vec();
        assert!(decoded("gzip", cut, 100).is_err());
        let bomb = gzip(&vec![0; 1_000_000]);
        assert!(decoded("gzip", bomb, 1000).is_err_and(|error| error.is_too_large()));
    }
}
