//! Idle connections: those of one user, or those that the users of a core share.

use super::{Lease, Rest, Route, shared::SharedPool};
use crate::error::HttpError;
use smallvec::SmallVec;
use std::{cell::RefCell, rc::Rc};

/// Idle connections that a user keeps, as python-requests' pool does. A user with more requests
/// under way at a time closes the surplus.
const IDLE_MAX: usize = 10;

/// Where a session gets its connections from.
#[derive(Debug)]
pub(crate) enum Pool {
    /// The user's own. Most have one connection.
    Own(RefCell<SmallVec<[Lease; 1]>>),
    /// The core's.
    Shared(Rc<SharedPool>),
}

impl Pool {
    /// An idle connection that the server has not closed.
    #[inline]
    pub(crate) fn take(&self, route: &Route) -> Option<Lease> {
        match self {
            Pool::Own(idle) => take_own(&mut idle.borrow_mut(), route),
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
            Pool::Own(idle) => {
                let mut idle = idle.borrow_mut();
                if idle.len() >= IDLE_MAX {
                    idle.remove(0);
                }
                idle.push(lease);
            }
            Pool::Shared(_) => lease.share(),
        }
        Ok(())
    }

    /// Closes the idle connections, if they are the user's own.
    pub(crate) fn clear(&self) {
        if let Pool::Own(idle) = self {
            idle.borrow_mut().clear();
        }
    }

    /// Whether others use it too.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Pool::Shared(_))
    }
}

fn take_own(idle: &mut SmallVec<[Lease; 1]>, route: &Route) -> Option<Lease> {
    while let Some(at) = idle.iter().rposition(|lease| lease.route == *route) {
        let mut lease = idle.swap_remove(at);
        if lease.connection.is_reusable() {
            return Some(lease);
        }
    }
    None
}
