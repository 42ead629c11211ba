//! A session's cookies.

use crate::site::Target;
use cookie_store::{CookieStore, RawCookie};
use http::{HeaderMap, HeaderValue, header::SET_COOKIE};
use std::{cell::RefCell, fmt};

/// Cookies that a session holds, by the rules of RFC 6265. Locust's users each have one.
#[derive(Default)]
pub(crate) struct Cookies {
    /// Empty, and not even allocated, until a server sets one.
    store: RefCell<Option<Box<CookieStore>>>,
}

/// Cookies taken from one response; browsers stop at about 50 per domain.
const SET_COOKIES_MAX: usize = 64;

/// Cookies that a session holds. Browsers keep about 3,000; a user of a load test is one visitor
/// of a few sites.
const COOKIES_MAX: usize = 1_000;

impl Cookies {
    /// Takes the cookies that a response sets.
    pub(crate) fn store(&self, headers: &HeaderMap, target: &Target) {
        let mut store = self.store.borrow_mut();
        let store = store.get_or_insert_default();
        for value in headers.get_all(SET_COOKIE).iter().take(SET_COOKIES_MAX) {
            let text = String::from_utf8_lossy(value.as_bytes());
            let Ok(cookie) = RawCookie::parse(text) else { continue };
            if store.iter_any().nth(COOKIES_MAX - 1).is_some() {
                return;
            }
            // One that is meant for another domain is not for us to keep.
            let _ = store.insert_raw(&cookie.into_owned(), target.url());
        }
    }

    /// Value of the `Cookie` header: `own`, then the session's for this target.
    #[inline]
    pub(crate) fn header(&self, target: &Target, own: &str) -> Option<HeaderValue> {
        let store = self.store.borrow();
        if store.is_none() && own.is_empty() {
            return None;
        }
        let mut text = own.to_owned();
        if let Some(store) = &*store {
            for (name, value) in store.get_request_values(target.url()) {
                if !text.is_empty() {
                    text.push_str("; ");
                }
                text.extend([name, "=", value]);
            }
        }
        if text.is_empty() {
            return None;
        }
        HeaderValue::try_from(text).ok()
    }

    /// The value of the first cookie of a name.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let store = self.store.borrow();
        let mut cookies = store.as_ref()?.iter_unexpired();
        cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
    }

    /// Sets a cookie as if the target had sent it.
    pub(crate) fn set(&self, name: &str, value: &str, target: &Target) {
        let mut store = self.store.borrow_mut();
        let cookie = RawCookie::build((name.to_owned(), value.to_owned())).path("/").build();
        let _ = store.get_or_insert_default().insert_raw(&cookie, target.url());
    }

    pub(crate) fn clear(&self) {
        *self.store.borrow_mut() = None;
    }
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = self.store.borrow();
        let n_cookies = store.as_ref().map_or(0, |store| store.iter_any().count());
        f.debug_struct("Cookies").field("n_cookies", &n_cookies).finish()
    }
}
