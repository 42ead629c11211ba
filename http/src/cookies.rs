//! A session's cookies.

use crate::{
    error::HttpError,
    site::{Origin, Target},
};
use cookie_store::{Cookie, CookieExpiration, CookieStore, RawCookie};
use http::{HeaderMap, HeaderValue, header::SET_COOKIE};
use std::{cell::RefCell, cmp::Reverse, fmt, rc::Rc};

/// Cookies that a session holds, by the rules of RFC 6265. Locust's users each have one.
#[derive(Default)]
pub(crate) struct Cookies {
    /// Empty, and not even allocated, until a server sets one.
    jar: RefCell<Option<Box<Jar>>>,
}

#[derive(Default)]
struct Jar {
    store: CookieStore,
    /// The header of the last request, where it is that of all requests to an origin.
    ready: Option<Ready>,
}

/// A `Cookie` header that holds for every path of an origin.
struct Ready {
    origin: Rc<Origin>,
    header: Option<HeaderValue>,
}

/// Cookies taken from one response, and held of one domain. RFC 6265, section 6.1, asks for 50.
const DOMAIN_COOKIES_MAX: usize = 64;

/// Bytes of a cookie with its attributes: what RFC 6265, section 6.1, asks for. Browsers ignore
/// larger ones too.
const COOKIE_BYTES_MAX: usize = 4096;

/// Cookies that a session holds. Browsers keep about 3,000; a user of a load test is one visitor
/// of a few sites.
const COOKIES_MAX: usize = 1_000;

impl Cookies {
    /// Takes the cookies that a response sets. One too many or too large is ignored; those that are
    /// there already may change and expire.
    pub(crate) fn store(&self, headers: &HeaderMap, target: &Target) {
        let mut jar = self.jar.borrow_mut();
        let Jar { store, ready } = &mut **jar.get_or_insert_default();
        *ready = None;
        for value in headers.get_all(SET_COOKIE).iter().take(DOMAIN_COOKIES_MAX) {
            if value.len() > COOKIE_BYTES_MAX {
                continue;
            }
            let text = String::from_utf8_lossy(value.as_bytes());
            let Ok(raw) = RawCookie::parse(text) else { continue };
            // One that is meant for another domain is not for us to keep.
            let Ok(cookie) = Cookie::try_from_raw_cookie(&raw, target.url()) else { continue };
            let cookie = cookie.into_owned();
            if has_room(store, &cookie) {
                let _ = store.insert(cookie, target.url());
            }
        }
    }

    /// Value of the `Cookie` header: `own`, then the session's for this target.
    #[inline]
    pub(crate) fn header(&self, target: &Target, own: &str) -> Option<HeaderValue> {
        let mut jar = self.jar.borrow_mut();
        let Some(jar) = &mut *jar else { return joined(own, []) };
        if !own.is_empty() {
            return jar.header(own, target);
        }
        if let Some(ready) = &jar.ready
            && Rc::ptr_eq(&ready.origin, &target.origin)
        {
            return ready.header.clone();
        }
        let header = jar.header("", target);
        if jar.is_for_all_paths() {
            let origin = Rc::clone(&target.origin);
            jar.ready = Some(Ready { origin, header: header.clone() });
        }
        header
    }

    /// Whether there never was one, or all were cleared.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.jar.borrow().is_none()
    }

    /// The value of the first cookie of a name.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let jar = self.jar.borrow();
        let mut cookies = jar.as_ref()?.store.iter_unexpired();
        cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
    }

    /// Whether a cookie can be sent: one that cannot would take all others with it.
    pub(crate) fn check(name: &str, value: &str) -> Result<(), HttpError> {
        let is_good = |text: &str| HeaderValue::from_str(text).is_ok();
        match is_good(name) && is_good(value) {
            true => Ok(()),
            false => Err(HttpError::invalid(format_args!(
                "the cookie {name:?} with the value {value:?}: no header has a control character; \
                 encode it as the server expects"
            ))),
        }
    }

    /// Sets a cookie as if the target had sent it.
    pub(crate) fn set(&self, name: &str, value: &str, target: &Target) {
        let mut jar = self.jar.borrow_mut();
        let Jar { store, ready } = &mut **jar.get_or_insert_default();
        *ready = None;
        let cookie = RawCookie::build((name.to_owned(), value.to_owned())).path("/").build();
        let _ = store.insert_raw(&cookie, target.url());
    }

    pub(crate) fn clear(&self) {
        *self.jar.borrow_mut() = None;
    }
}

impl Jar {
    /// `own`, and the cookies for a target: those of longer paths first, the older of equally long
    /// ones before the younger (RFC 6265, section 5.4).
    fn header(&self, own: &str, target: &Target) -> Option<HeaderValue> {
        let is_secure = target.origin.tls.is_some();
        let mut cookies = self.store.matches(target.url());
        // The store lets secure ones go to this machine without TLS, which python-requests does not.
        cookies.retain(|cookie| is_secure || cookie.secure() != Some(true));
        cookies.sort_by_key(|cookie| Reverse(cookie.path.len()));
        joined(own, cookies.into_iter().map(|cookie| cookie.name_value()))
    }

    /// Whether every cookie goes to all paths of its host, and none ends with time: then what one
    /// request of an origin is given, the next is given too.
    fn is_for_all_paths(&self) -> bool {
        let mut cookies = self.store.iter_any();
        cookies.all(|cookie| {
            &*cookie.path == "/" && matches!(cookie.expires, CookieExpiration::SessionEnd)
        })
    }
}

/// `own`, and pairs after it; `None` if that is nothing.
fn joined<'p>(
    own: &str,
    pairs: impl IntoIterator<Item = (&'p str, &'p str)>,
) -> Option<HeaderValue> {
    let mut text = own.to_owned();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.extend([name, "=", value]);
    }
    if text.is_empty() {
        return None;
    }
    HeaderValue::try_from(text).ok()
}

/// Whether a cookie may be kept: it takes the place of another, or there are not too many. Expired
/// ones make room first.
fn has_room(store: &mut CookieStore, cookie: &Cookie<'_>) -> bool {
    let (mut n_cookies, mut n_of_domain) = (0, 0);
    for known in store.iter_any() {
        n_cookies += 1;
        if known.domain == cookie.domain {
            n_of_domain += 1;
            if known.name() == cookie.name() && known.path == cookie.path {
                return true;
            }
        }
    }
    if n_cookies < COOKIES_MAX && n_of_domain < DOMAIN_COOKIES_MAX {
        return true;
    }
    let expired = store.iter_any().filter(|known| known.is_expired());
    let key = |known: &Cookie<'_>| {
        (String::from(&known.domain), String::from(&known.path), known.name().to_owned())
    };
    let expired: Vec<_> = expired.map(key).collect();
    for (domain, path, name) in &expired {
        store.remove(domain, path, name);
    }
    let of_domain = store.iter_any().filter(|known| known.domain == cookie.domain);
    of_domain.count() < DOMAIN_COOKIES_MAX && store.iter_any().count() < COOKIES_MAX
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jar = self.jar.borrow();
        let n_cookies = jar.as_ref().map_or(0, |jar| jar.store.iter_any().count());
        f.debug_struct("Cookies").field("n_cookies", &n_cookies).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{local::Local, options::SessionOptions};

    fn set(jar: &Cookies, target: &Target, line: &str) {
        let line = HeaderValue::try_from(line).expect("a header");
        jar.store(&HeaderMap::from_iter([(SET_COOKIE, line)]), target);
    }

    fn n_held(jar: &Cookies) -> usize {
        jar.jar.borrow().as_ref().map_or(0, |jar| jar.store.iter_any().count())
    }

    #[test]
    fn expired_cookies_make_room_and_nothing_grows_without_end() {
        let local = Local::new(SessionOptions::default(), 0);
        let url = "http://example.org/".parse().expect("a URL");
        let target = Target::of_url(&local, &url).expect("a target");
        let jar = Cookies::default();
        for i in 0..1_000 {
            set(&jar, &target, &format!("c{i}=1"));
            set(&jar, &target, &format!("c{i}=1; max-age=0"));
            assert!(n_held(&jar) <= DOMAIN_COOKIES_MAX);
        }
        set(&jar, &target, "last=1");
        assert_eq!(jar.get("last").as_deref(), Some("1"));
        for i in 0..1_000 {
            set(&jar, &target, &format!("d{i}=1"));
        }
        set(&jar, &target, "last=2");
        assert_eq!((jar.get("last").as_deref(), n_held(&jar)), (Some("2"), DOMAIN_COOKIES_MAX));
        set(&jar, &target, &format!("last={}", "x".repeat(COOKIE_BYTES_MAX)));
        assert_eq!(jar.get("last").as_deref(), Some("2"));
    }
}
