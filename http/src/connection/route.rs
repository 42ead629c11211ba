//! Where a connection leads.

use crate::site::{Origin, Proxy};
use std::rc::Rc;

/// An origin, and the proxy on the way there. Connections of one route serve the same requests.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) origin: Rc<Origin>,
    pub(crate) proxy: Option<Rc<Proxy>>,
}

impl Route {
    /// The proxy that is to pass requests on one by one, if there is such a one. Through a tunnel
    /// for TLS they go as to the origin itself.
    #[inline]
    pub(crate) fn forwarder(&self) -> Option<&Proxy> {
        self.proxy.as_deref().filter(|_| self.origin.tls.is_none())
    }

    /// What tells it from others as long as it lives.
    pub(super) fn key(&self) -> (usize, usize) {
        let proxy = self.proxy.as_ref().map_or(0, |proxy| Rc::as_ptr(proxy).addr());
        (Rc::as_ptr(&self.origin).addr(), proxy)
    }
}

impl PartialEq for Route {
    /// Origins and proxies are shared by a core, so that their addresses tell them apart.
    #[inline]
    fn eq(&self, other: &Route) -> bool {
        self.key() == other.key()
    }
}
