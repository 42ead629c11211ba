//! A connection of which something else than HTTP is made.

use super::{Head, LeanConnection, Route, SessionTls, Transport, open::transport_by};
use crate::{error::HttpError, request::Deadline, session::Inner};
use rustls::ClientConfig;
use std::sync::Arc;

/// Sends a request, as `write` puts it into the send buffer, on a new connection by HTTP/1.1, and
/// gives the connection out with the response's head. Proxies are passed through a tunnel.
pub(crate) async fn upgrade(
    session: &Inner,
    route: &Route,
    write: impl Fn(&mut Vec<u8>),
    deadline: &mut Deadline,
) -> Result<(Head, Transport), HttpError> {
    let (turn, stopwatch) = (session.turn, &deadline.stopwatch());
    let connecting = transport_by(session, route, turn, true, http1_config, stopwatch);
    let transport = deadline.connecting(Box::pin(connecting)).await?;
    let mut connection = LeanConnection::new(&session.local, transport);
    deadline.start_exchange(connection.n_read());
    let head = connection.upgrade(write, deadline).await?;
    deadline.head_came(session.shard.now_ns());
    Ok((head, connection.into_transport()))
}

/// The route's TLS configuration, without an offer of HTTP/2.
fn http1_config(
    tls: &SessionTls,
    session: &Inner,
    route: &Route,
) -> Result<Arc<ClientConfig>, HttpError> {
    let config = tls.config(session, route)?;
    let http1 = b"http/1.1".to_vec();
    if config.alpn_protocols.iter().all(|offered| *offered == http1) {
        return Ok(config);
    }
    let mut config = ClientConfig::clone(&config);
    config.alpn_protocols = vec![http1];
    Ok(Arc::new(config))
}
