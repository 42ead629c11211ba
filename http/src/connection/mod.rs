//! Connections: which one serves a request, and how it is made.

mod hyper_http1;
mod open;
mod pool;
mod tls;
mod tls_config;
mod wire;

use crate::{
    error::HttpError,
    request::{Deadline, ReqBody},
};
use bytes::Bytes;
use hyper::Request;
pub(crate) use hyper_http1::{Head, HyperConnection};
pub(crate) use open::open;
pub(crate) use pool::Pool;
use std::future::Future;
pub(crate) use tls_config::TlsConfigs;

/// A connection to one origin: the one place that knows which implementations there are.
#[derive(Debug)]
pub(crate) enum Connection {
    /// hyper's HTTP/1.1.
    Hyper(Box<HyperConnection>),
}

impl Connection {
    /// Whether it can take a request now.
    pub(crate) fn is_reusable(&self) -> bool {
        match self {
            Connection::Hyper(connection) => connection.is_reusable(),
        }
    }

    /// Bytes that it has received so far.
    pub(crate) fn n_read(&self) -> u64 {
        match self {
            Connection::Hyper(connection) => connection.n_read(),
        }
    }

    /// Reads and writes so far that did not have to wait.
    pub(crate) fn n_steps(&self) -> u64 {
        match self {
            Connection::Hyper(connection) => connection.n_steps(),
        }
    }

    /// Sends a request and waits for the response's head.
    pub(crate) fn send<'c>(
        &'c mut self,
        request: Request<ReqBody>,
        deadline: &'c mut Deadline,
    ) -> impl Future<Output = Result<Head, HttpError>> + use<'c> {
        match self {
            Connection::Hyper(connection) => connection.send(request, deadline),
        }
    }

    /// Reads the rest of a response: its body's next piece, or `None` at its end.
    pub(crate) fn next_piece(
        &mut self,
        head: &mut Head,
        deadline: &mut Deadline,
    ) -> impl Future<Output = Result<Option<Bytes>, HttpError>> {
        match self {
            Connection::Hyper(connection) => connection.next_piece(head, deadline),
        }
    }

    /// Says that a large body is to come, or has come.
    pub(crate) fn expect_bulk(&self, bulk: bool) {
        match self {
            Connection::Hyper(connection) => connection.expect_bulk(bulk),
        }
    }
}
