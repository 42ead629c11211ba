//! A response whose body is still coming.

use super::{deadline::Deadline, exchange::Answered};
use crate::{
    connection::{Head, Lease},
    error::HttpError,
    session::Inner,
};
use bytes::Bytes;

/// The rest of a streamed response. Dropping it closes the connection, or resets the stream.
#[derive(Debug)]
pub(crate) struct Open {
    lease: Lease,
    head: Head,
    deadline: Deadline,
}

impl Open {
    pub(super) fn new(answered: Answered, deadline: Deadline) -> Open {
        let Answered { lease, head, .. } = answered;
        Open { lease, head, deadline }
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
        self.lease.connection.next_piece(&mut self.head, &mut self.deadline).await
    }

    /// The body has ended: the connection may serve the next request.
    ///
    /// # Errors
    /// When the server has sent more than this response.
    pub(crate) fn close(self, session: &Inner) -> Result<(), HttpError> {
        session.give_back(self.lease)
    }
}
