//! Which requests go through which proxy.

use crate::{
    error::HttpError,
    site::{Origin, Proxy, host_name},
};
use url::Host;

/// The proxies of a session: Locust's `proxies`. The environment's `HTTP_PROXY` and its kin are
/// not looked at, as in Locust.
///
/// A key says which requests a proxy is for, the first that fits of `https://shop.test` (a scheme
/// and a host), `https`, `all://shop.test` and `all`. Requests for `http://` are passed on by the
/// proxy, those for `https://` go through a tunnel (`CONNECT`), unix sockets are never proxied.
///
/// ```
/// use hatchery_http::{Proxies, SessionOptions};
///
/// let proxies = Proxies::all("http://user:password@proxy.test:3128")?
///     .with("https", "http://127.0.0.1:8888")?
///     .without("http://localhost")?;
/// let options = SessionOptions { proxies, ..SessionOptions::default() };
/// # Ok::<(), hatchery_http::HttpError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Keys, and the URLs of their proxies.
    by_key: Vec<(Key, Option<Box<str>>)>,
}

/// Which requests a proxy is for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    /// `http`, `https` or `all`.
    scheme: &'static str,
    /// `None` for all hosts.
    host: Option<Box<str>>,
}

impl Proxies {
    /// One proxy for everything.
    ///
    /// # Errors
    /// When the URL is of no use.
    pub fn all(url: &str) -> Result<Proxies, HttpError> {
        Proxies::default().with("all", url)
    }

    /// Adds a proxy for a key, in the place of any that it has.
    ///
    /// # Errors
    /// When the key or the URL is of no use.
    pub fn with(self, key: &str, url: &str) -> Result<Proxies, HttpError> {
        Proxy::parse(url)?;
        self.set(key, Some(url.into()))
    }

    /// Lets the requests of a key do without a proxy. python-requests' `None`.
    ///
    /// # Errors
    /// When the key is of no use.
    pub fn without(self, key: &str) -> Result<Proxies, HttpError> {
        self.set(key, None)
    }

    fn set(mut self, key: &str, url: Option<Box<str>>) -> Result<Proxies, HttpError> {
        let Some(parsed) = Key::parse(key) else {
            let reason = "which requests it is for must be http, https, all, or one of them with \
                          a host and no port, such as https://shop.test";
            return Err(HttpError::invalid_proxy(key, reason));
        };
        self.by_key.retain(|(known, _)| *known != parsed);
        self.by_key.push((parsed, url));
        Ok(self)
    }

    /// Whether there are none.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The URL of the proxy for an origin.
    pub(crate) fn select(&self, origin: &Origin) -> Option<&str> {
        let (scheme, host) = (origin.scheme()?, origin.host()?);
        let find = |scheme: &str, host: Option<&str>| {
            let is = |key: &Key| key.scheme == scheme && key.host.as_deref() == host;
            self.by_key.iter().find(|(key, _)| is(key))
        };
        let (_, url) = find(scheme, Some(host))
            .or_else(|| find(scheme, None))
            .or_else(|| find("all", Some(host)))
            .or_else(|| find("all", None))?;
        url.as_deref()
    }
}

impl Key {
    fn parse(text: &str) -> Option<Key> {
        let (scheme, host) = match text.split_once("://") {
            Some((scheme, host)) => (scheme, Some(host)),
            None => (text, None),
        };
        let mut known = ["http", "https", "all"].into_iter();
        let scheme = known.find(|known| scheme.eq_ignore_ascii_case(known))?;
        let host = match host {
            // In brackets, as in a URL, or without.
            Some(host) => Some(match host.parse() {
                Ok(ip) => Host::Ipv6(ip),
                Err(_) => Host::parse(host).ok()?,
            }),
            None => None,
        };
        Some(Key { scheme, host: host.map(|host| host_name(&host).into()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn selected(proxies: &Proxies, url: &str) -> Option<String> {
        let origin = Origin::of(&url.parse().expect("a URL")).expect("an origin");
        proxies.select(&origin).map(str::to_owned)
    }

    #[test]
    fn the_key_that_says_most_comes_first() {
        let proxies = Proxies::all("http://all:1")
            .and_then(|proxies| proxies.with("all://shop.test", "http://host:1"))
            .and_then(|proxies| proxies.with("HTTP", "http://scheme:1"))
            .and_then(|proxies| proxies.without("http://shop.test"))
            .expect("good keys");
        let is = |url, expected: Option<&str>| {
            assert_eq!(selected(&proxies, url).as_deref(), expected, "{url}");
        };
        is("http://shop.test:8080/", None);
        is("http://other.test/", Some("http://scheme:1"));
        is("https://shop.test/", Some("http://host:1"));
        is("https://other.test/", Some("http://all:1"));
        let proxies = Proxies::default()
            .with("http://[::1]", "http://six:1")
            .and_then(|proxies| proxies.with("all://BÜCHER.test", "http://books:1"))
            .expect("good keys");
        assert_eq!(selected(&proxies, "http://[::1]:8080/").as_deref(), Some("http://six:1"));
        assert_eq!(selected(&proxies, "https://bücher.test/").as_deref(), Some("http://books:1"));
        assert_eq!(selected(&Proxies::default(), "http://shop.test/"), None);
    }

    #[test]
    fn keys_and_urls_of_no_use_are_named() {
        let text = |made: Result<Proxies, HttpError>| made.expect_err("no use").to_string();
        assert!(text(Proxies::default().with("ftp", "http://a:1")).contains("'ftp'"));
        assert!(text(Proxies::default().with("http://", "http://a:1")).contains("'http://'"));
        // Requests are told apart by their host, so that one with a port would never be found.
        let with_port = text(Proxies::default().with("http://shop.test:8080", "http://a:1"));
        assert!(with_port.contains("'http://shop.test:8080'") && with_port.contains("no port"));
        assert!(text(Proxies::all("socks5://a:1")).contains("'socks5://a:1'"));
        assert!(text(Proxies::all("http://")).contains("'http://'"));
        assert!(Proxies::all("proxy.test:3128").is_ok());
    }
}
