//! Tunnels through proxies.

use super::{LeanConnection, transport::Transport};
use crate::{error::HttpError, local::Local, request::Deadline, site::AGENT, site::Proxy};
use hatchery_core::{net::Target, ring::Stream};
use std::rc::Rc;

/// Has a proxy connect to a host (RFC 9110, section 9.3.6). From then on the stream is one to that
/// host.
pub(super) async fn tunnel(
    local: &Rc<Local>,
    proxy: &Proxy,
    target: &Target,
    stream: Stream,
) -> Result<Stream, HttpError> {
    let Target::Host { host, port } = target else {
        return Err(HttpError::proxy(&proxy.text, "no proxy leads to a unix socket"));
    };
    let authority = match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    let write = |buffer: &mut Vec<u8>| {
        let head =
            format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: {AGENT}\r\n");
        buffer.extend_from_slice(head.as_bytes());
        if let Some(authorization) = &proxy.authorization {
            buffer.extend_from_slice(b"proxy-authorization: ");
            buffer.extend_from_slice(authorization.as_bytes());
            buffer.extend_from_slice(b"\r\n");
        }
        buffer.extend_from_slice(b"\r\n");
    };
    let mut connection = LeanConnection::new(local, Transport::Plain(stream));
    // Like a response to HEAD, that to CONNECT has no body; and one that refuses is not read on.
    let head = connection.send(true, Some(write), &mut Deadline::none()).await;
    let status = head.map_err(|error| HttpError::proxy(&proxy.text, error))?.status;
    match (status.is_success(), connection.into_transport()) {
        (true, Transport::Plain(stream)) => Ok(stream),
        _ => {
            let why = format_args!("it refused to connect to {authority}: {status}");
            Err(HttpError::proxy(&proxy.text, why))
        }
    }
}
