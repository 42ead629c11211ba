//! One request and its response on one connection.

use super::{
    body::{BodyLength, ReqBody},
    body_stream::BodyStream,
    deadline::Deadline,
    follow::Hop,
    http2::http2_request,
    parts::Parts,
    prepared::PreparedRequest,
    write::write,
};
use crate::{
    connection::{Connection, Head, Lease, PlainHead, obtain, renew},
    error::HttpError,
    response::{ACCEPTED_CODINGS, Content},
    session::Inner,
    site::{AGENT, Proxy},
    whole::Whole,
};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{
        ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE,
        Entry, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING, USER_AGENT,
    },
};
use hyper::Request;
use std::{mem, rc::Rc};

/// Bodies from here on are received in large pieces.
const BULK_BYTES: u64 = 64 * 1024;

/// A response of which the head is there.
pub(super) struct Answered {
    pub(super) lease: Lease,
    pub(super) head: Head,
    /// When its head came, in shard nanoseconds.
    pub(super) head_ns: u64,
}

/// A request for which a connection was taken.
pub(super) struct Begun {
    /// An idle one, of which nothing has been read since but what follows.
    pub(super) lease: Lease,
    /// Whether the request was sent on it.
    pub(super) is_sent: bool,
    /// The head of the answer, if that was taken.
    pub(super) answered: Option<PlainlyAnswered>,
}

/// A head that came, and when, in shard nanoseconds.
pub(super) struct PlainlyAnswered {
    pub(super) head: PlainHead,
    pub(super) head_ns: u64,
}

/// Sends one request on an idle connection or a new one, unless that was done, and waits for the
/// response's head.
///
/// A server may close an idle connection just as a request is sent on it. So if an idle one ends
/// without a byte of the response, the request is sent once more on a new one, as browsers do.
pub(super) async fn exchange(
    session: &Inner,
    parts: &Parts,
    hop: &Hop,
    deadline: &mut Deadline,
    begun: Option<Begun>,
) -> Result<Answered, HttpError> {
    let begun = match begun {
        Some(Begun { lease, answered: Some(PlainlyAnswered { head, head_ns }), .. }) => {
            let head = Head::of_lean(head.said, head.bytes)?;
            return Ok(Answered { lease, head, head_ns });
        }
        begun => begun,
    };
    let route = session.route(parts.terms.as_deref(), &hop.target.origin)?;
    let mut is_sent = begun.as_ref().is_some_and(|begun| begun.is_sent);
    let idle = || session.pool.take(&route).or_else(|| session.http2.as_ref()?.ready(&route));
    let mut lease = match begun.map(|begun| begun.lease).or_else(idle) {
        Some(lease) => lease,
        // Boxed, because it is rare and its future is large.
        None => Box::pin(obtain(session, &route, deadline)).await?,
    };
    let mut is_second = false;
    loop {
        let is_reused = lease.is_reused();
        // One that was sent already has been counted, and has no limit.
        let is_last = !is_sent && lease.begin(session.options.requests_per_connection);
        let way = Way { forwarder: route.forwarder(), is_last };
        let n_read = lease.connection.n_read();
        deadline.start_exchange(n_read);
        let sent = match &mut lease.connection {
            Connection::Lean(connection) => {
                parts.keep(|| PreparedRequest::of_http1(session, parts, hop, &way));
                let is_head = *hop.method == Method::HEAD;
                let write = |buffer: &mut Vec<u8>| write(buffer, session, parts, hop, &way);
                match hop.stream(parts) {
                    None => {
                        let unsent = (!mem::take(&mut is_sent)).then_some(write);
                        connection.send(is_head, unsent, deadline).await
                    }
                    Some(stream) => {
                        let upload = stream.open()?;
                        Box::pin(connection.upload(is_head, write, upload, deadline)).await
                    }
                }
            }
            Connection::Hyper(connection) => {
                parts.keep(|| PreparedRequest::of_http1(session, parts, hop, &way));
                connection.send(request(session, parts, hop, &way)?, deadline).await
            }
            Connection::Http2(stream) => {
                let request = http2_request(session, parts, hop, &way, stream);
                parts.keep(|| PreparedRequest::of(hop, request.headers().clone()));
                Box::pin(stream.send(request, hop.open_body(parts)?, deadline)).await
            }
        };
        match sent {
            // On to a new one.
            Ok(head)
                if is_reused
                    && is_told_late(&head)
                    && hop.stream(parts).is_none_or(BodyStream::is_unsent) => {}
            Ok(head) => {
                let head_ns = session.shard.received_ns().max(hop.start_ns);
                deadline.head_came(head_ns);
                return Ok(Answered { lease, head, head_ns });
            }
            Err(error) if !hop.stream(parts).is_none_or(BodyStream::is_unsent) => {
                return Err(error);
            }
            Err(error) if is_reused && error.is_closed() && lease.connection.n_read() == n_read => {
            }
            Err(error) => match &lease.connection {
                Connection::Http2(stream) if !is_second && stream.may_send_again(&error) => {
                    is_second = true;
                }
                _ => return Err(error),
            },
        }
        lease = Box::pin(renew(session, lease, deadline)).await?;
    }
}

/// What the way to the origin adds to a request.
pub(super) struct Way<'a> {
    /// A proxy that is to pass it on.
    pub(super) forwarder: Option<&'a Proxy>,
    /// Whether the connection serves no other after it.
    pub(super) is_last: bool,
}

/// Whether a response was not meant for the request: some servers say 408 on an idle connection
/// before they close it, and it may be read by whoever is the next to use the connection.
fn is_told_late(head: &Head) -> bool {
    let closes = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"close");
    head.status == StatusCode::REQUEST_TIMEOUT && head.headers.get(CONNECTION).is_some_and(closes)
}

impl Answered {
    /// Reads the body as it was sent, and tells when all was there. Lets what is large stay where it
    /// is: a plain request comes through here.
    pub(super) async fn body(
        &mut self,
        session: &Inner,
        deadline: &mut Deadline,
    ) -> Result<(Content, u64), HttpError> {
        let Answered { lease, head, head_ns } = self;
        let connection = &mut lease.connection;
        let n_steps = connection.n_steps();
        let length = head.body_length();
        let limit = session.options.body_bytes_max;
        if length.is_some_and(|length| length > limit) {
            return Err(HttpError::body_too_large(limit));
        }
        // Its decoded length is what counts, so a body of another coding is needed.
        let discards = session.options.discard_bodies && !head.is_encoded;
        let bulk = length.is_some_and(|length| length >= BULK_BYTES)
            && !(discards && connection.may_discard());
        if bulk {
            connection.expect_bulk(true);
        }
        let body = match connection {
            Connection::Lean(connection) if discards => {
                Content::Discarded(connection.discard_body(head, limit, deadline).await?)
            }
            Connection::Lean(connection) => {
                Content::Kept(connection.body(head, limit, deadline).await?)
            }
            // Boxed, so that a plain request does not carry room for it.
            _ if discards => Box::pin(discard(connection, head, limit, deadline)).await?,
            _ => Box::pin(collect(connection, head, limit, deadline)).await?,
        };
        if bulk {
            connection.expect_bulk(false);
        }
        // A small body comes with its head.
        let end_ns = match connection.n_steps() == n_steps {
            true => *head_ns,
            false => session.shard.received_ns().max(*head_ns),
        };
        deadline.body_came(end_ns);
        Ok((body, end_ns))
    }
}

/// A body's length alone.
async fn discard(
    connection: &mut Connection,
    head: &mut Head,
    limit: u64,
    deadline: &mut Deadline,
) -> Result<Content, HttpError> {
    let mut n_bytes = 0;
    while let Some(piece) = connection.next_piece(head, deadline).await? {
        n_bytes += piece.len() as u64;
        if n_bytes > limit {
            return Err(HttpError::body_too_large(limit));
        }
    }
    Ok(Content::Discarded(n_bytes))
}

/// A body, whole.
async fn collect(
    connection: &mut Connection,
    head: &mut Head,
    limit: u64,
    deadline: &mut Deadline,
) -> Result<Content, HttpError> {
    let mut whole = Whole::new(limit);
    while let Some(piece) = connection.next_piece(head, deadline).await? {
        whole.push(piece, head.body_length().unwrap_or(0))?;
    }
    Ok(Content::Kept(whole.finish()))
}

fn request(
    session: &Inner,
    parts: &Parts,
    hop: &Hop,
    way: &Way<'_>,
) -> Result<Request<ReqBody>, HttpError> {
    let mut request = Request::new(hop.open_body(parts)?);
    *request.method_mut() = Method::clone(&hop.method);
    *request.uri_mut() = match way.forwarder {
        None => hop.target.uri.clone(),
        Some(_) => hop.target.text().parse().expect("the URL of a target is one"),
    };
    *request.headers_mut() = headers(session, parts, hop, way);
    Ok(request)
}

/// The headers of a request, but for the length of its body.
pub(super) fn headers(session: &Inner, parts: &Parts, hop: &Hop, way: &Way<'_>) -> HeaderMap {
    let mut headers = session.local.spare_headers();
    headers.insert(HOST, hop.target.origin.host_header.clone());
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    if session.options.accept_headers {
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(ACCEPT_ENCODING, ACCEPTED_CODINGS);
    }
    session.for_headers(|name, value| {
        headers.insert(name, value.clone());
    });
    for (name, value) in &parts.headers {
        headers.insert(name, value.clone());
    }
    let is_streamed = hop.stream(parts).is_some();
    if let Some(content_type) =
        parts.content_type.as_ref().filter(|_| hop.body.is_some() || is_streamed)
        && let Entry::Vacant(entry) = headers.entry(CONTENT_TYPE)
    {
        entry.insert(content_type.clone());
    }
    if hop.is_bare {
        headers.remove(CONTENT_TYPE);
    }
    if way.is_last {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(authorization) = way.forwarder.and_then(|proxy| proxy.authorization.as_ref()) {
        headers.entry(PROXY_AUTHORIZATION).or_insert_with(|| authorization.clone());
    }
    if !hop.is_trusted {
        headers.remove(AUTHORIZATION);
        headers.remove(COOKIE);
    } else if let Some(authorization) = &parts.authorization {
        headers.insert(AUTHORIZATION, authorization.clone());
    } else if parts.digest.is_some() || parts.signer.is_some() {
        // They take the place of a URL's and the session's, as in python-requests.
        if parts.digest.is_some() && !parts.headers.contains_key(AUTHORIZATION) {
            headers.remove(AUTHORIZATION);
        }
    } else if let Some(authorization) = &hop.target.authorization {
        headers.insert(AUTHORIZATION, authorization.clone());
    } else if let Some((origin, authorization)) = session.site.authorization()
        && Rc::ptr_eq(origin, &hop.target.origin)
    {
        headers.entry(AUTHORIZATION).or_insert_with(|| authorization.clone());
    }
    if let Some(signer) = &parts.signer {
        signer.apply(&mut headers);
    }
    let own = if hop.is_trusted { &*parts.cookies } else { "" };
    if let Some(cookies) = session.cookies.header(&hop.target, own)
        && let Entry::Vacant(entry) = headers.entry(COOKIE)
    {
        entry.insert(cookies);
    }
    // The body is sent as it is, whatever was said of it.
    let has_body = hop.body_length(parts) != BodyLength::None;
    headers.remove(TRANSFER_ENCODING);
    if hop.is_bare || has_body {
        headers.remove(CONTENT_LENGTH);
    }
    if !has_body && hop.says_no_body() {
        headers.entry(CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
    }
    headers
}
