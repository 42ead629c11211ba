//! The target of a request: an origin and a path, ready to be sent.

use super::{origin::Origin, quote::is_tidy};
use crate::{error::HttpError, request::Entry};
use bytes::Bytes;
use http::{HeaderValue, Uri, uri::PathAndQuery};
use std::{
    cell::{Cell, OnceCell},
    rc::Rc,
};
use url::Url;

/// The end of a head.
const END: &[u8] = b"\r\n";

/// A request's target.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) origin: Rc<Origin>,
    /// Path and query, as they are sent.
    pub(crate) uri: Uri,
    /// The same, if it stands in the program's text: then its address is its name's.
    pub(crate) static_path: Option<&'static str>,
    /// From user and password in an absolute URL, or in the one that redirects led from.
    pub(crate) authorization: Option<HeaderValue>,
    /// Whether its answers are plain ones, as far as they have been seen.
    pub(crate) is_plain: Cell<bool>,
    /// Under which entry it was counted last.
    pub(crate) entry: Cell<Option<Entry>>,
    /// Whether whoever asks for it again is given this one.
    pub(super) is_kept: bool,
    /// A GET of it: without and with the headers that say what may come back.
    get_request: [OnceCell<Rc<[u8]>>; 2],
    /// Parsed when a cookie or a redirect asks for it.
    url: OnceCell<Url>,
}

impl Target {
    /// The target of a path that stands in the program's text.
    pub(super) fn of_static(origin: &Rc<Origin>, path: &'static str) -> Result<Target, HttpError> {
        Target::new(origin, Bytes::from_static(path.as_bytes()), Some(path))
    }

    pub(super) fn of_path(origin: &Rc<Origin>, path: String) -> Result<Target, HttpError> {
        Target::new(origin, path.into(), None)
    }

    fn new(
        origin: &Rc<Origin>,
        path: Bytes,
        static_path: Option<&'static str>,
    ) -> Result<Target, HttpError> {
        let uri = PathAndQuery::from_maybe_shared(path)
            .map_err(|error| HttpError::invalid_url(&origin.text, error))?
            .into();
        let origin = Rc::clone(origin);
        Ok(Target {
            origin,
            uri,
            static_path,
            authorization: None,
            is_plain: Cell::new(true),
            entry: Cell::new(None),
            is_kept: false,
            get_request: Default::default(),
            url: OnceCell::new(),
        })
    }

    /// Path and query.
    pub(crate) fn path(&self) -> &str {
        match self.static_path {
            Some(path) => path,
            None => self.uri.path_and_query().map_or("/", PathAndQuery::as_str),
        }
    }

    /// A plain GET of it, put together once. `None` if it is not asked for often enough for that.
    #[inline]
    pub(crate) fn get_request(&self, accept_headers: bool) -> Option<&Rc<[u8]>> {
        if !self.is_kept {
            return None;
        }
        let make = || {
            let lines = self.origin.head_lines(accept_headers);
            [b"GET ", self.path().as_bytes(), lines, END].concat().into()
        };
        Some(self.get_request[usize::from(accept_headers)].get_or_init(make))
    }

    /// What it begins with: all but the cookies, and the end of the head.
    #[inline]
    pub(crate) fn get_lines(&self, accept_headers: bool) -> Option<&[u8]> {
        self.get_request(accept_headers).map(|request| &request[..request.len() - END.len()])
    }

    pub(crate) fn url(&self) -> &Url {
        self.url.get_or_init(|| self.origin.url(self.path()))
    }

    /// The absolute URL as text.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.origin.text, self.path())
    }
}

/// Whether a path can be sent as it is written: nothing to encode or to decode, no fragment to cut,
/// no dots to resolve, no query that is empty. Most are; the others go through the
/// URL parser.
pub(super) fn is_plain(path: &str) -> bool {
    let bytes = path.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&()*+,;=:@/?%".contains(byte);
    bytes.first() == Some(&b'/')
        && bytes.last() != Some(&b'?')
        && bytes.iter().all(plain)
        && (!bytes.contains(&b'%') || is_tidy(bytes))
        && !bytes.windows(2).any(|pair| pair == b"/." || pair == b"//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_need_no_parser_are_plain() {
        for path in ["/", "/a/b?c=d&e=%20", "/item/12;v=1", "/a.b", "/%C3%A9"] {
            assert!(is_plain(path), "{path}");
        }
        for path in [
            "", "a", "/a b", "/ä", "/a#b", "/a/../b", "/./a", "//host/a", "/a\"", "/a\n", "/%2e/a",
            "/100%", "/%4", "/a?", "/%c3%a9", "/a%7E", "/%",
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }
}
