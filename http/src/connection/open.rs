//! Making a connection.

use super::{
    Connection, HyperConnection, LeanConnection,
    tls::Tls,
    wire::{Transport, Wire},
};
use crate::{error::HttpError, session::Inner, site::Origin};
use hatchery_core::net;
use std::rc::Rc;

/// Connects to an origin; over HTTP/2 most often by the connection that is there.
pub(crate) async fn open(session: &Inner, origin: &Rc<Origin>) -> Result<Connection, HttpError> {
    match &session.http2 {
        Some(http2) if http2.may_serve(origin) => http2.open(session, origin).await,
        _ => over(session, transport(session, origin).await?).await,
    }
}

/// A connected socket, with TLS if the origin wants it.
pub(super) async fn transport(session: &Inner, origin: &Origin) -> Result<Transport, HttpError> {
    let resolved = session.options.resolved(&origin.target);
    let target = resolved.as_ref().unwrap_or(&origin.target);
    let stream = net::connect(&session.shard, target, &session.socket)
        .await
        .map_err(|error| HttpError::connect(&error))?;
    match &origin.tls {
        None => Ok(Transport::Plain(stream)),
        Some(name) => {
            let config = session.tls_config()?;
            Ok(Transport::Tls(Box::new(Tls::connect(stream, config, name.clone()).await?)))
        }
    }
}

/// HTTP/1.1 over it.
pub(super) async fn over(session: &Inner, transport: Transport) -> Result<Connection, HttpError> {
    if session.options.lean {
        let connection = LeanConnection::new(&session.local, transport);
        return Ok(Connection::Lean(Box::new(connection)));
    }
    let connection = HyperConnection::new(Wire::new(transport)).await;
    Ok(Connection::Hyper(Box::new(connection)))
}
