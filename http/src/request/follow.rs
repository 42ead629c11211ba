//! Redirects, by python-requests' rules.

use super::{
    body_stream::BodyStream,
    deadline::Deadline,
    exchange::{Begun, exchange},
    open::Open,
    parts::Parts,
    verb::Verb,
};
use crate::{
    connection::Head,
    error::HttpError,
    response::{Content, Response, decode},
    session::Inner,
    site::{Target, quoted_url},
};
use bytes::Bytes;
use hatchery_core::shard::Ticket;
use http::{Method, header::LOCATION};
use std::rc::Rc;
use url::Url;

/// One step of a request: the first, or where a redirect leads.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    pub(crate) method: Verb,
    pub(crate) target: Rc<Target>,
    pub(crate) body: Option<Bytes>,
    /// Whether a redirect took the body away, and the headers that describe it with it.
    pub(crate) is_bare: bool,
    /// Whether it goes to the host that the user meant: credentials go to no other.
    pub(crate) is_trusted: bool,
    /// When it begins, in shard nanoseconds.
    pub(crate) start_ns: u64,
}

impl Hop {
    pub(crate) fn first(method: Verb, target: Rc<Target>, parts: &Parts, start_ns: u64) -> Hop {
        let body = parts.body.clone();
        Hop { method, target, body, is_bare: false, is_trusted: true, start_ns }
    }

    /// The body, if it is made while it is sent.
    #[inline]
    pub(super) fn stream<'p>(&self, parts: &'p Parts) -> Option<&'p BodyStream> {
        parts.stream.as_ref().filter(|_| !self.is_bare)
    }
}

/// What became of a request.
pub(super) struct Followed {
    pub(super) response: Response,
    /// When it was complete, or its head if it is streamed; in shard nanoseconds.
    pub(super) end_ns: u64,
    /// The rest of a streamed response. Boxed, so that others do not carry room for it.
    pub(super) open: Option<Box<Open>>,
}

/// Sends a request, unless that has begun, and follows its redirects.
pub(super) async fn follow(
    session: &Inner,
    parts: &Parts,
    mut hop: Hop,
    ticket: &Ticket,
    mut begun: Option<Begun>,
) -> Result<Followed, HttpError> {
    let follows = parts.allow_redirects.unwrap_or(*hop.method != Method::HEAD);
    let mut deadline = Deadline::start(&session.shard, parts.limits, ticket);
    let mut history = vec![];
    loop {
        if let Some(signer) = &parts.signer {
            signer.sign(session, parts, &hop);
        }
        let mut answered = exchange(session, parts, &hop, &mut deadline, begun.take()).await?;
        if answered.head.sets_cookies {
            session.cookies.store(&answered.head.headers, &hop.target);
        }
        let next = match follows && is_redirect(answered.head.status.as_u16()) {
            true => next(session, &hop, &answered.head)?,
            false => None,
        };
        let elapsed_ns = answered.head_ns - hop.start_ns;
        let local = Rc::clone(&session.local);
        if parts.is_streamed && next.is_none() {
            let end_ns = answered.head_ns;
            let head = &mut answered.head;
            let mut response =
                Response::new(local, &hop.method, &hop.target, head, Content::EMPTY, elapsed_ns);
            response.set_request(parts);
            response.set_history(history);
            let open = Some(Box::new(Open::new(answered, deadline)));
            return Ok(Followed { response, end_ns, open });
        }
        let n_steps = answered.lease.connection.n_steps();
        let is_plain = answered.head.is_plain;
        let (body, end_ns) = answered.body(session, &mut deadline).await?;
        // Its body came as one piece, with the head or after it.
        let is_whole = answered.lease.connection.n_steps() <= n_steps + 1;
        hop.target.is_plain.set(is_plain && is_whole);
        session.give_back(answered.lease)?;
        let head = &mut answered.head;
        // Not part of the response time: it is this core's work, not the server's.
        let body = match (head.is_encoded, body) {
            (true, Content::Kept(body)) => {
                let body = decode(&head.headers, body, session.options.body_bytes_max)?;
                match session.options.discard_bodies {
                    true => Content::Discarded(body.len() as u64),
                    false => Content::Kept(body),
                }
            }
            (_, body) => body,
        };
        let mut response = Response::new(local, &hop.method, &hop.target, head, body, elapsed_ns);
        response.set_request(parts);
        let Some(next) = next else {
            response.set_history(history);
            return Ok(Followed { response, end_ns, open: None });
        };
        let limit = session.options.redirects_max as usize;
        if history.len() >= limit {
            return Err(HttpError::too_many_redirects(limit));
        }
        history.push(response);
        hop = Hop { start_ns: end_ns, ..next };
    }
}

/// Whether a status sends the client elsewhere, if the response says where.
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads, if it says so.
fn next(session: &Inner, hop: &Hop, head: &Head) -> Result<Option<Hop>, HttpError> {
    let location = head.headers.get(LOCATION).filter(|location| !location.is_empty());
    let Some(location) = location else { return Ok(None) };
    // Servers write UTF-8 here that they ought to have encoded.
    let location = String::from_utf8_lossy(location.as_bytes());
    let from = hop.target.url();
    let to = from
        .join(&quoted_url(&location))
        .map_err(|error| HttpError::invalid_url(&location, error))?;
    let same_origin = from.origin() == to.origin();
    let mut target = match same_origin {
        // Keeps the connection, and a unix socket.
        true => Target::below(&hop.target.origin, &to)?,
        false => Target::of_url(&session.local, &to)?,
    };
    let is_trusted = hop.is_trusted && may_keep_credentials(from, &to);
    if is_trusted {
        target.authorization.clone_from(&hop.target.authorization);
    }
    let status = head.status.as_u16();
    let keeps_body = matches!(status, 307 | 308);
    Ok(Some(Hop {
        method: session.local.verbs.of(redirected_method(status, &hop.method)),
        target: Rc::new(target),
        body: hop.body.clone().filter(|_| keeps_body),
        is_bare: hop.is_bare || !keeps_body,
        is_trusted,
        start_ns: hop.start_ns,
    }))
}

/// Whether credentials meant for one URL may go to the other: python-requests'
/// `should_strip_auth`, turned round.
fn may_keep_credentials(from: &Url, to: &Url) -> bool {
    if from.host() != to.host() {
        return false;
    }
    let ports = (from.port_or_known_default(), to.port_or_known_default());
    let is_upgrade = from.scheme() == "http" && to.scheme() == "https";
    if is_upgrade && ports == (Some(80), Some(443)) {
        return true;
    }
    from.scheme() == to.scheme() && ports.0 == ports.1
}

/// The method after a redirect: browsers' habits rather than the standard's letter.
fn redirected_method(status: u16, method: &Method) -> Method {
    match status {
        303 | 302 if *method != Method::HEAD => Method::GET,
        301 if *method == Method::POST => Method::GET,
        _ => method.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_change_as_in_python_requests() {
        let cases = [
            (301, Method::POST, Method::GET),
            (301, Method::PUT, Method::PUT),
            (302, Method::POST, Method::GET),
            (302, Method::PUT, Method::GET),
            (302, Method::HEAD, Method::HEAD),
            (303, Method::DELETE, Method::GET),
            (303, Method::HEAD, Method::HEAD),
            (307, Method::POST, Method::POST),
            (308, Method::PUT, Method::PUT),
        ];
        for (status, from, to) in cases {
            assert_eq!(redirected_method(status, &from), to, "{status} {from}");
        }
    }

    #[test]
    fn credentials_go_to_the_same_host_and_up_to_tls_only() {
        let keeps = |from: &str, to: &str| {
            may_keep_credentials(&from.parse().expect("a URL"), &to.parse().expect("a URL"))
        };
        assert!(keeps("http://a/x", "http://a:80/y"));
        assert!(keeps("http://a/x", "https://a/y"));
        assert!(!keeps("https://a/x", "http://a/y"));
        assert!(!keeps("http://a/x", "http://b/x"));
        assert!(!keeps("http://a/x", "http://a:8080/x"));
        assert!(!keeps("http://a:8080/x", "https://a/x"));
    }
}
