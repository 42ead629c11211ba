//! A simulated user's HTTP client.

use crate::{
    connection::{Http2Connections, Lease, Pool, Route, SessionTls},
    cookies::Cookies,
    defaults::Defaults,
    error::HttpError,
    local::Local,
    options::SessionOptions,
    request::{Challenge, OwnTerms, Parts, RequestBuilder},
    site::{Origin, Site},
    websocket::Upgrading,
};
use hatchery_core::{
    events::RequestContext,
    shard::{Shard, Ticket},
    user::Spawn,
};
use http::{HeaderName, HeaderValue, Method};
use std::{borrow::Cow, cell::RefCell, fmt, rc::Rc};

/// A user's HTTP client: it keeps cookies and connections between requests, and records each
/// request. Locust's `HttpSession`.
///
/// A path is appended to the base URL; an absolute URL is used as it is. Clones share cookies and
/// connections.
///
/// ```ignore
/// let response = self.client.get("/item/42").name("/item/[id]").await;
/// response.raise_for_status()?;
/// ```
#[derive(Clone)]
pub struct HttpSession(pub(crate) Rc<Inner>);

pub(crate) struct Inner {
    pub(crate) shard: Rc<Shard>,
    pub(crate) local: Rc<Local>,
    pub(crate) site: Rc<Site>,
    pub(crate) options: Rc<SessionOptions>,
    /// Which source address its own connections have.
    pub(crate) turn: usize,
    pub(crate) cookies: Cookies,
    pub(crate) pool: Pool,
    /// `None` if HTTP/1.1 alone is spoken.
    pub(crate) http2: Option<Rc<Http2Connections>>,
    /// `None` if it gives its requests nothing.
    pub(crate) defaults: RefCell<Option<Box<Defaults>>>,
    pub(crate) tls: SessionTls,
    is_quick: bool,
    /// What a server last wanted to have answered by Digest authentication.
    pub(crate) challenge: RefCell<Option<Box<Challenge>>>,
    /// Name of the requests that are given none.
    request_name: RefCell<Option<Cow<'static, str>>>,
    context: RefCell<RequestContext>,
}

impl HttpSession {
    /// A session for a new user: base URL from [`Spawn::host`], options from the command line.
    ///
    /// Without a base URL only absolute URLs can be requested. One that is no use is reported by
    /// each request, as [`HttpError::is_invalid_url`]; see [`crate::check_base_url`].
    pub fn new(spawn: &Spawn<'_>) -> HttpSession {
        HttpSession::make(spawn.shard(), spawn.host(), None)
    }

    /// A session with a base URL of its own: `http://`, `https://`, or `http+unix://` with the
    /// socket's path encoded (`http+unix://%2Frun%2Fapp.sock/path`). User and password in it are
    /// sent as HTTP Basic authentication, to its own origin only.
    ///
    /// Paths are appended to it; between the two is one slash, so that a path needs none where the
    /// base URL ends with one. What a path must not hold is encoded, and what is encoded without
    /// need decoded (`%41`), as by python-requests; its dots are resolved even if they are written
    /// `%2e`, as by browsers.
    ///
    /// # Errors
    /// When the URL is of no use.
    pub fn with_base_url(shard: &Rc<Shard>, url: &str) -> Result<HttpSession, HttpError> {
        HttpSession::make(shard, Some(url), None).checked()
    }

    /// A session with options of its own.
    ///
    /// # Errors
    /// When the URL is of no use.
    pub fn with_options(
        shard: &Rc<Shard>,
        url: &str,
        options: SessionOptions,
    ) -> Result<HttpSession, HttpError> {
        HttpSession::make(shard, Some(url), Some(Rc::new(options))).checked()
    }

    /// The session, if its base URL is of use.
    fn checked(self) -> Result<HttpSession, HttpError> {
        match self.0.site.error() {
            Some(error) => Err(error.clone()),
            None => Ok(self),
        }
    }

    fn make(
        shard: &Rc<Shard>,
        base_url: Option<&str>,
        options: Option<Rc<SessionOptions>>,
    ) -> HttpSession {
        let local = Local::of(shard);
        let options = options.unwrap_or_else(|| Rc::clone(&local.options));
        let site = local.site(base_url);
        let (pool, http2) = local.pool(&options);
        let is_quick = options.lean
            && options.requests_per_connection == 0
            && options.proxies.is_empty()
            && http2.is_none()
            && !pool.is_shared()
            && !shard.common().phases;
        HttpSession(Rc::new(Inner {
            shard: Rc::clone(shard),
            turn: site.turns.take(),
            site,
            pool,
            http2,
            options,
            local,
            cookies: Cookies::default(),
            defaults: RefCell::default(),
            tls: SessionTls::default(),
            is_quick,
            challenge: RefCell::default(),
            request_name: RefCell::default(),
            context: RefCell::default(),
        }))
    }

    /// A GET request.
    pub fn get(&self, path: impl Into<Cow<'static, str>>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::GET, path.into())
    }

    /// A POST request; see [`RequestBuilder::json`], [`RequestBuilder::form`] and
    /// [`RequestBuilder::body`].
    pub fn post(&self, path: impl Into<Cow<'static, str>>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::POST, path.into())
    }

    /// A PUT request.
    pub fn put(&self, path: impl Into<Cow<'static, str>>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::PUT, path.into())
    }

    /// A PATCH request.
    pub fn patch(&self, path: impl Into<Cow<'static, str>>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::PATCH, path.into())
    }

    /// A DELETE request.
    pub fn delete(&self, path: impl Into<Cow<'static, str>>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::DELETE, path.into())
    }

    /// A HEAD request. Its redirects are not followed unless it is told to.
    pub fn head(&self, path: impl Into<Cow<'static, str>>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::HEAD, path.into())
    }

    /// An OPTIONS request.
    pub fn options(&self, path: impl Into<Cow<'static, str>>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, Method::OPTIONS, path.into())
    }

    /// Asks for a WebSocket, whatever HTTP the session speaks otherwise: with its cookies, headers
    /// and credentials, to a path or to a `ws://`, `wss://`, `http://` or `https://` URL. Awaited,
    /// it is recorded as one sample of type `WS`, by its path unless it is given a name. A challenge
    /// of Digest authentication is answered; redirects are not followed, and there is no body: see
    /// [`Responding`](crate::Responding). Every proxy is passed through a tunnel, also without TLS.
    ///
    /// ```ignore
    /// let mut socket = self.client.websocket("/chat").subprotocols(["v2.chat"]).await?;
    /// let answer = socket.call("hello").await?;
    /// socket.close().await?;
    /// ```
    pub fn websocket(&self, path: impl Into<Cow<'static, str>>) -> RequestBuilder<'_, Upgrading> {
        RequestBuilder::new(self, Method::GET, path.into())
    }

    /// A request with any method.
    pub fn request(
        &self,
        method: Method,
        path: impl Into<Cow<'static, str>>,
    ) -> RequestBuilder<'_> {
        RequestBuilder::new(self, method, path.into())
    }

    /// Gives all requests this name, until what it returns is dropped; a request's own
    /// [`RequestBuilder::name`] comes first. Locust's `rename_request`.
    pub fn rename_request(&self, name: impl Into<Cow<'static, str>>) -> Renamed {
        let before = self.0.request_name.replace(Some(name.into()));
        Renamed { session: self.clone(), before }
    }

    /// Gives all requests from now on a value to carry along to the listeners of `request`; see
    /// [`RequestBuilder::context`]. What Locust's `User.context()` returns.
    ///
    /// ```ignore
    /// async fn on_start(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
    ///     self.client.set_context(Tenant("north"));
    ///     Ok(())
    /// }
    /// ```
    pub fn set_context<T: fmt::Debug + Send + Sync + 'static>(&self, value: T) {
        self.0.context.borrow_mut().insert(value);
    }

    /// Gives requests nothing more to carry along but what each is given itself.
    pub fn clear_context(&self) {
        self.0.context.take();
    }

    /// The value of the session's first cookie of this name.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.0.cookies.get(name)
    }

    /// Sets a cookie for the base URL's host.
    ///
    /// # Errors
    /// When the session has no base URL, or name or value have a character that no header has.
    pub fn set_cookie(&self, name: &str, value: &str) -> Result<(), HttpError> {
        Cookies::check(name, value)?;
        let target = self.0.site.target(&self.0.local, Cow::Borrowed("/"), None)?;
        self.0.cookies.set(name, value, &target);
        Ok(())
    }

    /// Forgets all cookies.
    pub fn clear_cookies(&self) {
        self.0.cookies.clear();
    }

    /// Closes the idle connections; the next request opens a new one. Those of a shared pool stay:
    /// others use them too.
    pub fn close(&self) {
        self.0.pool.clear();
        let http2 = self.0.http2.as_ref();
        if let Some(http2) = http2.filter(|_| !self.0.pool.is_shared()) {
            http2.clear();
        }
    }

    /// The core that it lives on.
    pub fn shard(&self) -> &Rc<Shard> {
        &self.0.shard
    }
}

impl fmt::Debug for HttpSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSession")
            .field("site", &self.0.site)
            .field("cookies", &self.0.cookies)
            .finish_non_exhaustive()
    }
}

/// While it lives, requests have the name given to [`HttpSession::rename_request`].
#[derive(Debug)]
#[must_use = "the name is taken back when it is dropped"]
pub struct Renamed {
    session: HttpSession,
    before: Option<Cow<'static, str>>,
}

impl Drop for Renamed {
    fn drop(&mut self) {
        *self.session.0.request_name.borrow_mut() = self.before.take();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.site.turns.give_back(self.turn);
    }
}

impl Inner {
    #[inline]
    pub(crate) fn request_name(&self) -> Option<Cow<'static, str>> {
        self.request_name.borrow().clone()
    }

    /// Whether anybody on this core listens to requests.
    #[inline]
    pub(crate) fn has_listeners(&self) -> bool {
        !self.shard.events().request.is_empty()
    }

    /// Begins a request, with what it is to carry along if anybody listens: the session's values,
    /// and over them its own.
    #[inline]
    pub(crate) fn begin(&self, parts: Option<&Parts>) -> Ticket {
        let mut ticket = self.shard.begin();
        if self.has_listeners() {
            let context = ticket.context_mut();
            context.merge(&self.context.borrow());
            if let Some(parts) = parts {
                context.merge(&parts.context);
            }
        }
        ticket
    }

    /// Whether its requests may take the short way: each user has connections of its own, which speak
    /// HTTP/1.1 without a proxy, serve any number of requests and are not timed by phases.
    #[inline]
    pub(crate) fn may_be_quick(&self) -> bool {
        self.is_quick
    }

    /// The way to an origin: plainly, unless the request or the session sets terms.
    #[inline]
    pub(crate) fn route(
        &self,
        own: Option<&OwnTerms>,
        origin: &Rc<Origin>,
    ) -> Result<Route, HttpError> {
        let terms = match own {
            None if self.options.proxies.is_empty() => None,
            own => OwnTerms::settle(own, self, origin)?,
        };
        Ok(Route { origin: Rc::clone(origin), terms })
    }

    /// Keeps a connection, of which a response has been read, for the next request.
    #[inline]
    pub(crate) fn give_back(&self, lease: Lease) -> Result<(), HttpError> {
        self.pool.give_back(lease, self.options.requests_per_connection)
    }

    /// Whether the session has headers of its own.
    #[inline]
    pub(crate) fn has_headers(&self) -> bool {
        self.defaults.borrow().as_ref().is_some_and(|defaults| !defaults.headers.is_empty())
    }

    /// Calls `each` with the session's own headers.
    #[inline]
    pub(crate) fn for_headers(&self, mut each: impl FnMut(&HeaderName, &HeaderValue)) {
        if let Some(defaults) = &*self.defaults.borrow() {
            defaults.headers.iter().for_each(|(name, value)| each(name, value));
        }
    }

    /// The parts of a request with what the session adds to them.
    #[inline]
    pub(crate) fn complete(&self, parts: Option<Box<Parts>>) -> Option<Box<Parts>> {
        match &*self.defaults.borrow() {
            None => parts,
            Some(defaults) => defaults.complete(parts),
        }
    }
}
