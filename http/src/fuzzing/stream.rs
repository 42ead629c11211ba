//! Bodies that are read as they come: decoded, cut into lines and turned into text as if they had
//! come whole.

use super::cut;
use crate::response::{Decoded, Decoder, Lines, TextDecoder, decode, lines, text_of};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};

/// Bytes that a body may decode to here.
const LIMIT: usize = 64 * 1024;

const CODINGS: [&str; 6] = ["gzip", "deflate", "br", "zstd", "gzip, br", "zstd, x-gzip"];

const DELIMITERS: [&[u8]; 4] = [b"\r\n", b"\n", b"||", b"aba"];

const CHARSETS: [&str; 8] = [
    "text/plain; charset=utf-8",
    "text/plain; charset=latin1",
    "text/plain; charset=shift_jis",
    "text/plain; charset=utf-16le",
    "text/plain; charset=gb18030",
    "text/plain; charset=iso-2022-jp",
    "text/plain; charset=euc-kr",
    "text/plain; charset=big5",
];

/// Reads a body at once and in pieces; the first bytes say how.
pub fn stream(data: &[u8]) {
    let Some((&which, data)) = data.split_first() else { return };
    let Some((whole, pieces)) = cut(data) else { return };
    let which = usize::from(which);
    check_coding(whole, &pieces, CODINGS[which % CODINGS.len()]);
    check_lines(whole, &pieces, DELIMITERS[which % DELIMITERS.len()]);
    check_text(whole, &pieces, CHARSETS[which % CHARSETS.len()]);
}

fn check_coding(whole: &[u8], pieces: &[&[u8]], coding: &'static str) {
    let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(coding))]);
    let at_once = decode(&headers, Bytes::copy_from_slice(whole), LIMIT as u64);
    let in_pieces = decode_pieces(&headers, pieces);
    match (at_once, in_pieces) {
        (Ok(at_once), Some(in_pieces)) => assert!(at_once == in_pieces, "{coding}"),
        (Err(error), Some(in_pieces)) => {
            assert!(error.is_too_large() && in_pieces.len() > LIMIT, "{coding}: {error}");
        }
        (Err(_), None) => {}
        (Ok(_), None) => panic!("{coding}: only broken if it comes in pieces"),
    }
}

/// What the pieces decode to, cut off somewhere beyond the limit; `None` if they are broken.
fn decode_pieces(headers: &HeaderMap, pieces: &[&[u8]]) -> Option<Vec<u8>> {
    let mut decoder = Decoder::of(headers).ok().flatten()?;
    let mut decoded = vec![];
    let mut rest = pieces.iter();
    loop {
        match decoder.next().ok()? {
            Decoded::Piece(piece) => decoded.extend_from_slice(&piece),
            Decoded::NeedsMore => match rest.next() {
                Some(piece) => decoder.feed(Bytes::copy_from_slice(piece)),
                None => decoder.end(),
            },
            Decoded::End => return Some(decoded),
        }
        if decoded.len() > LIMIT {
            return Some(decoded);
        }
    }
}

fn check_lines(whole: &[u8], pieces: &[&[u8]], delimiter: &[u8]) {
    let at_once: Vec<_> = lines(whole).map(<[u8]>::to_vec).collect();
    assert_eq!(cut_lines(pieces, Lines::next), at_once);
    let before = |lines: &mut Lines| lines.next_before(delimiter);
    let in_pieces = cut_lines(pieces, before);
    assert_eq!(in_pieces, cut_lines(&[whole], before));
    let mut joined = in_pieces.join(delimiter);
    if whole.ends_with(delimiter) && !joined.eq(whole) {
        joined.extend_from_slice(delimiter);
    }
    assert_eq!(joined, whole, "nothing is lost between delimiters");
}

fn cut_lines(pieces: &[&[u8]], mut next: impl FnMut(&mut Lines) -> Option<Bytes>) -> Vec<Vec<u8>> {
    let (mut lines, mut found) = (Lines::default(), vec![]);
    for piece in pieces {
        lines.push(piece);
        found.extend(std::iter::from_fn(|| next(&mut lines)).map(Vec::from));
    }
    found.extend(lines.finish().map(Vec::from));
    found
}

fn check_text(whole: &[u8], pieces: &[&[u8]], content_type: &'static str) {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
    let mut decoder = TextDecoder::of(&headers);
    let mut in_pieces: String = pieces.iter().map(|piece| decoder.decode(Some(piece))).collect();
    in_pieces += &decoder.decode(None);
    assert_eq!(in_pieces, text_of(&headers, whole), "{content_type}");
}
