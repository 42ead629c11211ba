//! Connections: which one serves a request, and how it is made.

mod head;
mod http2;
mod hyper_http1;
mod lean;
mod lease;
mod open;
mod pool;
mod route;
mod shared;
mod tls;
mod tls_config;
mod tls_files;
mod tls_session;
mod transport;
mod tunnel;
mod upgrade;
mod wire;

use crate::{error::HttpError, request::Deadline};
use bytes::Bytes;
use head::HeadBody;
pub(crate) use head::{Head, reason};
pub(crate) use http2::{Http2Connections, Http2Stream};
pub(crate) use hyper_http1::HyperConnection;
pub(crate) use lean::{LeanConnection, Looked, PlainAnswer, PlainHead};
pub(crate) use lease::Lease;
pub(crate) use open::{obtain, renew};
pub(crate) use pool::{Own, Pool};
pub(crate) use route::{KnownTerms, Route, Terms};
pub(crate) use shared::SharedPool;
pub(crate) use tls_config::TlsConfigs;
pub(crate) use tls_session::SessionTls;
pub(crate) use transport::Transport;
pub(crate) use upgrade::upgrade;
pub(crate) use wire::Wire;

/// A connection to one origin: the one place that knows which implementations there are.
#[derive(Debug)]
pub(crate) enum Connection {
    /// HTTP/1.1 by [`crate::lean`].
    Lean(LeanConnection),
    /// hyper's HTTP/1.1.
    Hyper(Box<HyperConnection>),
    /// A stream of a connection that is shared.
    Http2(Http2Stream),
}

/// What a connection is good for after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// The next request.
    Reusable,
    /// Nothing: it is closed, or is to be.
    Spent,
    /// Nothing: the server has sent more than its response, which cannot be told from the next one.
    Surplus,
}

impl Connection {
    /// Whether it can take a request now.
    pub(crate) fn is_reusable(&mut self) -> bool {
        match self {
            Connection::Lean(connection) => connection.is_reusable(),
            Connection::Hyper(connection) => connection.is_reusable(),
            // The session keeps what it is a part of.
            Connection::Http2(_) => false,
        }
    }

    /// What is left of it, now that a response has ended.
    pub(crate) fn rest(&mut self) -> Rest {
        match self {
            Connection::Lean(connection) => connection.rest(),
            Connection::Hyper(connection) => connection.rest(),
            Connection::Http2(_) => Rest::Spent,
        }
    }

    /// Bytes that it has received so far.
    pub(crate) fn n_read(&self) -> u64 {
        match self {
            Connection::Lean(connection) => connection.n_read(),
            Connection::Hyper(connection) => connection.n_read(),
            Connection::Http2(stream) => stream.n_read(),
        }
    }

    /// Reads and writes so far that did not have to wait.
    pub(crate) fn n_steps(&self) -> u64 {
        match self {
            Connection::Lean(connection) => connection.n_steps(),
            Connection::Hyper(connection) => connection.n_steps(),
            Connection::Http2(stream) => stream.n_steps(),
        }
    }

    /// Reads the rest of a response: its body's next piece, or `None` at its end.
    pub(crate) async fn next_piece(
        &mut self,
        head: &mut Head,
        deadline: &mut Deadline,
    ) -> Result<Option<Bytes>, HttpError> {
        match self {
            Connection::Lean(connection) => connection.next_piece(head, deadline).await,
            Connection::Hyper(connection) => connection.next_piece(head, deadline).await,
            Connection::Http2(stream) => stream.next_piece(deadline).await,
        }
    }

    /// Whether a large body can be thrown away unseen.
    pub(crate) fn may_discard(&self) -> bool {
        matches!(self, Connection::Lean(connection) if connection.may_discard())
    }

    /// Says that a large body is to come, or has come.
    pub(crate) fn expect_bulk(&mut self, bulk: bool) {
        match self {
            Connection::Lean(connection) => connection.expect_bulk(bulk),
            Connection::Hyper(connection) => connection.expect_bulk(bulk),
            Connection::Http2(stream) => stream.expect_bulk(bulk),
        }
    }
}
