//! Where a connection leads, and on which terms.

use crate::{
    error::HttpError,
    site::{Origin, Proxy},
    trust::Trust,
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::{
    cell::{Cell, RefCell},
    hash::{Hash, Hasher},
    rc::Rc,
};

/// Proxies known by their URLs, as many as there are origins.
const PROXIES_MAX: usize = 1024;

/// Terms with a trust of their own that are known before those that nobody uses are forgotten.
const TRUSTS_MIN: usize = 64;

/// An origin, and the terms on which it is connected to where they are not the plain ones.
/// Connections of one route serve the same requests.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) origin: Rc<Origin>,
    /// In one, so that a plain request, and each idle connection, carries one word for both.
    pub(crate) terms: Option<Rc<Terms>>,
}

/// A proxy on the way, and a trust that is not the session's.
#[derive(Debug)]
pub(crate) struct Terms {
    proxy: Option<Rc<Proxy>>,
    trust: Option<Trust>,
}

impl Route {
    /// The proxy on the way, if there is one.
    pub(super) fn proxy(&self) -> Option<&Proxy> {
        self.terms.as_ref()?.proxy.as_deref()
    }

    /// The proxy that is to pass requests on one by one, if there is such a one. Through a tunnel
    /// for TLS they go as to the origin itself.
    #[inline]
    pub(crate) fn forwarder(&self) -> Option<&Proxy> {
        self.terms.as_ref()?.proxy.as_deref().filter(|_| self.origin.tls.is_none())
    }

    /// What tells it from others as long as it lives.
    pub(super) fn key(&self) -> (usize, usize) {
        let terms = self.terms.as_ref().map_or(0, |terms| Rc::as_ptr(terms).addr());
        (Rc::as_ptr(&self.origin).addr(), terms)
    }
}

impl PartialEq for Route {
    /// Origins and terms are shared by a core, so that their addresses tell them apart.
    #[inline]
    fn eq(&self, other: &Route) -> bool {
        self.key() == other.key()
    }
}

impl Terms {
    /// Whom it trusts, if not whom the session does.
    pub(super) fn trust(&self) -> Option<&Trust> {
        self.trust.as_ref()
    }

    fn proxy_addr(&self) -> usize {
        self.proxy.as_ref().map_or(0, |proxy| Rc::as_ptr(proxy).addr())
    }
}

impl PartialEq for Terms {
    fn eq(&self, other: &Terms) -> bool {
        self.proxy_addr() == other.proxy_addr() && self.trust == other.trust
    }
}

impl Eq for Terms {}

impl Hash for Terms {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.proxy_addr().hash(state);
        self.trust.hash(state);
    }
}

/// The terms of a core's requests.
#[derive(Debug)]
pub(crate) struct KnownTerms {
    /// Those with a proxy and nothing else, by its URL.
    by_proxy: RefCell<FxHashMap<Box<str>, Rc<Terms>>>,
    by_trust: RefCell<FxHashSet<Rc<Terms>>>,
    /// How many of the latter there may be until those that nobody uses are forgotten.
    by_trust_max: Cell<usize>,
}

impl Default for KnownTerms {
    fn default() -> KnownTerms {
        KnownTerms {
            by_proxy: RefCell::default(),
            by_trust: RefCell::default(),
            by_trust_max: Cell::new(TRUSTS_MIN),
        }
    }
}

impl KnownTerms {
    /// The terms with a proxy of this URL and this trust, always the same ones while anybody has
    /// them; `None` if there is neither.
    pub(crate) fn get(
        &self,
        proxy: Option<&str>,
        trust: Option<Trust>,
    ) -> Result<Option<Rc<Terms>>, HttpError> {
        let proxied = proxy.map(|url| self.proxied(url)).transpose()?;
        let Some(trust) = trust else { return Ok(proxied) };
        let proxy = proxied.and_then(|terms| terms.proxy.clone());
        let terms = Terms { proxy, trust: Some(trust) };
        let mut known = self.by_trust.borrow_mut();
        if let Some(known) = known.get(&terms) {
            return Ok(Some(Rc::clone(known)));
        }
        if known.len() >= self.by_trust_max.get() {
            // As many as there are connections and requests under way, twice at most.
            known.retain(|known| Rc::strong_count(known) > 1);
            self.by_trust_max.set(TRUSTS_MIN.max(known.len() * 2));
        }
        let terms = Rc::new(terms);
        known.insert(Rc::clone(&terms));
        Ok(Some(terms))
    }

    fn proxied(&self, url: &str) -> Result<Rc<Terms>, HttpError> {
        let mut known = self.by_proxy.borrow_mut();
        if let Some(known) = known.get(url) {
            return Ok(Rc::clone(known));
        }
        let terms = Rc::new(Terms { proxy: Some(Rc::new(Proxy::parse(url)?)), trust: None });
        if known.len() >= PROXIES_MAX {
            known.retain(|_, known| Rc::strong_count(known) > 1);
        }
        if known.len() < PROXIES_MAX {
            known.insert(url.into(), Rc::clone(&terms));
        }
        Ok(terms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::Verify;

    fn trusting(name: usize) -> Trust {
        Trust { verify: Verify::By(name.to_string().into()), client_cert: None }
    }

    #[track_caller]
    fn get(known: &KnownTerms, proxy: Option<&str>, trust: Option<Trust>) -> Rc<Terms> {
        known.get(proxy, trust).expect("a good URL").expect("some terms")
    }

    #[test]
    fn equal_terms_are_the_same_ones_and_others_are_others() {
        let known = KnownTerms::default();
        assert!(known.get(None, None).expect("nothing to parse").is_none());
        let make = || {
            let proxies = [None, Some("http://a:1"), Some("http://b:1")];
            let trusts = [None, Some(trusting(0)), Some(trusting(1))];
            let all = proxies.map(|proxy| trusts.clone().map(|trust| (proxy, trust)));
            let all = all.into_iter().flatten().filter(|it| *it != (None, None));
            all.map(|(proxy, trust)| get(&known, proxy, trust)).collect::<Vec<_>>()
        };
        let (first, second) = (make(), make());
        for (i, a) in first.iter().enumerate() {
            for (j, b) in second.iter().enumerate() {
                assert_eq!(Rc::ptr_eq(a, b), i == j, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn those_in_use_stay_known_however_many_others_come() {
        let known = KnownTerms::default();
        let held: Vec<_> = (0..300).map(|name| get(&known, None, Some(trusting(name)))).collect();
        for name in 300..10_000 {
            get(&known, None, Some(trusting(name)));
            assert!(known.by_trust.borrow().len() <= 600);
        }
        for (name, held) in held.iter().enumerate() {
            assert!(Rc::ptr_eq(held, &get(&known, None, Some(trusting(name)))));
        }
        drop(held);
        (0..1_000).for_each(|name| drop(get(&known, None, Some(trusting(name)))));
        assert!(known.by_trust.borrow().len() <= 600);
    }
}
