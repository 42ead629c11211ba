//! The headers of a response, taken apart when somebody asks for them.

use super::head::HEADERS_MAX;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use httparse::{EMPTY_HEADER, Response};
use hyper::ext::ReasonPhrase;
use std::{cell::OnceCell, fmt, ops::Deref, rc::Rc};

/// The bytes of a head.
#[derive(Clone, Debug)]
pub(crate) enum HeadBytes {
    Own(Bytes),
    /// Those of a head that came more than once. Counted without atomics, which `Bytes` is not.
    Known(Rc<Bytes>),
}

impl Default for HeadBytes {
    fn default() -> HeadBytes {
        HeadBytes::Own(Bytes::new())
    }
}

impl Deref for HeadBytes {
    type Target = Bytes;

    #[inline]
    fn deref(&self) -> &Bytes {
        match self {
            HeadBytes::Own(bytes) => bytes,
            HeadBytes::Known(bytes) => bytes,
        }
    }
}

/// A header map that may still be the bytes of a head.
#[derive(Default)]
pub(crate) struct Headers {
    head: HeadBytes,
    map: OnceCell<HeaderMap>,
}

impl Headers {
    /// The headers of a head that was parsed before, and so is well-formed.
    pub(crate) fn of_head(head: HeadBytes) -> Headers {
        Headers { head, map: OnceCell::new() }
    }

    /// The reason that stands in the head.
    pub(crate) fn reason(&self) -> Option<ReasonPhrase> {
        let line = self.head.split(|&byte| byte == b'\r' || byte == b'\n').next()?;
        let reason = line.splitn(3, |&byte| byte == b' ').nth(2)?;
        ReasonPhrase::try_from(reason).ok()
    }

    /// The map, if there is one whose memory can be used again.
    pub(crate) fn into_map(self) -> Option<HeaderMap> {
        self.map.into_inner()
    }

    fn parse(&self) -> HeaderMap {
        let mut headers = [EMPTY_HEADER; HEADERS_MAX];
        let mut response = Response::new(&mut headers);
        let mut map = HeaderMap::new();
        if response.parse(&self.head).is_err() {
            return map;
        }
        for header in &*response.headers {
            let name = HeaderName::from_bytes(header.name.as_bytes());
            // Shares the head's bytes.
            let value = HeaderValue::from_maybe_shared(self.head.slice_ref(header.value));
            if let (Ok(name), Ok(value)) = (name, value) {
                map.append(name, value);
            }
        }
        map
    }
}

impl From<HeaderMap> for Headers {
    fn from(map: HeaderMap) -> Headers {
        Headers { head: HeadBytes::default(), map: OnceCell::from(map) }
    }
}

impl Deref for Headers {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        self.map.get_or_init(|| self.parse())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_taken_apart_with_all_its_lines() {
        let head =
            b"HTTP/1.1 200 Very Fine\r\nSet-Cookie: a=b\r\nset-cookie: c=d\r\nX: \xe4\r\n\r\n";
        let headers = Headers::of_head(HeadBytes::Own(Bytes::from_static(head)));
        assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
        assert_eq!(headers["x"].as_bytes(), b"\xe4");
        assert_eq!(headers.reason().expect("there is one").as_bytes(), b"Very Fine");
    }
}
