//! Making a connection.

use super::{
    Connection, HyperConnection, LeanConnection,
    tls::Tls,
    wire::{Transport, Wire},
};
use crate::{error::HttpError, session::Inner, site::Origin};
use hatchery_core::net;

/// Connects to an origin.
pub(crate) async fn open(session: &Inner, origin: &Origin) -> Result<Connection, HttpError> {
    let resolved = session.options.resolved(&origin.target);
    let target = resolved.as_ref().unwrap_or(&origin.target);
    let stream = net::connect(&session.shard, target, &session.socket)
        .await
        .map_err(|error| HttpError::connect(&error))?;
    let transport = match &origin.tls {
        None => Transport::Plain(stream),
        Some(name) => {
            let config = session.tls_config()?;
            Transport::Tls(Box::new(Tls::connect(stream, config, name.clone()).await?))
        }
    };
    if session.options.lean {
        let connection = LeanConnection::new(&session.local, transport);
        return Ok(Connection::Lean(Box::new(connection)));
    }
    let connection = HyperConnection::new(Wire::new(transport)).await;
    Ok(Connection::Hyper(Box::new(connection)))
}
