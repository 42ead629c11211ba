//! Bodies as text, whatever their encoding.

use chardetng::EncodingDetector;
use encoding_rs::{Decoder, Encoding, UTF_8};
use http::{HeaderMap, header::CONTENT_TYPE};
use std::{borrow::Cow, fmt};

/// The charset that the content type names.
pub(super) fn charset(headers: &HeaderMap) -> Option<&str> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let parameters = content_type.split(';').skip(1);
    parameters.filter_map(|parameter| parameter.split_once('=')).find_map(|(name, value)| {
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches(['"', '\'']))
    })
}

pub(crate) fn text<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, str> {
    let named = charset(headers).and_then(|label| Encoding::for_label(label.as_bytes()));
    if let Some(encoding) = named {
        return encoding.decode(body).0;
    }
    match std::str::from_utf8(body) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => guess(body).decode(body).0,
    }
}

pub(super) fn text_as<'a>(label: &str, body: &'a [u8]) -> Option<Cow<'a, str>> {
    Some(Encoding::for_label(label.as_bytes())?.decode(body).0)
}

/// The encoding that a body seems to have.
pub(super) fn guess(body: &[u8]) -> &'static Encoding {
    if std::str::from_utf8(body).is_ok() {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new();
    detector.feed(body, true);
    detector.guess(None, true)
}

/// Text from a body that comes in pieces.
pub(crate) struct TextDecoder {
    decoder: Decoder,
    has_ended: bool,
}

impl TextDecoder {
    /// By the charset that the head names, else as UTF-8.
    pub(crate) fn of(headers: &HeaderMap) -> TextDecoder {
        let named = charset(headers).and_then(|label| Encoding::for_label(label.as_bytes()));
        TextDecoder { decoder: named.unwrap_or(UTF_8).new_decoder(), has_ended: false }
    }

    /// The text of a piece, or what is left after the last one.
    pub(crate) fn decode(&mut self, piece: Option<&[u8]>) -> String {
        let is_last = piece.is_none();
        if self.has_ended {
            return String::new();
        }
        self.has_ended = is_last;
        let bytes = piece.unwrap_or_default();
        let n_max = self.decoder.max_utf8_buffer_length(bytes.len());
        let mut text = String::with_capacity(n_max.unwrap_or(0));
        let _ = self.decoder.decode_to_string(bytes, &mut text, is_last);
        text
    }
}

impl fmt::Debug for TextDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TextDecoder").field(&self.decoder.encoding().name()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[track_caller]
    fn check(content_type: &'static str, body: &[u8], expected: &str) {
        let value = HeaderValue::from_static(content_type);
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, value)]);
        assert_eq!(text(&headers, body), expected);
    }

    #[test]
    fn the_named_charset_comes_first_then_utf_8_then_a_guess() {
        check("text/html; charset=\"ISO-8859-1\"", b"caf\xe9", "café");
        check("text/plain; a=b; Charset=Shift_JIS", b"\x83\x65\x83\x58\x83\x67", "テスト");
        check("text/html", "café".as_bytes(), "café");
        check("text/html", b"un caf\xe9 s'il vous pla\xeet", "un café s'il vous plaît");
        check("text/html; charset=unheard-of", b"ok", "ok");
    }
}
