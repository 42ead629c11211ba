//! Bodies as text, whatever their encoding.

use chardetng::EncodingDetector;
use encoding_rs::{Encoding, UTF_8};
use http::{HeaderMap, header::CONTENT_TYPE};
use std::borrow::Cow;

/// The charset that the content type names.
pub(super) fn charset(headers: &HeaderMap) -> Option<&str> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let parameters = content_type.split(';').skip(1);
    parameters.filter_map(|parameter| parameter.split_once('=')).find_map(|(name, value)| {
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches(['"', '\'']))
    })
}

pub(super) fn text<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, str> {
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
