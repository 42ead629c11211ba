//! HTTP/2 without TLS, for clients that begin with it: prior knowledge, h2c.

use super::{body::Outgoing, guard::guard};
use crate::connection::Transport;
use bytes::Bytes;
use hatchery_core::{ring::Stream, shard::Shard};
use hyper::{
    Response,
    body::{Body, Incoming},
    header::{CONTENT_LENGTH, HeaderValue},
    rt::Executor,
    server::conn::http2::Builder,
    service::HttpService,
};
use std::{
    error::Error,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
};

/// What a client that speaks HTTP/2 says first, and no request of HTTP/1.1 begins with.
const PREFACE_BEGINS: &[u8] = b"PRI ";

/// Waits for the client's first bytes, and leaves them where they are.
pub(super) async fn begins_http2(stream: &mut Stream) -> bool {
    let peek = |bytes: &[u8]| (0, bytes.starts_with(PREFACE_BEGINS));
    matches!(poll_fn(|cx| stream.poll_read_with(cx, peek)).await, Ok(Some(true)))
}

/// One connection, from its preface to its end. Each request is a task of its own.
pub(super) async fn serve_http2<S>(shard: Rc<Shard>, stream: Stream, service: S)
where
    S: HttpService<Incoming, ResBody = Outgoing> + 'static,
    S::Future: 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (mut http, transport) = (Builder::new(OnShard(shard)), Transport::Plain(stream));
    let connection = http.auto_date_header(false).serve_connection(transport, service);
    // Whatever went wrong is the client's affair, and it knows.
    let _ = guard(pin!(connection)).await;
}

/// The head alone, with the length that the body would have.
pub(super) fn without_body(response: Response<Outgoing>) -> Response<Outgoing> {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        parts.headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    Response::from_parts(parts, Outgoing::Whole(Bytes::new()))
}

/// Runs hyper's tasks on the shard.
#[derive(Clone)]
struct OnShard(Rc<Shard>);

impl<F: Future<Output = ()> + 'static> Executor<F> for OnShard {
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
