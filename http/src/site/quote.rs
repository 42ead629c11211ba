//! What no request line may hold, encoded as python-requests does it: where a browser would let it
//! pass, turn `\` into `/`, or drop it, a server gets what was written.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::borrow::Cow;

/// What is neither unreserved nor a delimiter (RFC 3986, section 2), but for `%`.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Path and query of a text that is a path with a query and a fragment, or only some of that.
pub(super) fn quoted(text: &str) -> String {
    let text = text.split_once('#').map_or(text, |(text, _)| text);
    match text.split_once('?') {
        Some((path, query)) if !query.is_empty() => format!("{}?{}", part(path), part(query)),
        Some((path, _)) => part(path).into_owned(),
        None => part(text).into_owned(),
    }
}

/// The same of a URL, or of what a redirect says instead of one: scheme and host stay as they are.
pub(crate) fn quoted_url(text: &str) -> String {
    let after_scheme = match text.split_once("//") {
        Some((scheme, rest)) if scheme.is_empty() || is_scheme(scheme) => rest,
        _ => return quoted(text),
    };
    let n_host = after_scheme.find(['/', '?', '#']).unwrap_or(after_scheme.len());
    let (before, path) = text.split_at(text.len() - after_scheme.len() + n_host);
    format!("{before}{}", quoted(path))
}

/// Whether each `%` begins an encoded byte.
pub(super) fn is_percent_encoded(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().filter(|&(_, &byte)| byte == b'%').all(|(at, _)| {
        let digits = bytes.get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Whether each `%` begins an encoded byte that is written as it is sent: with capital digits, and
/// not encoded without need.
pub(super) fn is_tidy(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().filter(|&(_, &byte)| byte == b'%').all(|(at, _)| {
        let digit = |at: usize| match bytes.get(at)? {
            digit @ b'0'..=b'9' => Some(digit - b'0'),
            digit @ b'A'..=b'F' => Some(digit - b'A' + 10),
            _ => None,
        };
        let byte = digit(at + 1).zip(digit(at + 2)).map(|(high, low)| high << 4 | low);
        byte.is_some_and(|byte| !is_unreserved(byte))
    })
}

/// What is nowhere encoded (RFC 3986, section 2.3).
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// A path or a query.
pub(super) fn part(text: &str) -> Cow<'_, str> {
    match is_percent_encoded(text.as_bytes()) {
        true if is_tidy(text.as_bytes()) => utf8_percent_encode(text, ENCODED).into(),
        true => utf8_percent_encode(&tidied(text), ENCODED).to_string().into(),
        // Then none of them begins an encoded byte.
        false => utf8_percent_encode(&text.replace('%', "%25"), ENCODED).to_string().into(),
    }
}

/// A text of which each `%` begins an encoded byte, tidied.
fn tidied(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut tidied = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        match u8::from_str_radix(digits, 16) {
            Ok(byte) if is_unreserved(byte) => tidied.push(char::from(byte)),
            _ => tidied.extend(["%", &digits.to_ascii_uppercase()]),
        }
        tidied.push_str(rest);
    }
    tidied
}

fn is_scheme(text: &str) -> bool {
    let name = text.strip_suffix(':');
    name.is_some_and(|name| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_encoded_behind_their_host_alone() {
        for (text, expected) in [
            ("http://[::1]:80/[a]?b|c#d", "http://[::1]:80/%5Ba%5D?b%7Cc"),
            ("//h|st/a b", "//h|st/a%20b"),
            ("/a//b|c", "/a//b%7Cc"),
            ("a\\b?", "a%5Cb"),
            ("http://h?x=1 ", "http://h?x=1%20"),
            ("http://h", "http://h"),
            ("?é", "?%C3%A9"),
            ("/%41%?%41", "/%2541%25?A"),
            ("http://h%41/%61%2f%7E", "http://h%41/a%2F~"),
            ("", ""),
        ] {
            assert_eq!(quoted_url(text), expected, "{text:?}");
        }
    }
}
