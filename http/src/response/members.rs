//! A response.

use super::{
    content::Content,
    links::{self, Link},
    text,
};
use crate::{
    connection::{Head, PlainAnswer, reason},
    error::HttpError,
    lean::Headers,
    local::Local,
    request::{Parts, PreparedRequest, Verb, is_redirect},
    site::{Target, quoted_url},
};
use bytes::Bytes;
use encoding_rs::Encoding;
use hatchery_core::{
    shard::Stopwatch,
    stats::{Failure, Phases},
};
use http::{
    HeaderMap, Method,
    header::{LOCATION, SET_COOKIE},
};
use hyper::ext::ReasonPhrase;
use serde::de::DeserializeOwned;
use std::{borrow::Cow, fmt, mem, rc::Rc, time::Duration};

/// A server's response, complete with its body; or, with status 0, a failed request and its error.
/// The members are those of python-requests' `Response`.
///
/// It may be kept; head and body then hold a page of memory between them at most in the long run,
/// or their own size if that is more.
pub struct Response {
    local: Rc<Local>,
    method: Verb,
    /// The last target, after redirects. `None` if the URL was of no use.
    target: Option<Rc<Target>>,
    status: u16,
    headers: Headers,
    body: Content,
    elapsed: Duration,
    /// What most responses do not have.
    rare: Option<Box<Rare>>,
}

#[derive(Default)]
struct Rare {
    error: Option<HttpError>,
    reason: Option<ReasonPhrase>,
    history: Vec<Response>,
    phases: Phases,
    request: Option<Box<PreparedRequest>>,
    /// By which the text is read, whatever the server says.
    encoding: Option<&'static Encoding>,
}

impl Response {
    pub(crate) fn new(
        local: Rc<Local>,
        method: &Verb,
        target: &Rc<Target>,
        head: &mut Head,
        body: Content,
        elapsed_ns: u64,
    ) -> Response {
        let rare = head
            .reason
            .take()
            .map(|reason| Box::new(Rare { reason: Some(reason), ..Rare::default() }));
        Response {
            local,
            method: method.clone(),
            target: Some(Rc::clone(target)),
            status: head.status.as_u16(),
            headers: mem::take(&mut head.headers),
            body,
            elapsed: Duration::from_nanos(elapsed_ns),
            rare,
        }
    }

    #[inline]
    pub(crate) fn plain(
        local: Rc<Local>,
        method: &Verb,
        target: &Rc<Target>,
        answer: PlainAnswer,
        elapsed_ns: u64,
    ) -> Response {
        let PlainAnswer { status, head, body } = answer;
        Response {
            local,
            method: method.clone(),
            target: Some(Rc::clone(target)),
            status,
            headers: Headers::of_head(head),
            body,
            elapsed: Duration::from_nanos(elapsed_ns),
            rare: None,
        }
    }

    pub(crate) fn failed(
        local: Rc<Local>,
        method: Verb,
        target: Option<Rc<Target>>,
        error: HttpError,
    ) -> Response {
        Response {
            headers: Headers::default(),
            local,
            method,
            target,
            status: 0,
            body: Content::EMPTY,
            elapsed: Duration::ZERO,
            rare: Some(Box::new(Rare { error: Some(error), ..Rare::default() })),
        }
    }

    pub(crate) fn set_history(&mut self, history: Vec<Response>) {
        if !history.is_empty() {
            self.rare.get_or_insert_default().history = history;
        }
    }

    /// Takes the request that was sent last, if it was kept.
    #[inline]
    pub(crate) fn set_request(&mut self, parts: &Parts) {
        if parts.kept.is_some() {
            self.rare.get_or_insert_default().request = parts.take_kept();
        }
    }

    /// Keeps what was measured of the request's phases, if they are measured.
    #[inline]
    pub(crate) fn set_phases(&mut self, stopwatch: &Stopwatch) {
        if stopwatch.is_on() {
            self.rare.get_or_insert_default().phases = stopwatch.phases();
        }
    }

    /// Adds what came before everything else: another response, and what came before that.
    pub(crate) fn put_before(&mut self, mut earlier: Response) {
        let mut history =
            earlier.rare.as_mut().map(|rare| mem::take(&mut rare.history)).unwrap_or_default();
        history.push(earlier);
        let rare = self.rare.get_or_insert_default();
        history.append(&mut rare.history);
        rare.history = history;
    }

    /// Where it came from.
    pub(crate) fn target(&self) -> Option<&Rc<Target>> {
        self.target.as_ref()
    }

    /// Why the request counts as failed, if it does.
    #[inline]
    pub(crate) fn failure(&self, name: &str) -> Option<Failure> {
        if let Some(error) = self.error() {
            return Some(error.to_failure());
        }
        self.is_failing_status()
            .then(|| HttpError::bad_status(self.status, self.reason(), name).to_failure())
    }

    fn is_failing_status(&self) -> bool {
        is_failing(self.status)
    }

    /// Body length in bytes, as the statistics count it.
    pub(crate) fn length(&self) -> u64 {
        self.body.len()
    }

    /// The status code; 0 if there was no response, see [`Response::error`].
    pub fn status_code(&self) -> u16 {
        self.status
    }

    /// The reason that came with the status, or the usual one. python-requests' `reason`.
    pub fn reason(&self) -> &str {
        reason(self.status, self.rare.as_ref().and_then(|rare| rare.reason.as_ref()))
    }

    /// Whether there was a response and its status is not one of 400 to 599. python-requests' `ok`.
    pub fn ok(&self) -> bool {
        self.error().is_none() && !self.is_failing_status()
    }

    /// Why there was no response. A status of 400 and above is none of these: see
    /// [`Response::raise_for_status`].
    pub fn error(&self) -> Option<&HttpError> {
        self.rare.as_ref()?.error.as_ref()
    }

    /// The headers; their names are compared without regard to case. python-requests' `headers`.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The value of a header's first line, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Names and values of the cookies that this response sets. python-requests' `cookies`; those
    /// that the session keeps are at [`HttpSession::cookie`](crate::HttpSession::cookie).
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.get_all(SET_COOKIE).iter().filter_map(|line| {
            let pair = line.to_str().ok()?.split(';').next()?;
            let (name, value) = pair.split_once('=')?;
            Some((name.trim(), value.trim()))
        })
    }

    /// The body, decoded as `Content-Encoding` says; empty if the session's
    /// [`discard_bodies`](crate::SessionOptions::discard_bodies) is set. python-requests' `content`.
    pub fn content(&self) -> &[u8] {
        self.body.as_slice()
    }

    /// The body, without a copy.
    pub fn into_content(mut self) -> Bytes {
        mem::replace(&mut self.body, Content::EMPTY).into_bytes()
    }

    /// The body as text: in the encoding of [`Response::encoding`], or, if there is none, in the
    /// [`Response::apparent_encoding`]. So a `text/html` that names no charset is read as
    /// ISO-8859-1, be it UTF-8 or not; [`Response::set_encoding`] reads it otherwise. An encoding of
    /// an unknown name is taken for UTF-8, and what cannot be read becomes `U+FFFD`. python-requests'
    /// `text`.
    pub fn text(&self) -> Cow<'_, str> {
        match self.own_encoding() {
            Some(encoding) => encoding.decode(self.content()).0,
            None => text::text(&self.headers, self.content()),
        }
    }

    /// The body as text in this encoding, by its label on the web (`latin1`, `shift_jis`).
    ///
    /// # Errors
    /// When there is no such encoding.
    pub fn text_as(&self, encoding: &str) -> Result<Cow<'_, str>, HttpError> {
        text::text_as(encoding, self.content())
            .ok_or_else(|| HttpError::invalid_part(encoding, "no such encoding"))
    }

    /// The encoding that was set, or what the headers say: the charset of `Content-Type`, as the
    /// server spells it; without one `ISO-8859-1` for `text/…`, and `utf-8` for
    /// `application/json`; `None` for anything else. python-requests' `encoding`, which
    /// [`Response::set_encoding`] sets. Names mean what they mean on the web, where ISO-8859-1 is
    /// windows-1252: the two differ in control characters that no text has.
    pub fn encoding(&self) -> Option<&str> {
        self.own_encoding().map(Encoding::name).or_else(|| text::encoding(&self.headers))
    }

    /// Reads [`Response::text`] in this encoding from now on, by its label on the web.
    ///
    /// # Errors
    /// When there is no such encoding.
    pub fn set_encoding(&mut self, encoding: &str) -> Result<(), HttpError> {
        let known = Encoding::for_label(encoding.as_bytes())
            .ok_or_else(|| HttpError::invalid_part(encoding, "no such encoding"))?;
        self.rare.get_or_insert_default().encoding = Some(known);
        Ok(())
    }

    fn own_encoding(&self) -> Option<&'static Encoding> {
        self.rare.as_ref()?.encoding
    }

    /// The encoding that the body seems to have, guessed from its bytes. python-requests'
    /// `apparent_encoding`.
    pub fn apparent_encoding(&self) -> &'static str {
        text::guess(self.content()).name()
    }

    /// The body as JSON. python-requests' `json`.
    ///
    /// # Errors
    /// [`HttpError::is_json`] if it is not, or not of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        serde_json::from_slice(self.content()).map_err(|error| HttpError::json(&error))
    }

    /// From sending the request to having the response's head; of the last hop, if there were
    /// redirects. What is recorded is the whole time, body and all hops included. python-requests'
    /// `elapsed`.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// How long the phases of the request took, its redirects included: DNS, connect, TLS, first
    /// and last byte. All of them are `None` unless the run measures phases: `--phases`.
    pub fn phases(&self) -> Phases {
        self.rare.as_ref().map(|rare| rare.phases).unwrap_or_default()
    }

    /// As [`Response::request_method`], to be handed on.
    pub(crate) fn verb(&self) -> &Verb {
        &self.method
    }

    /// The method of the request that this answers; a redirect may have changed it.
    pub fn request_method(&self) -> &Method {
        &self.method
    }

    /// The request that this answers, or of which this is the error: method, URL, headers and body
    /// as they were sent. `None` unless it was asked for by
    /// [`RequestBuilder::keep_request`](crate::RequestBuilder::keep_request), and if nothing was
    /// sent. After redirects it is the last one; [`Response::history`] has the others.
    /// python-requests' `request`.
    pub fn request(&self) -> Option<&PreparedRequest> {
        self.rare.as_ref()?.request.as_deref()
    }

    /// The URL that this came from, after redirects. Empty if there was none to send to.
    /// python-requests' `url`.
    pub fn url(&self) -> String {
        self.target.as_ref().map(|target| target.text()).unwrap_or_default()
    }

    /// The redirects that led here, the oldest first. python-requests' `history`.
    pub fn history(&self) -> &[Response] {
        self.rare.as_ref().map(|rare| &*rare.history).unwrap_or_default()
    }

    /// Whether it redirects and says where to. python-requests' `is_redirect`.
    pub fn is_redirect(&self) -> bool {
        is_redirect(self.status) && self.headers.contains_key(LOCATION)
    }

    /// Nothing is left to do: the body was read, and the connection serves others. Here because
    /// python-requests has it; see [`crate::StreamResponse::close`].
    pub fn close(self) {}

    /// Where it redirects to, if it does: the URL that would be requested next. For those who do
    /// not have redirects followed. python-requests' `next`, of which the rest is up to whoever
    /// sends it.
    pub fn next_url(&self) -> Option<String> {
        if !self.is_redirect() {
            return None;
        }
        let location = String::from_utf8_lossy(self.headers.get(LOCATION)?.as_bytes());
        Some(self.target.as_ref()?.url().join(&quoted_url(&location)).ok()?.into())
    }

    /// The links of its `Link` header, in the header's order. python-requests' `links`, which is
    /// keyed by [`Link::rel`].
    pub fn links(&self) -> Vec<Link> {
        links::links(&self.headers)
    }

    /// Whether it redirects for good: 301 or 308. python-requests' `is_permanent_redirect`.
    pub fn is_permanent_redirect(&self) -> bool {
        matches!(self.status, 301 | 308) && self.headers.contains_key(LOCATION)
    }

    /// The response, unless the request failed or its status is 400 or above. python-requests'
    /// `raise_for_status`.
    ///
    /// # Errors
    /// [`Response::error`], or the status as [`HttpError::status`].
    pub fn raise_for_status(&self) -> Result<&Response, HttpError> {
        match self.to_error() {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// As [`Response::raise_for_status`], for the end of a chain.
    ///
    /// # Errors
    /// [`Response::error`], or the status as [`HttpError::status`].
    pub fn error_for_status(self) -> Result<Response, HttpError> {
        match self.to_error() {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    fn to_error(&self) -> Option<HttpError> {
        if let Some(error) = self.error() {
            return Some(error.clone());
        }
        self.is_failing_status()
            .then(|| HttpError::bad_status(self.status, self.reason(), &self.url()))
    }
}

/// Whether a request with this status counts as failed.
#[inline]
pub(crate) fn is_failing(status: u16) -> bool {
    (400..600).contains(&status)
}

impl Drop for Response {
    #[inline]
    fn drop(&mut self) {
        if let Some(map) = mem::take(&mut self.headers).into_map() {
            self.local.keep_headers(map);
        }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status_code", &self.status)
            .field("url", &self.url())
            .field("error", &self.error())
            .field("n_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
