//! What must hold whatever bytes come: each function takes some and panics where it does not hold.
//!
//! `http/fuzz/` drives them by coverage, the property tests here by chance, so that what once broke
//! stays mended without a fuzzer.

mod address;
mod body;
mod challenge;
mod content;
mod cookies;
mod members;
mod response;
mod stream;

pub use address::address;
pub use body::body;
pub use challenge::challenge;
pub use content::content;
pub use cookies::cookies;
pub use members::members;
pub use response::response;
pub use stream::stream;

use crate::{local::Local, options::SessionOptions, site::Target};
use std::rc::Rc;
use url::Url;

/// Splits the first byte off and cuts the rest as it says: 0 leaves it whole, others make pieces
/// whose lengths depend on it.
fn cut(data: &[u8]) -> Option<(&[u8], Vec<&[u8]>)> {
    let (&seed, whole) = data.split_first()?;
    let longest = [1, 4, 40, 400][usize::from(seed % 4)];
    let (mut rest, mut pieces, mut state) = (whole, vec![], u32::from(seed));
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let n_bytes = match seed {
            0 => rest.len(),
            _ => ((state >> 16) as usize % longest + 1).min(rest.len()),
        };
        let (piece, after) = rest.split_at(n_bytes);
        pieces.push(piece);
        rest = after;
    }
    Some((whole, pieces))
}

/// A core's shared part without a core.
fn local() -> Rc<Local> {
    Rc::new(Local::new(SessionOptions::default(), 0))
}

fn target(local: &Local, url: &str) -> Rc<Target> {
    let url: Url = url.parse().expect("a URL of ours");
    Rc::new(Target::of_url(local, &url).expect("a URL of ours"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Text made of the pieces that the parsers look for, between others.
    fn pieces_of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
        let word = prop_oneof![
            8 => prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..4),
            1 => "[a-z0-9]{0,6}".prop_map(String::into_bytes),
        ];
        let words = prop::collection::vec(word, 0..40).prop_map(|words| words.concat());
        (any::<u8>(), words).prop_map(|(seed, words)| [&[seed][..], &words].concat())
    }

    const HEADS: &[&str] = &[
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 ",
        "204 ",
        "103 \r\n\r\n",
        "304 ",
        "\r\n",
        "\r\n\r\n",
        "\n",
        "content-length: ",
        "transfer-encoding: chunked\r\n",
        "transfer-encoding:",
        "chunked",
        ",",
        "connection: ",
        "close",
        "keep-alive",
        ", ",
        "5",
        "5\r\nabcde\r\n",
        "0\r\n\r\n",
        "set-cookie: a=b; path=/\r\n",
        "gzip",
        ";",
        " ",
        "location: /x\r\n",
        "link: </a>; rel=\"next\"\r\n",
        "content-type: text/html; charset=",
    ];

    const ADDRESSES: &[&str] = &[
        "http://",
        "https://",
        "http+unix://",
        "%2Ftmp%2Fx",
        "host",
        ":80",
        ":",
        "/",
        "//",
        "..",
        "?",
        "#",
        "%",
        "%41",
        "[::1]",
        "user:pw@",
        "\n",
        "a=b",
        "&",
        "\\",
        "é",
        "http://a\n/b?c",
    ];

    const COOKIES: &[&str] = &[
        "a=b",
        "; ",
        "path=/",
        "domain=example.org",
        "domain=.org",
        "max-age=0",
        "max-age=-1",
        "expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "secure",
        "httponly",
        "samesite=lax",
        "\n",
        "=",
        "\"",
        "__Host-x=1",
        ";",
        ",",
        "__Secure-y=2",
        "domain=",
        "path=",
    ];

    const CHALLENGES: &[&str] = &[
        "Digest ",
        "Basic ",
        "Negotiate",
        "realm=",
        "nonce=",
        "nonce=\"n\"",
        "opaque=",
        "qop=\"auth, auth-int\"",
        "qop=auth-int",
        "algorithm=",
        "MD5",
        "SHA-256",
        "SHA-512",
        "-sess",
        "stale=true",
        "\"",
        "\\",
        ", ",
        ",",
        " ",
        "=",
        "\n",
    ];

    proptest! {
        #[test]
        fn challenges_are_answered_as_they_came(data in pieces_of(CHALLENGES)) {
            challenge(&data);
            challenge(&data[1..]);
        }

        #[test]
        fn responses_are_read_alike_however_they_are_cut(data in pieces_of(HEADS)) {
            response(&data);
            body(&data);
            members(&data);
        }

        #[test]
        fn addresses_become_targets_that_can_be_sent(data in pieces_of(ADDRESSES)) {
            address(&data);
        }

        #[test]
        fn cookies_are_bounded_and_can_be_sent(data in pieces_of(COOKIES)) {
            cookies(&data);
        }

        #[test]
        fn bodies_are_the_same_whether_they_are_streamed_or_come_whole(
            data in prop::collection::vec(any::<u8>(), 0..200),
            text in "..[ab|\\r\\n\u{e9}]{0,40}",
        ) {
            stream(&data);
            stream(text.as_bytes());
        }

        #[test]
        fn contents_are_decoded_within_their_limit(
            data in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            content(&data);
        }
    }
}
