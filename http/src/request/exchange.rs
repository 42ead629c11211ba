//! One request and its response on one connection.

use super::{body::ReqBody, deadline::Deadline, follow::Hop, parts::Parts};
use crate::{
    connection::{Connection, Head, open},
    error::HttpError,
    response::{ACCEPTED_CODINGS, decode},
    session::Inner,
    site::Origin,
};
use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, Method,
    header::{
        ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE,
        Entry, HOST, USER_AGENT,
    },
};
use hyper::Request;
use std::rc::Rc;

/// The usual `User-Agent`.
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("hatchery/", env!("CARGO_PKG_VERSION")));

/// Bodies from here on are received in large pieces.
const BULK_BYTES: u64 = 64 * 1024;

/// What is reserved ahead for a body, whatever its head promises.
const RESERVED_BYTES_MAX: u64 = 4 << 20;

/// A whole response.
pub(super) struct Exchanged {
    pub(super) head: Head,
    pub(super) body: Bytes,
    /// When its head and its last byte came, in shard nanoseconds.
    pub(super) head_ns: u64,
    pub(super) end_ns: u64,
}

/// Sends one request and reads its response, on an idle connection or a new one.
///
/// A server may close an idle connection just as a request is sent on it. So if an idle one ends
/// without a byte of the response, the request is sent once more on a new one, as browsers do.
pub(super) async fn exchange(
    session: &Inner,
    parts: &Parts,
    hop: &Hop,
    deadline: &mut Deadline,
) -> Result<Exchanged, HttpError> {
    let origin = &hop.target.origin;
    let mut idle = match session.options.keep_alive {
        true => session.take_idle(origin),
        false => None,
    };
    loop {
        let is_reused = idle.is_some();
        let mut connection = match idle.take() {
            Some(connection) => connection,
            // Boxed, because it is rare and its future is large.
            None => deadline.connecting(Box::pin(open(session, origin))).await?,
        };
        let n_read = connection.n_read();
        let result = on(&mut connection, session, parts, hop, deadline).await;
        let is_stale = is_reused
            && connection.n_read() == n_read
            && result.as_ref().is_err_and(HttpError::is_closed);
        if !is_stale {
            return keep(session, origin, connection, result);
        }
    }
}

fn keep(
    session: &Inner,
    origin: &Rc<Origin>,
    connection: Connection,
    result: Result<Exchanged, HttpError>,
) -> Result<Exchanged, HttpError> {
    if result.is_ok() && session.options.keep_alive {
        session.give_back(origin, connection);
    }
    result
}

async fn on(
    connection: &mut Connection,
    session: &Inner,
    parts: &Parts,
    hop: &Hop,
    deadline: &mut Deadline,
) -> Result<Exchanged, HttpError> {
    deadline.restart_read();
    let mut head = connection.send(request(session, parts, hop), deadline).await?;
    let head_ns = session.shard.now_ns();
    let bulk = head.body_length().is_some_and(|length| length >= BULK_BYTES);
    if bulk {
        connection.expect_bulk(true);
    }
    let limit = session.options.body_bytes_max;
    let (body, n_pieces) = collect(connection, &mut head, limit, deadline).await?;
    if bulk {
        connection.expect_bulk(false);
    }
    // A small body came with its head: one look at the clock serves both.
    let end_ns = if n_pieces <= 1 && !bulk { head_ns } else { session.shard.now_ns() };
    // Not part of the response time: it is this core's work, not the server's.
    let body = decode(&head.headers, body, limit)?;
    Ok(Exchanged { head, body, head_ns, end_ns })
}

/// A body in one piece: the very bytes received if it came as one.
async fn collect(
    connection: &mut Connection,
    head: &mut Head,
    limit: u64,
    deadline: &mut Deadline,
) -> Result<(Bytes, usize), HttpError> {
    let Some(first) = connection.next_piece(head, deadline).await? else {
        return Ok((Bytes::new(), 0));
    };
    let Some(second) = connection.next_piece(head, deadline).await? else {
        return Ok((first, 1));
    };
    let rest = head.body_length().unwrap_or(0).min(RESERVED_BYTES_MAX);
    let mut body = BytesMut::with_capacity(first.len() + second.len() + rest as usize);
    body.extend_from_slice(&first);
    body.extend_from_slice(&second);
    let mut n_pieces = 2;
    drop((first, second));
    while let Some(piece) = connection.next_piece(head, deadline).await? {
        if (body.len() + piece.len()) as u64 > limit {
            return Err(HttpError::body_too_large(limit));
        }
        body.extend_from_slice(&piece);
        n_pieces += 1;
    }
    Ok((body.freeze(), n_pieces))
}

fn request(session: &Inner, parts: &Parts, hop: &Hop) -> Request<ReqBody> {
    let mut request = Request::new(ReqBody::from(hop.body.clone()));
    *request.method_mut() = hop.method.clone();
    *request.uri_mut() = hop.target.uri.clone();
    *request.headers_mut() = headers(session, parts, hop);
    request
}

fn headers(session: &Inner, parts: &Parts, hop: &Hop) -> HeaderMap {
    let mut headers = session.local.spare_headers();
    headers.insert(HOST, hop.target.origin.host_header.clone());
    headers.insert(USER_AGENT, AGENT);
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, ACCEPTED_CODINGS);
    session.for_headers(|name, value| {
        headers.insert(name, value.clone());
    });
    for (name, value) in &parts.headers {
        headers.insert(name, value.clone());
    }
    if let Some(content_type) = parts.content_type.as_ref().filter(|_| hop.body.is_some())
        && let Entry::Vacant(entry) = headers.entry(CONTENT_TYPE)
    {
        entry.insert(content_type.clone());
    }
    if hop.is_bare {
        headers.remove(CONTENT_TYPE);
        headers.remove(CONTENT_LENGTH);
        headers.remove(http::header::TRANSFER_ENCODING);
    }
    let has_body = hop.body.as_ref().is_some_and(|body| !body.is_empty());
    if !has_body && !matches!(hop.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        headers.entry(CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
    }
    if !session.options.keep_alive {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if !hop.is_trusted {
        headers.remove(AUTHORIZATION);
        headers.remove(COOKIE);
    } else if let Some(authorization) = &parts.authorization {
        headers.insert(AUTHORIZATION, authorization.clone());
    } else if let Some((origin, authorization)) = session.site.authorization()
        && Rc::ptr_eq(origin, &hop.target.origin)
    {
        headers.entry(AUTHORIZATION).or_insert_with(|| authorization.clone());
    }
    let own = if hop.is_trusted { &*parts.cookies } else { "" };
    if let Some(cookies) = session.cookies.header(&hop.target, own)
        && let Entry::Vacant(entry) = headers.entry(COOKIE)
    {
        entry.insert(cookies);
    }
    headers
}
