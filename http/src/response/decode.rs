//! Decoding bodies as their heads say: gzip, deflate, br and zstd, one within the other too.

use super::coding::Coding;
use crate::{error::HttpError, whole::Whole};
use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderValue, header::CONTENT_ENCODING};
use std::{fmt, io};

/// Value of `Accept-Encoding`, as Locust sends it.
pub(crate) const ACCEPTED_CODINGS: HeaderValue =
    HeaderValue::from_static("gzip, deflate, br, zstd");

/// Codings of one body; nobody needs two.
const CODINGS_MAX: usize = 5;

/// A whole body, decoded as its head says. A coding that nobody asked for is left as it is, as
/// python-requests does.
#[inline]
pub(crate) fn decode(headers: &HeaderMap, body: Bytes, limit: u64) -> Result<Bytes, HttpError> {
    if body.is_empty() || !headers.contains_key(CONTENT_ENCODING) {
        return Ok(body);
    }
    decode_all(headers, body, limit)
}

fn decode_all(headers: &HeaderMap, body: Bytes, limit: u64) -> Result<Bytes, HttpError> {
    let Some(mut decoder) = Decoder::of(headers)? else { return Ok(body) };
    decoder.feed(body);
    decoder.end();
    let mut decoded = Whole::new(limit);
    while let Decoded::Piece(piece) = decoder.next()? {
        decoded.push(piece, 0)?;
    }
    Ok(decoded.finish())
}

/// Decodes a body as it comes in.
pub(crate) struct Decoder {
    /// In the order in which they are undone: what one yields, the next one takes.
    stages: Vec<Stage>,
}

struct Stage {
    name: Box<str>,
    coding: Coding,
    input: Bytes,
    /// Whether there was any: no body at all is no broken body.
    has_input: bool,
    /// Whether no more input comes.
    is_last: bool,
    has_ended: bool,
}

/// What a look at a decoder gives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// Some of the body.
    Piece(Bytes),
    /// Nothing before more is fed.
    NeedsMore,
    End,
}

impl Decoder {
    /// One for the codings that a head names; `None` if there is nothing to undo.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Decoder>, HttpError> {
        let mut stages = vec![];
        let lines = headers.get_all(CONTENT_ENCODING).iter();
        let lines: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
        // The coding that was applied last is undone first.
        let names = lines.iter().rev().flat_map(|line| line.rsplit(',')).map(str::trim);
        for name in names.filter(|name| !name.eq_ignore_ascii_case("identity")) {
            let coding = Coding::of(name).map_err(|error| HttpError::decoding(name, &error))?;
            let Some(coding) = coding else { break };
            if stages.len() >= CODINGS_MAX {
                let error = format_args!("more than {CODINGS_MAX} codings");
                return Err(HttpError::decoding(name, &error));
            }
            stages.push(Stage::new(name, coding));
        }
        Ok((!stages.is_empty()).then_some(Decoder { stages }))
    }

    /// Takes the next bytes of the body, when it has none left.
    pub(crate) fn feed(&mut self, bytes: Bytes) {
        if let Some(first) = self.stages.first_mut() {
            first.feed(bytes);
        }
    }

    /// Nothing more is fed.
    pub(crate) fn end(&mut self) {
        if let Some(first) = self.stages.first_mut() {
            first.is_last = true;
        }
    }

    /// The next decoded piece.
    pub(crate) fn next(&mut self) -> Result<Decoded, HttpError> {
        pull(&mut self.stages)
    }
}

/// What the last stage yields, which pulls at those before it.
fn pull(stages: &mut [Stage]) -> Result<Decoded, HttpError> {
    let Some((last, before)) = stages.split_last_mut() else { return Ok(Decoded::NeedsMore) };
    loop {
        match last.next()? {
            Decoded::NeedsMore => {}
            decoded => return Ok(decoded),
        }
        match pull(before)? {
            Decoded::Piece(piece) => last.feed(piece),
            Decoded::NeedsMore => return Ok(Decoded::NeedsMore),
            Decoded::End => last.is_last = true,
        }
    }
}

impl Stage {
    fn new(name: &str, coding: Coding) -> Stage {
        let name = name.into();
        let input = Bytes::new();
        Stage { name, coding, input, has_input: false, is_last: false, has_ended: false }
    }

    fn feed(&mut self, bytes: Bytes) {
        self.has_input |= !bytes.is_empty();
        self.input = bytes;
    }

    fn next(&mut self) -> Result<Decoded, HttpError> {
        let failed = |error: io::Error| HttpError::decoding(&self.name, &error);
        while !self.has_ended {
            let (n_taken, output) = self.coding.step(&self.input).map_err(failed)?;
            self.input.advance(n_taken);
            if !output.is_empty() {
                return Ok(Decoded::Piece(output.into()));
            }
            if n_taken == 0 {
                // What follows the end is of no use to anybody.
                self.input.clear();
            }
            if !self.input.is_empty() {
                continue;
            }
            if !self.is_last {
                return Ok(Decoded::NeedsMore);
            }
            if self.has_input {
                self.coding.finish().map_err(failed)?;
            }
            self.has_ended = true;
        }
        Ok(Decoded::End)
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.stages.iter().map(|stage| &stage.name)).finish()
    }
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

    /// Decodes byte by byte, and in what a bomb's first bytes give.
    fn dripped(coding: &'static str, body: &[u8]) -> Vec<u8> {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(coding))]);
        let mut decoder = Decoder::of(&headers).expect("made").expect("a coding");
        let mut decoded = vec![];
        let mut bytes = body.iter();
        loop {
            match decoder.next().expect(coding) {
                Decoded::Piece(piece) => {
                    assert!(!piece.is_empty() && piece.len() <= 128 * 1024, "{}", piece.len());
                    decoded.extend_from_slice(&piece);
                }
                Decoded::NeedsMore => match bytes.next() {
                    Some(&byte) => decoder.feed(Bytes::copy_from_slice(&[byte])),
                    None => decoder.end(),
                },
                Decoded::End => return decoded,
            }
        }
    }

    #[test]
    fn a_body_may_come_byte_by_byte_and_goes_in_pieces_of_limited_size() {
        let text: Vec<_> =
            (0..200_000u32).map(|i| if i % 9 < 7 { b'a' } else { i as u8 }).collect();
        let mut zlib = write::ZlibEncoder::new(vec![], Compression::default());
        zlib.write_all(&text).expect("memory");
        let mut deflate = write::DeflateEncoder::new(vec![], Compression::default());
        deflate.write_all(&text).expect("memory");
        let zstd = zstd::encode_all(&*text, 3).expect("memory");
        assert!(dripped("gzip", &gzip(&text)) == text);
        assert!(dripped("gzip", &[gzip(&text), gzip(b"more")].concat()).ends_with(b"more"));
        assert!(dripped("deflate", &zlib.finish().expect("memory")) == text);
        assert!(dripped("deflate", &deflate.finish().expect("memory")) == text);
        assert!(dripped("zstd", &[&*zstd, &*zstd].concat()) == [&*text, &*text].concat());
        assert!(dripped("zstd, gzip", &gzip(&zstd)) == text);
        assert_eq!(dripped("br", b"\x0b\x08\x80hello hello hello\x03"), b"hello hello hello");
        assert_eq!(dripped("identity, gzip", b""), b"");
    }

    /// A flush in the middle is passed on at once: events do not wait for the next one.
    #[test]
    fn what_a_server_flushes_comes_out_at_once() {
        let mut encoder = write::GzEncoder::new(vec![], Compression::default());
        encoder.write_all(b"data: 1\n\n").expect("memory");
        encoder.flush().expect("memory");
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static("gzip"))]);
        let mut decoder = Decoder::of(&headers).expect("made").expect("a coding");
        decoder.feed(encoder.get_ref().clone().into());
        let mut text = vec![];
        while let Decoded::Piece(piece) = decoder.next().expect("whole") {
            text.extend_from_slice(&piece);
        }
        assert_eq!(text, b"data: 1\n\n");
    }

    #[test]
    fn a_body_in_too_many_codings_is_an_error() {
        assert!(decoded("gzip,gzip,gzip,gzip,gzip,gzip", gzip(b""), 100).is_err());
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
