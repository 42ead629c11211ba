//! The head of a response, as far as it says how to go on.

use http::StatusCode;
use httparse::{Header, ParserConfig, Response, Status};
use std::{borrow::Cow, mem::MaybeUninit};

/// Headers that a response may have.
pub(super) const HEADERS_MAX: usize = 100;

/// Bytes that a head may have; hyper's limit is of the same order.
pub(crate) const HEAD_BYTES_MAX: usize = 256 * 1024;

/// How a response's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After so many bytes; there is no body if that is none.
    Length(u64),
    /// With a chunk of length 0.
    Chunked,
    /// When the server closes the connection.
    Close,
}

/// What a head says. Nothing in it but what its bytes tell: see [`super::KnownHeads`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) framing: Framing,
    /// Whether the connection may serve another request afterwards.
    pub(crate) keep_alive: bool,
    /// Whether a header asks for more than reading the body: a cookie, a redirect, an encoding.
    pub(crate) has_set_cookie: bool,
    pub(crate) has_location: bool,
    pub(crate) has_encoding: bool,
    /// Whether the reason is not the usual one for the status.
    pub(crate) has_own_reason: bool,
}

/// Why a response cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// The head has more bytes or headers than are held.
    HeadTooLarge,
    /// Anything else, in words.
    Text(Cow<'static, str>),
}

impl Malformed {
    pub(crate) fn new(text: impl Into<Cow<'static, str>>) -> Malformed {
        Malformed::Text(text.into())
    }
}

/// Reads a head from the start of `bytes`: the head and its length, or `None` if more bytes are
/// needed. Interim responses (1xx) are returned like others; they have no body.
///
/// `is_head` says that the request was a HEAD, whose response never has a body.
pub(crate) fn parse(bytes: &[u8], is_head: bool) -> Result<Option<(Head, usize)>, Malformed> {
    // Not filled beforehand: most heads have a few headers of the many that they may have.
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut response = Response::new(&mut []);
    let parser = ParserConfig::default();
    let parsed = parser.parse_response_with_uninit_headers(&mut response, bytes, &mut headers);
    let n_bytes = match parsed {
        Ok(Status::Complete(n_bytes)) => n_bytes,
        Ok(Status::Partial) if bytes.len() >= HEAD_BYTES_MAX => {
            return Err(Malformed::HeadTooLarge);
        }
        Ok(Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Malformed::HeadTooLarge),
        Err(error) => return Err(Malformed::new(error.to_string())),
    };
    let status = response.code.expect("a complete head has a status");
    if status < 100 {
        return Err(Malformed::new(format!("the status {status:03}")));
    }
    let is_http11 = response.version == Some(1);
    let mut head = read(status, is_http11, response.headers, is_head)?;
    let usual = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    head.has_own_reason = response.reason != usual;
    Ok(Some((head, n_bytes)))
}

fn read(
    status: u16,
    is_http11: bool,
    headers: &[Header<'_>],
    is_head: bool,
) -> Result<Head, Malformed> {
    let mut length = None;
    let mut coding = Coding::None;
    let mut head = Head {
        status,
        framing: Framing::Close,
        keep_alive: is_http11,
        has_set_cookie: false,
        has_location: false,
        has_encoding: false,
        has_own_reason: false,
    };
    for header in headers {
        // Told apart by their length first: most headers are none of these.
        let is = |name: &str| is_name(header.name, name);
        match header.name.len() {
            8 if is("location") => head.has_location = true,
            10 if is("connection") => {
                for option in tokens(header.value) {
                    if option.eq_ignore_ascii_case(b"close") {
                        head.keep_alive = false;
                    } else if option.eq_ignore_ascii_case(b"keep-alive") && !is_http11 {
                        head.keep_alive = true;
                    }
                }
            }
            10 if is("set-cookie") => head.has_set_cookie = true,
            14 if is("content-length") => {
                // A number, which may be repeated (RFC 9110, section 8.6), but no list: an empty
                // element is none.
                for text in header.value.split(|&byte| byte == b',') {
                    let value = parse_length(text.trim_ascii())?;
                    if length.replace(value).is_some_and(|before| before != value) {
                        return Err(Malformed::new("two content-lengths that differ"));
                    }
                }
            }
            16 if is("content-encoding") => head.has_encoding = true,
            17 if is("transfer-encoding") => coding = coding.then(header.value),
            _ => {}
        }
    }
    // RFC 9112, section 6.3.
    head.framing = match coding {
        _ if is_head || status < 200 || status == 204 || status == 304 => Framing::Length(0),
        Coding::Chunked if is_http11 => Framing::Chunked,
        Coding::Chunked | Coding::Other => Framing::Close,
        Coding::None => length.map_or(Framing::Close, Framing::Length),
    };
    // Both at once is how requests are smuggled; the connection is not trusted after it.
    if coding != Coding::None && length.is_some() || head.framing == Framing::Close {
        head.keep_alive = false;
    }
    Ok(head)
}

/// Whether a header has this name, which is given in small letters. In a name are only token
/// characters (httparse sees to it), and of those nothing but a capital becomes a letter or a hyphen
/// by this bit.
#[inline]
fn is_name(name: &str, lower: &str) -> bool {
    name.len() == lower.len() && name.bytes().zip(lower.bytes()).all(|(a, b)| a | 0x20 == b)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    None,
    /// Chunked is the last one.
    Chunked,
    Other,
}

impl Coding {
    fn then(self, value: &[u8]) -> Coding {
        match tokens(value).last() {
            Some(last) if last.eq_ignore_ascii_case(b"chunked") => Coding::Chunked,
            Some(_) => Coding::Other,
            None => self,
        }
    }
}

/// The elements of a comma-separated list.
fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

fn parse_length(text: &[u8]) -> Result<u64, Malformed> {
    // `parse` alone would take a sign.
    let digits = text.iter().all(u8::is_ascii_digit).then_some(text);
    let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    number.ok_or_else(|| {
        Malformed::new(format!("the content-length '{}'", String::from_utf8_lossy(text)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, framing: Framing, keep_alive: bool) {
        let text = format!("HTTP/1.1 {head}\r\n\r\n");
        let (head, n_bytes) = parse(text.as_bytes(), false).expect("well-formed").expect("whole");
        assert_eq!((head.framing, head.keep_alive, n_bytes), (framing, keep_alive, text.len()));
    }

    #[test]
    fn bodies_are_framed_as_rfc_9112_has_it() {
        check("200 OK\r\nContent-Length: 5", Framing::Length(5), true);
        check("200 OK\r\ncontent-length: 5, 5", Framing::Length(5), true);
        check("200 OK\r\nTransfer-Encoding: chunked", Framing::Chunked, true);
        check("200 OK\r\nTransfer-Encoding: gzip, chunked", Framing::Chunked, true);
        check("200 OK\r\nTransfer-Encoding: chunked, gzip", Framing::Close, false);
        // Empty elements of a list do not count (RFC 9110, section 5.6.1).
        check("200 OK\r\nTransfer-Encoding: chunked, ,", Framing::Chunked, true);
        check("200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding:", Framing::Chunked, true);
        check("200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", Framing::Chunked, false);
        check("200 OK", Framing::Close, false);
        check("204 No Content\r\nContent-Length: 5", Framing::Length(0), true);
        check("304 Not Modified\r\nContent-Length: 5", Framing::Length(0), true);
        check("100 Continue", Framing::Length(0), true);
        check("200 OK\r\nContent-Length: 0\r\nConnection: x, Close", Framing::Length(0), false);
    }

    #[test]
    fn http_1_0_keeps_a_connection_only_if_it_says_so() {
        let parse =
            |text: &str| parse(text.as_bytes(), false).expect("well-formed").expect("whole").0;
        assert!(!parse("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n").keep_alive);
        let kept = "HTTP/1.0 200 OK\r\ncontent-length: 1\r\nconnection: keep-alive\r\n\r\n";
        assert!(parse(kept).keep_alive);
    }

    #[test]
    fn a_head_request_has_no_body_whatever_is_said() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n";
        let (head, _) = parse(text, true).expect("well-formed").expect("whole");
        assert_eq!(head.framing, Framing::Length(0));
    }

    #[test]
    fn contradictions_and_garbage_are_malformed() {
        for text in [
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: ,5\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length:\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
            "HTTP/9.9 200 OK\r\n\r\n",
            "HTTP/1.1 2x0 OK\r\n\r\n",
            "HTTP/1.1 003 Early\r\n\r\n",
            "SSH-2.0-OpenSSH\r\n\r\n",
        ] {
            assert!(parse(text.as_bytes(), false).is_err(), "{text}");
        }
    }

    #[test]
    fn an_endless_head_is_malformed_and_not_held_for_ever() {
        let mut text = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
        text.resize(HEAD_BYTES_MAX, b'a');
        assert!(parse(&text, false).is_err());
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX + 1));
        assert!(parse(many.as_bytes(), false).is_err());
    }
}
