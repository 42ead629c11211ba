//! A response whose body is still coming.

use super::{deadline::Deadline, exchange::Answered};
use crate::{
    connection::{Connection, Head},
    error::HttpError,
    session::Inner,
    site::Origin,
};
use bytes::Bytes;
use std::rc::Rc;

/// The rest of a streamed response. Dropping it closes the connection, or resets the stream.
#[derive(Debug)]
pub(crate) struct Open {
    connection: Connection,
    head: Head,
    origin: Rc<Origin>,
    deadline: Deadline,
}

impl Open {
    pub(super) fn new(answered: Answered, origin: Rc<Origin>, deadline: Deadline) -> Open {
        let Answered { connection, head, .. } = answered;
        Open { connection, head, origin, deadline }
    }

    /// The length of the body, where the head tells it.
    pub(crate) fn body_length(&self) -> Option<u64> {
        self.head.body_length()
    }

    /// Whether its head names content codings.
    pub(crate) fn is_encoded(&self) -> bool {
        self.head.is_encoded
    }

    /// The next piece, as it arrived.
    pub(crate) async fn next_piece(&mut self) -> Result<Option<Bytes>, HttpError> {
        self.connection.next_piece(&mut self.head, &mut self.deadline).await
    }

    /// The body has ended: the connection may serve the next request.
    pub(crate) fn close(self, session: &Inner) {
        session.give_back(&self.origin, self.connection);
    }
}
