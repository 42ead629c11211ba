//! A connection that carries many requests at a time, and the task that drives it.

use super::io::{Io, Known};
use crate::{
    connection::transport::Transport,
    error::{HttpError, Phase},
    lean::HEAD_BYTES_MAX,
    site::Origin,
};
use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use hatchery_core::{shard::Shard, timer::Sleep};
use http::{
    Uri,
    uri::{Authority, Scheme},
};
use std::{
    cell::Cell,
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// Bytes of one body that may come before they are read. A stream that nobody reads holds so much.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;

/// Bytes of all bodies of a connection that may come before they are read.
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// Bytes of a response's head that h2 decodes. More than is accepted, so that a head that is too
/// large is seen as that, and not as a broken stream.
const DECODED_HEAD_BYTES_MAX: u32 = 2 * HEAD_BYTES_MAX as u32;

/// Streams opened before the server has said how many it takes: the least that the standard
/// recommends servers to take. One that takes fewer refuses the rest, and they are sent once more.
const FIRST_STREAMS_MAX: usize = 100;

/// How long a connection that nobody uses any more may take to say goodbye.
const LINGER: Duration = Duration::from_secs(1);

/// An HTTP/2 connection, shared by its requests.
pub(super) struct Multiplexed {
    sender: SendRequest<Bytes>,
    scheme: Scheme,
    authority: Authority,
    pub(super) known: Rc<Known>,
    /// Streams that requests have had so far.
    pub(super) n_streams: Cell<u32>,
}

impl Multiplexed {
    /// Begins to speak HTTP/2; the server's settings are not waited for.
    pub(super) async fn start(
        shard: &Rc<Shard>,
        origin: &Origin,
        transport: Transport,
    ) -> Result<Rc<Multiplexed>, HttpError> {
        let authority = Authority::try_from(origin.host_header.as_bytes())
            .map_err(|error| HttpError::invalid_url(&origin.text, error))?;
        let scheme = if origin.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let known = Rc::<Known>::default();
        let (sender, connection) = Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(DECODED_HEAD_BYTES_MAX)
            .initial_max_send_streams(FIRST_STREAMS_MAX)
            .handshake(Io::new(transport, &known))
            .await
            .map_err(|error| known.to_error(&error, Phase::Waiting))?;
        shard.spawn(drive(Rc::clone(shard), connection, Rc::clone(&known)));
        Ok(Rc::new(Multiplexed { sender, scheme, authority, known, n_streams: Cell::new(0) }))
    }

    /// Whether a request may be sent on it: it has not ended, nor did the server say goodbye.
    pub(super) fn is_open(&self) -> bool {
        let noop = &mut Context::from_waker(Waker::noop());
        !self.known.has_ended.get() && matches!(self.sender().poll_ready(noop), Poll::Ready(Ok(())))
    }

    /// Each request has a sender of its own: it may wait in line for its stream to be opened.
    pub(super) fn sender(&self) -> SendRequest<Bytes> {
        self.sender.clone()
    }

    /// The absolute URL of a path here.
    pub(super) fn uri(&self, path: &Uri, authority: Option<Authority>) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(authority.unwrap_or_else(|| self.authority.clone()));
        parts.path_and_query = path.path_and_query().cloned();
        Uri::from_parts(parts).expect("scheme, authority and path make a URL")
    }
}

impl Drop for Multiplexed {
    fn drop(&mut self) {
        // The sender, dropped next, wakes the driver.
        self.known.is_released.set(true);
    }
}

/// Reads and writes until the connection has ended. Requests get its errors from h2.
async fn drive(shard: Rc<Shard>, connection: Connection<Io, Bytes>, known: Rc<Known>) {
    let mut connection = pin!(connection);
    let mut linger: Option<Sleep> = None;
    poll_fn(|cx| {
        let polled = connection.as_mut().poll(cx).map(drop);
        if polled.is_ready() || !known.is_released.get() {
            return polled;
        }
        let linger = linger.get_or_insert_with(|| shard.sleep(LINGER));
        Pin::new(linger).poll(cx)
    })
    .await;
    known.has_ended.set(true);
}

impl fmt::Debug for Multiplexed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multiplexed").field("known", &self.known).finish_non_exhaustive()
    }
}
