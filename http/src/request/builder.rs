//! Putting a request together; awaiting it sends it.

use super::{mode::Plain, parts::Parts, prepared::PreparedRequest, signer::Signer, verb::Verb};
use crate::{
    cookies::Cookies,
    error::HttpError,
    session::{HttpSession, Inner},
    site,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Serialize;
use std::{borrow::Cow, fmt, marker::PhantomData, rc::Rc, time::Duration};

/// A request being put together by the methods of [`HttpSession`]. Nothing happens until it is
/// awaited; then it is sent, and recorded once.
///
/// A mistake in a part (a header with a line break, a value that does not serialize) comes back as
/// the response's error when it is awaited, and nothing is sent or recorded.
#[must_use = "a request is sent when it is awaited"]
pub struct RequestBuilder<'a, Mode = Plain> {
    pub(super) session: &'a HttpSession,
    pub(super) method: Verb,
    pub(super) path: Cow<'static, str>,
    pub(super) name: Option<Cow<'static, str>>,
    pub(super) parts: Option<Box<Parts>>,
    mode: PhantomData<Mode>,
}

impl<'a, Mode> RequestBuilder<'a, Mode> {
    pub(crate) fn new(
        session: &'a HttpSession,
        method: Method,
        path: Cow<'static, str>,
    ) -> RequestBuilder<'a, Mode> {
        let method = session.0.local.verbs.of(method);
        RequestBuilder { session, method, path, name: None, parts: None, mode: PhantomData }
    }
}

/// A request that no longer borrows anything.
pub(super) struct Detached {
    pub(super) session: Rc<Inner>,
    pub(super) method: Verb,
    pub(super) path: Cow<'static, str>,
    pub(super) name: Option<Cow<'static, str>>,
    pub(super) parts: Option<Box<Parts>>,
}

impl<'a, Mode> RequestBuilder<'a, Mode> {
    /// Everything but the method.
    pub(crate) fn into_parts(
        self,
    ) -> (Rc<Inner>, Cow<'static, str>, Option<Cow<'static, str>>, Box<Parts>) {
        let Detached { session, path, name, parts, .. } = self.detach();
        (session, path, name, parts.unwrap_or_default())
    }

    pub(super) fn detach(self) -> Detached {
        let RequestBuilder { session, method, path, name, parts, .. } = self;
        let parts = session.0.complete(parts);
        Detached { session: Rc::clone(&session.0), method, path, name, parts }
    }

    pub(super) fn with_mode<Other>(self) -> RequestBuilder<'a, Other> {
        let RequestBuilder { session, method, path, name, parts, .. } = self;
        RequestBuilder { session, method, path, name, parts, mode: PhantomData }
    }

    pub(crate) fn parts(&mut self) -> &mut Parts {
        self.parts.get_or_insert_default()
    }

    /// The name of the statistics' entry, instead of path and query: groups URLs that differ in an
    /// id. Locust's `name`.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets a header, replacing the session's or a default one of that name.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: fmt::Display>,
        V: TryInto<HeaderValue, Error: fmt::Display>,
    {
        let parts = self.parts();
        match (name.try_into(), value.try_into()) {
            (Ok(name), Ok(value)) => {
                parts.headers.insert(name, value);
            }
            (Err(error), _) => parts.fail(HttpError::invalid_part("header name", error)),
            (Ok(name), Err(error)) => {
                parts.fail(HttpError::invalid_part(name.as_str(), error));
            }
        }
        self
    }

    /// Sets headers; see [`RequestBuilder::header`].
    pub fn headers<N, V>(self, headers: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: TryInto<HeaderName, Error: fmt::Display>,
        V: TryInto<HeaderValue, Error: fmt::Display>,
    {
        headers.into_iter().fold(self, |request, (name, value)| request.header(name, value))
    }

    /// Appends pairs to the URL's query, encoded: a slice of pairs, a map or a struct. They are
    /// part of the entry's name unless it is given one. A query that is text already belongs in the
    /// URL. Locust's `params`.
    pub fn params(mut self, params: &(impl Serialize + ?Sized)) -> Self {
        let parts = self.parts();
        match urlencoded(params) {
            Ok(query) if query.is_empty() => {}
            Ok(query) => {
                if !parts.query.is_empty() {
                    parts.query.push('&');
                }
                parts.query.push_str(&query);
            }
            Err(error) => parts.fail(HttpError::invalid_part("params", error)),
        }
        self
    }

    /// The same as [`RequestBuilder::params`].
    pub fn query(self, params: &(impl Serialize + ?Sized)) -> Self {
        self.params(params)
    }

    /// Sends a cookie with this request, beside the session's; the session does not keep it.
    pub fn cookie(mut self, name: &str, value: &str) -> Self {
        let parts = self.parts();
        if let Err(error) = Cookies::check(name, value) {
            parts.fail(error);
        }
        if !parts.cookies.is_empty() {
            parts.cookies.push_str("; ");
        }
        parts.cookies.extend([name, "=", value]);
        self
    }

    /// Sends cookies with this request; see [`RequestBuilder::cookie`].
    pub fn cookies<N: AsRef<str>, V: AsRef<str>>(
        self,
        cookies: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let cookies = cookies.into_iter();
        cookies.fold(self, |request, (name, value)| request.cookie(name.as_ref(), value.as_ref()))
    }

    /// HTTP Basic authentication. Locust's `auth` with a pair.
    pub fn basic_auth(mut self, user: &str, password: &str) -> Self {
        self.parts().authorization = Some(site::basic(user, password));
        self
    }

    /// Credentials of one's own: `sign` sees the request as it is about to be sent, and returns the
    /// headers to add to it, which replace others of their names. It is called once for each hop of
    /// redirects, but not where credentials must not go: to other hosts. Locust's `auth` with a
    /// callable.
    ///
    /// ```ignore
    /// client.post("/order").json(&order).auth(move |request| {
    ///     let signature = sign(&key, request.method(), request.url(), request.body());
    ///     HeaderMap::from_iter([(HeaderName::from_static("x-signature"), signature)])
    /// }).await;
    /// ```
    pub fn auth(mut self, sign: impl Fn(&PreparedRequest) -> HeaderMap + 'static) -> Self {
        self.parts().signer = Some(Box::new(Signer::new(sign)));
        self
    }

    /// `Authorization: Bearer` with this token.
    pub fn bearer_auth(mut self, token: &str) -> Self {
        let parts = self.parts();
        match HeaderValue::try_from(format!("Bearer {token}")) {
            Ok(mut value) => {
                value.set_sensitive(true);
                parts.authorization = Some(value);
            }
            Err(error) => parts.fail(HttpError::invalid_part("token", error)),
        }
        self
    }

    /// Gives the request a value to carry along to the listeners of `request`, as
    /// [`RequestEvent::context`](hatchery_core::events::RequestEvent::context): one of each type,
    /// before the session's of that type. Locust's `context`.
    ///
    /// ```ignore
    /// client.get("/order").context(OrderId(42)).await;
    /// // where a program adds its listeners:
    /// events.request.add_listener(|request| {
    ///     if let Some(order) = request.context.get::<OrderId>() {
    ///         // …
    ///     }
    /// });
    /// ```
    pub fn context<T: fmt::Debug + Send + Sync + 'static>(mut self, value: T) -> Self {
        if self.session.0.has_listeners() {
            self.parts().context.insert(value);
        }
        self
    }

    /// How long the whole request may take, redirects included. Without a limit it may take for
    /// ever, as in Locust; whose `timeout` with one number is
    /// [`RequestBuilder::connect_timeout`] and [`RequestBuilder::read_timeout`] alike.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.parts().limits.total = Some(limit);
        self
    }

    /// How long a connection may take to be made, TLS included. Locust's first `timeout`.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.parts().limits.connect = Some(limit);
        self
    }

    /// How long the server may say nothing. Locust's second `timeout`.
    pub fn read_timeout(mut self, limit: Duration) -> Self {
        self.parts().limits.read = Some(limit);
        self
    }
}

/// Pairs as a query or a form has them, as Python writes them: what browsers do otherwise with two
/// characters would give an entry another name than Locust's.
pub(crate) fn urlencoded(
    pairs: &(impl Serialize + ?Sized),
) -> Result<String, serde_urlencoded::ser::Error> {
    let text = serde_urlencoded::to_string(pairs)?;
    match text.contains('*') || text.contains("%7E") {
        true => Ok(text.replace('*', "%2A").replace("%7E", "~")),
        false => Ok(text),
    }
}

impl<Mode> fmt::Debug for RequestBuilder<'_, Mode> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
