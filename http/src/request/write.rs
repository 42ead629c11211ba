//! A request as bytes, for the lean connection.

use super::{
    body::BodyLength,
    exchange::{Way, headers},
    follow::Hop,
    label::Label,
    parts::Parts,
};
use crate::{session::Inner, site::Target};
use http::{Method, header::ACCEPT_ENCODING};
use std::{io::Write, rc::Rc};

/// A request of which all is known beforehand, as most of a load test are.
#[inline]
pub(super) fn known<'t>(
    session: &Inner,
    label: &'t Label,
    parts: Option<&Parts>,
) -> Option<&'t Rc<[u8]>> {
    let is_known = parts.is_none()
        && *label.method == Method::GET
        && session.cookies.is_empty()
        && is_bare(session, &label.first);
    if is_known { label.first.get_request(session.options.accept_headers) } else { None }
}

/// Puts a request into a buffer.
pub(super) fn write(
    buffer: &mut Vec<u8>,
    session: &Inner,
    parts: &Parts,
    hop: &Hop,
    way: &Way<'_>,
) {
    let is_plain = is_plain(session, parts, hop, way);
    if is_plain
        && *hop.method == Method::GET
        && hop.body.is_none()
        && let Some(lines) = hop.target.get_lines(session.options.accept_headers)
    {
        buffer.extend_from_slice(lines);
        write_cookies(buffer, session, hop);
        return buffer.extend_from_slice(b"\r\n");
    }
    let body = hop.body.as_deref().unwrap_or_default();
    buffer.extend_from_slice(hop.method.as_str().as_bytes());
    buffer.push(b' ');
    if way.forwarder.is_some() {
        buffer.extend_from_slice(hop.target.origin.text.as_bytes());
    }
    buffer.extend_from_slice(hop.target.path().as_bytes());
    if is_plain {
        write_plain(buffer, session, parts, hop, body);
    } else {
        write_headers(buffer, session, parts, hop, way);
    }
    buffer.extend_from_slice(b"\r\n");
    buffer.extend_from_slice(body);
}

/// Whether all headers are known beforehand, but for the body's and the cookies.
fn is_plain(session: &Inner, parts: &Parts, hop: &Hop, way: &Way<'_>) -> bool {
    parts.headers.is_empty()
        && parts.stream.is_none()
        && parts.authorization.is_none()
        && parts.signer.is_none()
        && parts.cookies.is_empty()
        && hop.is_trusted
        && !hop.is_bare
        && !way.is_last
        && way.forwarder.is_none()
        && is_bare(session, &hop.target)
}

/// Whether neither the session nor the target's URL adds a header to a request, but for cookies.
#[inline]
fn is_bare(session: &Inner, target: &Target) -> bool {
    target.authorization.is_none()
        && !session.has_headers()
        && session.site.authorization().is_none()
}

fn write_plain(buffer: &mut Vec<u8>, session: &Inner, parts: &Parts, hop: &Hop, body: &[u8]) {
    buffer.extend_from_slice(hop.target.origin.head_lines(session.options.accept_headers));
    if let Some(content_type) = parts.content_type.as_ref().filter(|_| hop.body.is_some()) {
        write_line(buffer, b"content-type", content_type.as_bytes());
    }
    if !body.is_empty() || hop.says_no_body() {
        write_length(buffer, body.len() as u64);
    }
    write_cookies(buffer, session, hop);
}

fn write_cookies(buffer: &mut Vec<u8>, session: &Inner, hop: &Hop) {
    if let Some(cookies) = session.cookies.header(&hop.target, "") {
        write_line(buffer, b"cookie", cookies.as_bytes());
    }
}

/// Puts a request for another protocol into a buffer; its own headers say for which.
pub(crate) fn write_upgrade(buffer: &mut Vec<u8>, session: &Inner, parts: &Parts, hop: &Hop) {
    buffer.extend_from_slice(b"GET ");
    buffer.extend_from_slice(hop.target.path().as_bytes());
    buffer.extend_from_slice(b" HTTP/1.1\r\n");
    let way = Way { forwarder: None, is_last: false };
    let mut headers = headers(session, parts, hop, &way);
    headers.remove(ACCEPT_ENCODING);
    for (name, value) in &headers {
        write_line(buffer, name.as_str().as_bytes(), value.as_bytes());
    }
    buffer.extend_from_slice(b"\r\n");
}

fn write_headers(buffer: &mut Vec<u8>, session: &Inner, parts: &Parts, hop: &Hop, way: &Way<'_>) {
    buffer.extend_from_slice(b" HTTP/1.1\r\n");
    let headers = headers(session, parts, hop, way);
    match hop.body_length(parts) {
        BodyLength::None => {}
        BodyLength::Known(n_bytes) => write_length(buffer, n_bytes),
        BodyLength::Unknown => write_line(buffer, b"transfer-encoding", b"chunked"),
    }
    for (name, value) in &headers {
        write_line(buffer, name.as_str().as_bytes(), value.as_bytes());
    }
    session.local.keep_headers(headers);
}

fn write_line(buffer: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    buffer.extend_from_slice(name);
    buffer.extend_from_slice(b": ");
    buffer.extend_from_slice(value);
    buffer.extend_from_slice(b"\r\n");
}

fn write_length(buffer: &mut Vec<u8>, n_bytes: u64) {
    write!(buffer, "content-length: {n_bytes}\r\n").expect("a vector takes every write");
}
