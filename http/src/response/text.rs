//! Bodies as text, whatever their encoding.

use chardetng::EncodingDetector;
use encoding_rs::{Decoder, Encoding, UTF_8};
use http::{HeaderMap, header::CONTENT_TYPE};
use std::{borrow::Cow, fmt};

/// The encoding that the head says: the charset that the content type names, ISO-8859-1 for a text
/// that names none, UTF-8 for JSON. To the letter python-requests' `get_encoding_from_headers`.
pub(super) fn encoding(headers: &HeaderMap) -> Option<&str> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let mut parts = content_type.split(';');
    let media_type = parts.next()?;
    let mut parameters = parts.filter_map(|parameter| parameter.split_once('='));
    let is_charset = |(name, _): &(&str, &str)| trimmed(name).eq_ignore_ascii_case("charset");
    match parameters.rfind(is_charset) {
        Some((_, label)) => Some(trimmed(label)),
        None if media_type.contains("text") => Some("ISO-8859-1"),
        None if media_type.contains("application/json") => Some("utf-8"),
        None => None,
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(['"', '\'', ' '])
}

/// The encoding of a label; UTF-8 if there is none of that name, as in python-requests.
fn known(label: &str) -> &'static Encoding {
    Encoding::for_label(label.as_bytes()).unwrap_or(UTF_8)
}

pub(crate) fn text<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, str> {
    match encoding(headers) {
        Some(label) => known(label).decode(body).0,
        None => match std::str::from_utf8(body) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => guess(body).decode(body).0,
        },
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
    /// By what the head says, else as UTF-8. Server-sent events are nothing else (HTML, section
    /// 9.2.4), whatever is said of texts.
    pub(crate) fn of(headers: &HeaderMap) -> TextDecoder {
        let is_events = headers
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
        let named = encoding(headers).filter(|_| !is_events).map(known);
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

    fn of(content_type: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))])
    }

    /// Printed by python-requests 2.34.
    #[test]
    fn the_head_says_the_encoding_as_python_requests_reads_it() {
        for (content_type, expected) in [
            ("text/html", Some("ISO-8859-1")),
            ("text/event-stream", Some("ISO-8859-1")),
            ("application/x-text", Some("ISO-8859-1")),
            ("text/html; charset", Some("ISO-8859-1")),
            ("application/json", Some("utf-8")),
            ("text/plain; charset=", Some("")),
            ("application/json; charset=latin1", Some("latin1")),
            ("application/json; charset=\"utf-8\" ", Some("utf-8")),
            ("text/html; charset='x'", Some("x")),
            ("text/html;CHARSET=Foo", Some("Foo")),
            ("text/html; charset=utf-8;charset=latin1", Some("latin1")),
            ("TEXT/HTML", None),
            ("application/xml", None),
            ("application/vnd.x+json", None),
            ("a/b; x=\"text\"", None),
            ("image/png", None),
            ("", None),
        ] {
            assert_eq!(encoding(&of(content_type)), expected, "{content_type}");
        }
        assert_eq!(encoding(&HeaderMap::new()), None);
    }

    #[track_caller]
    fn check(content_type: &'static str, body: &[u8], expected: &str) {
        assert_eq!(text(&of(content_type), body), expected);
    }

    #[test]
    fn the_head_comes_first_then_utf_8_then_a_guess() {
        check("text/html; charset=\"ISO-8859-1\"", b"caf\xe9", "café");
        check("text/plain; a=b; Charset=Shift_JIS", b"\x83\x65\x83\x58\x83\x67", "テスト");
        check("text/html", "café".as_bytes(), "cafÃ©");
        check("text/html; charset=utf-8", "café".as_bytes(), "café");
        check("application/json", "\"café\"".as_bytes(), "\"café\"");
        check("application/xml", "café".as_bytes(), "café");
        check("application/xml", b"un caf\xe9 s'il vous pla\xeet", "un café s'il vous plaît");
        check("text/html; charset=unheard-of", "café \u{fffd}".as_bytes(), "café \u{fffd}");
    }

    #[test]
    fn server_sent_events_are_utf_8_and_other_texts_what_their_heads_say() {
        for (content_type, expected) in
            [("text/event-stream", "é"), ("text/plain", "Ã©"), ("image/png", "é")]
        {
            let mut decoder = TextDecoder::of(&of(content_type));
            assert_eq!(decoder.decode(Some("é".as_bytes())), expected, "{content_type}");
        }
    }
}
