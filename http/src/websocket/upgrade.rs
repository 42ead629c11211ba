//! Asking a server for a WebSocket.

use super::session::WebSocket;
use crate::{
    connection::{Head, Transport, reason, upgrade},
    error::HttpError,
    request::{Deadline, Hop, Label, Parts, RequestBuilder, Sent, write_upgrade},
    session::Inner,
};
use hatchery_core::shard::Ticket;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};
use std::{
    borrow::Cow,
    future::{Future, IntoFuture},
    pin::Pin,
    rc::Rc,
};
use tungstenite::handshake::{client::generate_key, derive_accept_key};

/// Marks a request for a WebSocket; see [`crate::HttpSession::websocket`].
#[derive(Clone, Copy, Debug)]
pub struct Upgrading;

/// The type under which upgrades are recorded, as in Locust's `contrib`.
const KIND: &[u8] = b"WS";

impl RequestBuilder<'_, Upgrading> {
    /// The protocols to be spoken over it, the dearest first; the server chooses. See
    /// [`WebSocket::subprotocol`].
    pub fn subprotocols<'p>(self, names: impl IntoIterator<Item = &'p str>) -> Self {
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        if names.is_empty() { self } else { self.header(SEC_WEBSOCKET_PROTOCOL, names) }
    }

    /// Bytes that a received message may have, 16 MiB unless said otherwise; a larger one is a
    /// failure, and ends the session.
    pub fn message_bytes_max(mut self, n_bytes: usize) -> Self {
        self.parts().message_bytes_max = Some(n_bytes);
        self
    }
}

impl<'a> IntoFuture for RequestBuilder<'a, Upgrading> {
    type Output = Result<WebSocket, HttpError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        let (session, path, name, parts) = self.into_parts();
        Box::pin(async move { connect(&session, path, name, *parts).await })
    }
}

async fn connect(
    session: &Rc<Inner>,
    path: Cow<'static, str>,
    name: Option<Cow<'static, str>>,
    mut parts: Parts,
) -> Result<WebSocket, HttpError> {
    if let Some(error) = parts.error.take() {
        return Err(error);
    }
    let query = Some(&*parts.query).filter(|query| !query.is_empty());
    let first = session.site.target(&session.local, path, query)?;
    let given = name.or_else(|| session.request_name());
    let method = session.local.verbs.of(Method::from_bytes(KIND).expect("it is a word"));
    let label = Label { method, given, first };
    let ticket = session.begin(Some(&parts));
    let key = generate_key();
    let headers = &mut parts.headers;
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::try_from(&key).expect("it is Base64"));
    let shaken = shake_hands(session, &mut parts, &label, &key, &ticket).await;
    let response_time_ns = ticket.elapsed_ns();
    let name = label.name().to_owned();
    let sent = Sent { ticket, label, response_time_ns };
    match shaken {
        Ok((transport, subprotocol)) => {
            sent.record(&session.shard, 101, 0, None);
            let shard = Rc::clone(&session.shard);
            Ok(WebSocket::new(shard, transport, name, subprotocol, &parts))
        }
        Err((status, error)) => {
            sent.record(&session.shard, status, 0, Some(&error.to_failure()));
            Err(error)
        }
    }
}

type Shaken = (Transport, Option<String>);

/// Sends the request and looks at what comes of it; an error has the status that it came with.
async fn shake_hands(
    session: &Inner,
    parts: &mut Parts,
    label: &Label,
    key: &str,
    ticket: &Ticket,
) -> Result<Shaken, (u16, HttpError)> {
    let (target, failed) = (&label.first, |error| (0, error));
    let route = session.route(parts.terms.as_deref(), &target.origin).map_err(failed)?;
    let mut deadline = Deadline::start(&session.shard, parts.limits, ticket);
    let get = session.local.verbs.of(Method::GET);
    let hop = Hop::first(get, Rc::clone(target), parts, ticket.start_ns());
    if let Some(signer) = &parts.signer {
        signer.sign(session, parts, &hop);
    }
    parts.answer_known(session, &hop).map_err(failed)?;
    let mut has_answered = false;
    loop {
        let write = |buffer: &mut Vec<u8>| write_upgrade(buffer, session, parts, &hop);
        let upgraded = upgrade(session, &route, write, &mut deadline).await;
        let (head, transport) = upgraded.map_err(failed)?;
        if head.sets_cookies {
            session.cookies.store(&head.headers, target);
        }
        let status = head.status.as_u16();
        // On another connection. Whoever refuses a good answer wants another user.
        if status == 401
            && !has_answered
            && parts.answer(session, &head.headers, &hop).map_err(failed)?
        {
            has_answered = true;
            continue;
        }
        return match check(&head, &parts.headers, key, label.name()) {
            Ok(subprotocol) => Ok((transport, subprotocol)),
            Err(error) => Err((status, error)),
        };
    }
}

/// Whether the server agrees, and on which protocol.
fn check(
    head: &Head,
    asked: &HeaderMap,
    key: &str,
    name: &str,
) -> Result<Option<String>, HttpError> {
    let status = head.status.as_u16();
    if status != 101 {
        let reason = reason(status, head.reason.as_ref());
        return Err(match status >= 400 {
            true => HttpError::bad_status(status, reason, name),
            false => HttpError::not_upgraded(format_args!("the server answers {status} {reason}")),
        });
    }
    let text = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let is_among = |list: &str, word: &str| {
        list.split(',').any(|known| known.trim().eq_ignore_ascii_case(word))
    };
    if !text(UPGRADE).is_some_and(|value| is_among(value, "websocket"))
        || !text(CONNECTION).is_some_and(|value| is_among(value, "upgrade"))
    {
        return Err(HttpError::not_upgraded("the server upgrades to something else"));
    }
    if text(SEC_WEBSOCKET_ACCEPT) != Some(&derive_accept_key(key.as_bytes())) {
        return Err(HttpError::not_upgraded("Sec-WebSocket-Accept does not fit the key"));
    }
    let Some(chosen) = text(SEC_WEBSOCKET_PROTOCOL) else { return Ok(None) };
    let asked = asked.get(SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
    match asked.is_some_and(|asked| is_among(asked, chosen)) {
        true => Ok(Some(chosen.to_owned())),
        false => {
            let why = format_args!("the server chose the subprotocol '{chosen}' unasked");
            Err(HttpError::not_upgraded(why))
        }
    }
}
