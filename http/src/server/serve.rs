//! Accepting connections, and hyper on each of them.

use super::{
    Answer, Request,
    body::Outgoing,
    guard::guard,
    http2::{begins_http2, serve_http2, without_body},
};
use crate::connection::Transport;
use bytes::Bytes;
use hatchery_core::{
    ring::{Listener, Stream},
    shard::Shard,
};
use hyper::{
    HeaderMap, Method, Response, StatusCode, Version, body::Incoming, server::conn::http1,
    service::service_fn,
};
use std::{convert::Infallible, future::Future, pin::pin, rc::Rc, time::Duration};

/// How long to wait after a failed accept. Most often there is no descriptor left, and a retry at
/// once would fail at once; connections that are closed meanwhile give theirs back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The answer to a request whose handler panicked.
const PANICKED: Bytes = Bytes::from_static(b"the handler of this request panicked\n");

/// Serves a listener's connections on a shard, beside its users, until the shard quits.
///
/// Connections are kept alive unless the client says otherwise. A request that is not HTTP is
/// answered with 400 by hyper and its connection closed; the handler does not see it. Answers
/// carry no Date: a target answers the same bytes each time, and saves the clock.
pub fn serve<H, F>(shard: &Rc<Shard>, listener: Listener, handler: H)
where
    H: Fn(Request) -> F + 'static,
    F: Future<Output = Answer> + 'static,
{
    let mut http = http1::Builder::new();
    http.auto_date_header(false);
    shard.spawn(accept(Rc::clone(shard), listener, Rc::new(http), Rc::new(handler)));
}

async fn accept<H, F>(
    shard: Rc<Shard>,
    listener: Listener,
    http: Rc<http1::Builder>,
    handler: Rc<H>,
) where
    H: Fn(Request) -> F + 'static,
    F: Future<Output = Answer> + 'static,
{
    loop {
        match listener.accept().await {
            Ok(stream) => {
                let (http, handler) = (Rc::clone(&http), Rc::clone(&handler));
                shard.spawn(converse(Rc::clone(&shard), http, stream, handler));
            }
            Err(_) => shard.sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// One connection, from its first request to its end.
async fn converse<H, F>(
    shard: Rc<Shard>,
    http: Rc<http1::Builder>,
    mut stream: Stream,
    handler: Rc<H>,
) where
    H: Fn(Request) -> F + 'static,
    F: Future<Output = Answer> + 'static,
{
    let service = service_fn(move |request| answer(Rc::clone(&handler), request));
    if begins_http2(&mut stream).await {
        // Boxed, so that connections that speak HTTP/1.1 are no larger for it.
        return Box::pin(serve_http2(shard, stream, service)).await;
    }
    // Whatever went wrong is the client's affair, and it knows.
    let _ = guard(pin!(http.serve_connection(Transport::Plain(stream), service))).await;
}

async fn answer<H, F>(
    handler: Rc<H>,
    request: hyper::Request<Incoming>,
) -> Result<Response<Outgoing>, Infallible>
where
    H: Fn(Request) -> F + 'static,
    F: Future<Output = Answer> + 'static,
{
    // Over HTTP/2 hyper sends a body whatever was asked.
    let is_http2_head = request.version() == Version::HTTP_2 && request.method() == Method::HEAD;
    // Inside, so that what the handler does before its first await is guarded too.
    let answer = guard(pin!(async move { handler(Request::new(request)).await })).await;
    let response = answer.map_or_else(|_| panicked(), Answer::into_response);
    Ok(if is_http2_head { without_body(response) } else { response })
}

fn panicked() -> Response<Outgoing> {
    Answer::new(StatusCode::INTERNAL_SERVER_ERROR, HeaderMap::new())
        .body(super::ContentType::Text, PANICKED)
        .into_response()
}
