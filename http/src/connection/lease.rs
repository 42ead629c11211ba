//! A connection in the hands of a request.

use super::{Connection, Route, shared::Slot};
use crate::session::Inner;
use hatchery_core::ring::Span;
use std::{
    ops::{Deref, DerefMut},
    rc::Rc,
};

/// A connection, and what is known of it beside its bytes. One word: it goes from the pool to a
/// request and back for each of them.
#[derive(Debug)]
pub(crate) struct Lease(Box<Leased>);

#[derive(Debug)]
pub(crate) struct Leased {
    pub(crate) connection: Connection,
    pub(crate) route: Route,
    /// Requests sent on it so far.
    n_requests: u32,
    /// Whether its socket knows what is touched with it.
    is_near: bool,
    /// Its place in a shared pool, where there is one.
    pub(super) slot: Option<Slot>,
}

impl Lease {
    /// A new connection.
    pub(super) fn new(connection: Connection, route: Route, slot: Option<Slot>) -> Lease {
        Lease(Box::new(Leased { connection, route, n_requests: 0, is_near: false, slot }))
    }

    /// Closes the connection, and tells where it led and what place it had.
    pub(super) fn close(self) -> (Route, Option<Slot>) {
        let Leased { route, slot, .. } = *self.0;
        (route, slot)
    }
}

impl Deref for Lease {
    type Target = Leased;

    #[inline]
    fn deref(&self) -> &Leased {
        &self.0
    }
}

impl DerefMut for Lease {
    #[inline]
    fn deref_mut(&mut self) -> &mut Leased {
        &mut self.0
    }
}

impl Leased {
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

    /// Tells its socket, once, that its session and what is known of the connection are touched
    /// whenever something is received.
    #[inline]
    pub(crate) fn keep_near(&mut self, session: &Rc<Inner>) {
        if !self.is_near {
            self.is_near = true;
            let spans = [Span::of_shared(session), Span::of(self)];
            if let Connection::Lean(connection) = &mut self.connection {
                connection.keep_near(spans);
            }
        }
    }

    /// Whether it has served all the requests that it may.
    #[inline]
    pub(super) fn is_worn(&self, requests_max: u32) -> bool {
        requests_max != 0 && self.n_requests >= requests_max
    }
}
