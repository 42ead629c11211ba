//! Getting a connection where none is idle: waiting for one, or making one.

use super::{
    Connection, HyperConnection, LeanConnection, Lease, Pool, Route,
    shared::{Given, Slot},
    tls::Tls,
    tls_session::SessionTls,
    transport::Transport,
    tunnel::tunnel,
    wire::Wire,
};
use crate::{
    error::{HttpError, Phase},
    request::Deadline,
    session::Inner,
};
use hatchery_core::{net, shard::Stopwatch, stats};
use rustls::ClientConfig;
use std::sync::Arc;

/// A connection for a route, of which none is idle.
pub(crate) async fn obtain(
    session: &Inner,
    route: &Route,
    deadline: &mut Deadline,
) -> Result<Lease, HttpError> {
    if let Some(http2) = session.http2.as_ref().filter(|http2| http2.may_serve(route)) {
        let stopwatch = deadline.stopwatch();
        let opened = deadline.connecting(http2.open(session, route, &stopwatch)).await?;
        // Those that turn out to speak HTTP/1.1 have no place in a shared pool; all later ones do.
        if let Some(connection) = opened {
            return Ok(Lease::new(connection, route.clone(), None));
        }
    }
    let slot = match &session.pool {
        Pool::Own(_) => None,
        Pool::Shared(pool) => {
            match deadline.within(pool.lane(route).wait(), Phase::Queued).await? {
                Given::Slot(slot) => Some(slot),
                // It may have been closed since it was handed over.
                Given::Idle(mut lease) => match lease.connection.is_reusable() {
                    true => return Ok(lease),
                    false => return replace(session, lease, deadline).await,
                },
            }
        }
    };
    connect(session, route, slot, deadline).await
}

/// A new connection in the place of one that is of no use any more.
pub(crate) async fn renew(
    session: &Inner,
    lease: Lease,
    deadline: &mut Deadline,
) -> Result<Lease, HttpError> {
    match &lease.connection {
        Connection::Http2(_) => {
            let (route, _) = lease.close();
            obtain(session, &route, deadline).await
        }
        _ => replace(session, lease, deadline).await,
    }
}

async fn replace(
    session: &Inner,
    lease: Lease,
    deadline: &mut Deadline,
) -> Result<Lease, HttpError> {
    let (route, slot) = lease.close();
    connect(session, &route, slot, deadline).await
}

async fn connect(
    session: &Inner,
    route: &Route,
    slot: Option<Slot>,
    deadline: &mut Deadline,
) -> Result<Lease, HttpError> {
    let turn = slot.as_ref().map_or(session.turn, |slot| slot.turn);
    let stopwatch = &deadline.stopwatch();
    let opening = async { over(session, transport(session, route, turn, stopwatch).await?).await };
    let connection = deadline.connecting(opening).await?;
    Ok(Lease::new(connection, route.clone(), slot))
}

/// A connected socket, with TLS if the origin wants it. What has to be agreed on before TLS is one
/// more lap of [`stats::Phase::Connect`].
pub(super) async fn transport(
    session: &Inner,
    route: &Route,
    turn: usize,
    stopwatch: &Stopwatch,
) -> Result<Transport, HttpError> {
    let is_tunnelled = route.origin.tls.is_some();
    let config = SessionTls::config;
    transport_by(session, route, turn, is_tunnelled, config, stopwatch).await
}

/// The same with a TLS configuration of its own, and through a tunnel if it is to be one and there
/// is a proxy.
pub(super) async fn transport_by(
    session: &Inner,
    route: &Route,
    turn: usize,
    is_tunnelled: bool,
    tls_config: impl FnOnce(&SessionTls, &Inner, &Route) -> Result<Arc<ClientConfig>, HttpError>,
    stopwatch: &Stopwatch,
) -> Result<Transport, HttpError> {
    let (origin, proxy, options) = (&route.origin, route.proxy(), &session.options);
    // Before anything else, as files may be missing, and reading them is nobody's phase.
    let tls = match &origin.tls {
        None => None,
        Some(name) => Some((tls_config(&session.tls, session, route)?, name)),
    };
    let first = proxy.map_or(&origin.target, |proxy| &proxy.target);
    let resolved = options.resolved(first);
    let first = resolved.as_ref().unwrap_or(first);
    let socket = options.socket(turn);
    let connected = net::connect_timed(&session.shard, first, &socket, stopwatch).await;
    let connected = connected.map_err(|error| HttpError::connect(&error));
    let stream = match proxy {
        None => connected?,
        Some(proxy) => {
            let stream = connected.map_err(|error| HttpError::proxy(&proxy.text, error))?;
            match is_tunnelled {
                true => {
                    let stream = tunnel(&session.local, proxy, &origin.target, stream).await?;
                    stopwatch.lap(stats::Phase::Connect);
                    stream
                }
                false => stream,
            }
        }
    };
    let transport = match tls {
        None => Transport::Plain(stream),
        Some((config, name)) => {
            let tls = Tls::connect(stream, config, name.clone()).await?;
            stopwatch.lap(stats::Phase::Tls);
            Transport::Tls(Box::new(tls))
        }
    };
    stopwatch.count_connection();
    Ok(transport)
}

/// HTTP/1.1 over it.
pub(super) async fn over(session: &Inner, transport: Transport) -> Result<Connection, HttpError> {
    if session.options.lean {
        let connection = LeanConnection::new(&session.local, transport);
        return Ok(Connection::Lean(connection));
    }
    let connection = HyperConnection::new(Wire::new(transport)).await;
    Ok(Connection::Hyper(Box::new(connection)))
}
