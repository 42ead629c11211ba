//! A connection in the hands of a request.

use super::{Connection, Route, shared::Slot};

/// A connection, and what is known of it beside its bytes.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) connection: Connection,
    pub(crate) route: Route,
    /// Requests sent on it so far.
    n_requests: u32,
    /// Its place in a shared pool, where there is one.
    pub(super) slot: Option<Slot>,
}

impl Lease {
    /// A new connection.
    pub(super) fn new(connection: Connection, route: Route, slot: Option<Slot>) -> Lease {
        Lease { connection, route, n_requests: 0, slot }
    }

    /// Whether it has served a request before.
    #[inline]
    pub(crate) fn is_reused(&self) -> bool {
        self.n_requests > 0
    }

    /// Counts a request. Tells whether it is the last one, by this limit; 0 is none.
    #[inline]
    pub(crate) fn begin(&mut self, requests_max: u32) -> bool {
        self.n_requests = self.n_requests.saturating_add(1);
        self.n_requests == requests_max
    }

    /// Whether it has served all the requests that it may.
    #[inline]
    pub(super) fn is_worn(&self, requests_max: u32) -> bool {
        requests_max != 0 && self.n_requests >= requests_max
    }
}
