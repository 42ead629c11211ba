//! Idle connections: those of one user, or those that the users of a core share.

use super::{Lease, Rest, Route, shared::SharedPool};
use crate::error::HttpError;
use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
};

/// Idle connections that a user keeps, as python-requests' pool does. A user with more requests
/// under way at a time closes the surplus.
const IDLE_MAX: usize = 10;

/// Where a session gets its connections from.
#[derive(Debug)]
pub(crate) enum Pool {
    /// The user's own.
    Own(Own),
    /// The core's.
    Shared(Rc<SharedPool>),
}

impl Pool {
    /// An idle connection that the server has not closed.
    #[inline]
    pub(crate) fn take(&self, route: &Route) -> Option<Lease> {
        match self {
            Pool::Own(own) => own.take(route),
            Pool::Shared(pool) => pool.lane(route).take(),
        }
    }

    /// Keeps a connection for the next request, if it can serve one.
    ///
    /// # Errors
    /// When the server has sent more than the response that has just ended.
    #[inline]
    pub(crate) fn give_back(&self, mut lease: Lease, requests_max: u32) -> Result<(), HttpError> {
        match lease.connection.rest() {
            Rest::Surplus => return Err(HttpError::surplus()),
            Rest::Reusable if !lease.is_worn(requests_max) => {}
            _ => return Ok(()),
        }
        match self {
            Pool::Own(own) => own.keep(lease),
            Pool::Shared(_) => lease.share(),
        }
        Ok(())
    }

    /// Closes the idle connections, if they are the user's own.
    pub(crate) fn clear(&self) {
        if let Pool::Own(own) = self {
            own.last.take();
            own.others.take();
        }
    }

    /// Whether others use it too.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Pool::Shared(_))
    }
}

/// A user's own idle connections. Most users have one, which comes and goes at no more cost than its
/// own few words.
#[derive(Default)]
pub(crate) struct Own {
    last: Cell<Option<Lease>>,
    /// Those before the last, the oldest first.
    others: RefCell<Vec<Lease>>,
}

impl Own {
    #[inline]
    fn take(&self, route: &Route) -> Option<Lease> {
        if let Some(mut lease) = self.last.take() {
            if lease.route == *route {
                if lease.connection.is_reusable() {
                    return Some(lease);
                }
            } else {
                self.last.set(Some(lease));
            }
        }
        self.take_other(route)
    }

    fn take_other(&self, route: &Route) -> Option<Lease> {
        let mut others = self.others.borrow_mut();
        while let Some(at) = others.iter().rposition(|lease| lease.route == *route) {
            let mut lease = others.remove(at);
            if lease.connection.is_reusable() {
                return Some(lease);
            }
        }
        None
    }

    #[inline]
    fn keep(&self, lease: Lease) {
        let Some(before) = self.last.replace(Some(lease)) else { return };
        let mut others = self.others.borrow_mut();
        if others.len() >= IDLE_MAX - 1 {
            others.remove(0);
        }
        others.push(before);
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own").field("others", &self.others).finish_non_exhaustive()
    }
}
