//! A session's idle connections.

use super::Connection;
use crate::site::Origin;
use smallvec::SmallVec;
use std::rc::Rc;

/// Idle connections that a session keeps, as python-requests' pool does. A user with more requests
/// under way at a time closes the surplus.
const IDLE_MAX: usize = 10;

/// The connections that wait for the next request. Most sessions have one.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: SmallVec<[(Rc<Origin>, Connection); 1]>,
}

impl Pool {
    /// An idle connection to an origin that the server has not closed.
    pub(crate) fn take(&mut self, origin: &Rc<Origin>) -> Option<Connection> {
        while let Some(at) = self.idle.iter().rposition(|(of, _)| Rc::ptr_eq(of, origin)) {
            let (_, mut connection) = self.idle.swap_remove(at);
            if connection.is_reusable() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection for the next request, if it can serve one.
    pub(crate) fn give_back(&mut self, origin: &Rc<Origin>, mut connection: Connection) {
        if !connection.is_reusable() {
            return;
        }
        if self.idle.len() >= IDLE_MAX {
            self.idle.remove(0);
        }
        self.idle.push((Rc::clone(origin), connection));
    }

    /// Closes all of them.
    pub(crate) fn clear(&mut self) {
        self.idle.clear();
    }
}
