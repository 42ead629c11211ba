//! A base URL, and the targets of the paths below it.

use super::{
    origin::{Origin, UNIX},
    quote::{part, quoted, quoted_url},
    target::{Target, is_plain},
    turns::Turns,
};
use crate::{error::HttpError, local::Local};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use rustc_hash::FxHashMap;
use std::{borrow::Cow, cell::RefCell, rc::Rc};
use url::Url;

/// Paths of the program's text whose targets are kept. A program has tens of them; one that makes
/// more (by leaking strings) gets them made anew each time.
const TARGETS_MAX: usize = 4096;

/// A base URL as the sessions of a core share it.
#[derive(Debug)]
pub(crate) struct Site {
    /// `None` if it has none: then requests need whole URLs.
    base: Option<Result<Base, HttpError>>,
    /// By address and length of the path: it stands in the program's text, so no other text will
    /// ever be there.
    targets: RefCell<FxHashMap<(usize, usize), Rc<Target>>>,
    /// Which source addresses the sessions of this site have.
    pub(crate) turns: Turns,
}

#[derive(Debug)]
struct Base {
    origin: Rc<Origin>,
    /// The base URL's path, without a slash at its end.
    prefix: Box<str>,
    /// Whether it has one, so that a path needs none at its beginning.
    ends_in_slash: bool,
    /// From user and password in the URL.
    authorization: Option<HeaderValue>,
}

/// Whether sessions can be made for this base URL.
///
/// # Errors
/// What is wrong with it: no or another scheme, no host, a port that is no number.
pub fn check_base_url(url: &str) -> Result<(), HttpError> {
    Address::parse(url).map(drop)
}

/// The origin of a base URL.
pub(crate) fn origin(url: &str) -> Result<Origin, HttpError> {
    Ok(Address::parse(url)?.origin)
}

impl Site {
    pub(crate) fn new(local: &Local, base_url: Option<&str>) -> Site {
        let base = base_url.map(|url| Address::parse(url).map(|address| Base::of(local, address)));
        let turns = Turns::starting_at(local.first_turn);
        Site { base, targets: RefCell::default(), turns }
    }

    /// What is wrong with the base URL.
    pub(crate) fn error(&self) -> Option<&HttpError> {
        self.base.as_ref()?.as_ref().err()
    }

    /// `Authorization` for requests to this site, and its origin.
    pub(crate) fn authorization(&self) -> Option<(&Rc<Origin>, &HeaderValue)> {
        let base = self.base.as_ref()?.as_ref().ok()?;
        Some((&base.origin, base.authorization.as_ref()?))
    }

    /// The target of a path below the base URL, or of an absolute URL.
    pub(crate) fn target(
        &self,
        local: &Local,
        path: Cow<'static, str>,
        query: Option<&str>,
    ) -> Result<Rc<Target>, HttpError> {
        let (Cow::Borrowed(text), None) = (&path, query) else {
            return self.make(local, path, query).map(Rc::new);
        };
        let key = (text.as_ptr().addr(), text.len());
        if let Some(target) = self.targets.borrow().get(&key) {
            return Ok(Rc::clone(target));
        }
        let mut target = self.make(local, path, None)?;
        let mut targets = self.targets.borrow_mut();
        target.is_kept = targets.len() < TARGETS_MAX;
        let target = Rc::new(target);
        if target.is_kept {
            targets.insert(key, Rc::clone(&target));
        }
        Ok(target)
    }

    fn make(
        &self,
        local: &Local,
        path: Cow<'static, str>,
        query: Option<&str>,
    ) -> Result<Target, HttpError> {
        let path = match query {
            Some(query) => Cow::Owned(with_query(&path, query)),
            None => path,
        };
        if let Some((scheme, _)) = path.split_once("://")
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        {
            return absolute(local, &path);
        }
        let base = match &self.base {
            Some(Ok(base)) => base,
            Some(Err(error)) => return Err(error.clone()),
            None => return Err(HttpError::missing_schema(&path)),
        };
        if is_plain(&path) {
            return match path {
                Cow::Borrowed(path) if base.prefix.is_empty() => {
                    Target::of_static(&base.origin, path)
                }
                path if base.prefix.is_empty() => Target::of_path(&base.origin, path.into_owned()),
                path => Target::of_path(&base.origin, format!("{}{path}", base.prefix)),
            };
        }
        if !base.ends_in_slash && !path.is_empty() && !path.starts_with(['/', '?', '#']) {
            let reason = "a path must start with '/', a URL with http:// or https://";
            return Err(HttpError::invalid_url(&path, reason));
        }
        let slash = if base.ends_in_slash && !path.starts_with('/') { "/" } else { "" };
        let whole = format!("http://localhost{}{slash}{}", base.prefix, quoted(&path));
        let url = Url::parse(&whole).map_err(|error| HttpError::invalid_url(&path, error))?;
        Target::of_path(&base.origin, path_and_query(&url))
    }
}

/// The target of an absolute URL.
fn absolute(local: &Local, url: &str) -> Result<Target, HttpError> {
    let Address { origin, url, .. } = Address::parse(url)?;
    let mut target = Target::of_path(&local.share(origin), path_and_query(&url))?;
    target.authorization = credentials(&url);
    Ok(target)
}

fn path_and_query(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

impl Target {
    /// The target of a URL that is parsed already: where a redirect leads.
    pub(crate) fn of_url(local: &Local, url: &Url) -> Result<Target, HttpError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(HttpError::invalid_schema(url.as_str()));
        }
        Target::of_path(&local.share(Origin::of(url)?), path_and_query(url))
    }

    /// The target of a URL that is known to be of this origin.
    pub(crate) fn below(origin: &Rc<Origin>, url: &Url) -> Result<Target, HttpError> {
        Target::of_path(origin, path_and_query(url))
    }
}

fn with_query(path: &str, query: &str) -> String {
    let (path, fragment) = path.split_once('#').map_or((path, None), |(p, f)| (p, Some(f)));
    let whole = match path.split_once('?') {
        None => format!("{path}?{query}"),
        Some((_, "")) => format!("{path}{query}"),
        // Encoded by itself: what it has too much of says nothing of the other.
        Some((path, own)) => format!("{path}?{}&{query}", part(own)),
    };
    match fragment {
        Some(fragment) => format!("{whole}#{fragment}"),
        None => whole,
    }
}

/// A URL as somebody gave it, taken apart.
struct Address {
    origin: Origin,
    /// With path, query and credentials; that of a unix socket is one of `localhost`.
    url: Url,
    /// Whether its path is written with a slash at its end.
    ends_in_slash: bool,
}

impl Address {
    fn parse(text: &str) -> Result<Address, HttpError> {
        let invalid = |error| HttpError::invalid_url(text, error);
        if let Some(rest) = text.strip_prefix(UNIX) {
            let (socket, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let origin = Origin::of_unix(socket)?;
            let url = Url::parse(&format!("http://localhost{}", quoted(path))).map_err(invalid)?;
            return Ok(Address { origin, url, ends_in_slash: path.ends_with('/') });
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            let reason = format_args!("no scheme supplied; perhaps you meant http://{text}");
            return Err(HttpError::invalid_url(text, reason));
        };
        let http = http_of_websocket(text);
        let is = |known: &str| scheme.eq_ignore_ascii_case(known);
        if http.is_none() && !is("http") && !is("https") {
            return Err(HttpError::invalid_schema(text));
        }
        if rest.starts_with(['/', '\\', '?', '#']) {
            // A browser would look for the host further on.
            return Err(HttpError::invalid_url(text, "no host supplied"));
        }
        let url = Url::parse(&quoted_url(http.as_deref().unwrap_or(text))).map_err(invalid)?;
        let written = text.split(['?', '#']).next().unwrap_or_default();
        Ok(Address { origin: Origin::of(&url)?, url, ends_in_slash: written.ends_with('/') })
    }
}

impl Base {
    fn of(local: &Local, Address { origin, url, ends_in_slash }: Address) -> Base {
        Base {
            origin: local.share(origin),
            prefix: url.path().trim_end_matches('/').into(),
            ends_in_slash,
            authorization: credentials(&url),
        }
    }
}

/// The http URL under which a `ws://` or `wss://` URL is reached.
fn http_of_websocket(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    match () {
        () if scheme.eq_ignore_ascii_case("ws") => Some(format!("http://{rest}")),
        () if scheme.eq_ignore_ascii_case("wss") => Some(format!("https://{rest}")),
        () => None,
    }
}

pub(super) fn credentials(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some(basic(&decode(url.username()), &decode(url.password().unwrap_or_default())))
}

/// `Authorization` of HTTP Basic authentication.
pub(crate) fn basic(user: &str, password: &str) -> HeaderValue {
    let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let mut value = HeaderValue::try_from(value).expect("Base64 is ASCII");
    value.set_sensitive(true);
    value
}
