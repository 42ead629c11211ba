//! A WebSocket that is open.

use super::{message::WebSocketMessage, wire::Wire};
use crate::{
    connection::Transport,
    error::{HttpError, Phase},
    request::Parts,
};
use hatchery_core::shard::{Shard, Ticket};
use std::{
    borrow::Cow,
    collections::VecDeque,
    fmt,
    future::poll_fn,
    io::ErrorKind,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tungstenite::{
    Error, Message,
    error::ProtocolError,
    protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext, frame::coding::CloseCode},
};

/// Bytes that a received message may have unless said otherwise.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Bytes that are read at a time; there is a buffer of so many per session.
const READ_BYTES: usize = 4096;

/// Messages that came while an answer was waited for, and nobody has received yet.
const INBOX_MESSAGES_MAX: usize = 1024;

/// How long the other side may take to answer a goodbye.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

const SENT: &str = "WSS";
const RECEIVED: &str = "WSR";
const CALLED: &str = "WSC";
const PINGED: &str = "WSP";

/// An open WebSocket, from [`crate::HttpSession::websocket`].
///
/// Its messages are samples, of the types that Locust's `contrib` uses:
///
/// | type | what | response time |
/// | --- | --- | --- |
/// | `WS` | the upgrade | until the server agrees |
/// | `WSS` | a message sent | until it is on its way |
/// | `WSR` | a message received | 0: nobody asked for it |
/// | `WSC` | a [`WebSocket::call`] | until the answer |
/// | `WSP` | a [`WebSocket::ping`] | until the pong |
///
/// They have the upgrade's name until [`WebSocket::set_name`] gives them another. A peer that
/// vanishes, or breaks the protocol, is one failure; what is called afterwards is an error that is
/// not recorded. Pings of the server are answered while the session is read from or written to.
/// Dropping it closes the connection without a goodbye.
///
/// ```ignore
/// let mut socket = self.client.websocket("/feed").await?;
/// socket.send_text(r#"{"subscribe": "prices"}"#).await?;
/// while let Some(message) = socket.recv().await? {
///     // …
/// }
/// ```
pub struct WebSocket {
    shard: Rc<Shard>,
    name: Cow<'static, str>,
    context: WebSocketContext,
    /// `None` once the session has ended.
    transport: Option<Transport>,
    subprotocol: Option<String>,
    read_limit: Option<Duration>,
    inbox: VecDeque<WebSocketMessage>,
    /// The other side's goodbye.
    goodbye: Option<Option<CloseFrame>>,
}

/// Something that came.
enum Event {
    Message(WebSocketMessage),
    Pong(Vec<u8>),
    Closed,
}

impl WebSocket {
    pub(super) fn new(
        shard: Rc<Shard>,
        transport: Transport,
        name: String,
        subprotocol: Option<String>,
        parts: &Parts,
    ) -> WebSocket {
        let n_bytes = parts.message_bytes_max.unwrap_or(MESSAGE_BYTES_MAX);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(n_bytes))
            .max_frame_size(Some(n_bytes));
        WebSocket {
            shard,
            name: name.into(),
            context: WebSocketContext::new(Role::Client, Some(config)),
            transport: Some(transport),
            subprotocol,
            read_limit: parts.limits.read,
            inbox: VecDeque::new(),
            goodbye: None,
        }
    }

    /// Names the samples from now on.
    pub fn set_name(&mut self, name: impl Into<Cow<'static, str>>) {
        self.name = name.into();
    }

    /// The subprotocol that the server chose.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Code and reason of the other side's goodbye, if it said one; 1005 if it gave no code.
    pub fn close_code(&self) -> Option<(u16, &str)> {
        let goodbye = self.goodbye.as_ref()?.as_ref();
        Some(goodbye.map_or((1005, ""), |frame| (frame.code.into(), frame.reason.as_str())))
    }

    /// Sends a text; a `WSS` sample.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn send_text(&mut self, text: impl Into<String>) -> Result<(), HttpError> {
        self.send(text.into()).await
    }

    /// Sends bytes; a `WSS` sample.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn send_binary(&mut self, bytes: impl Into<bytes::Bytes>) -> Result<(), HttpError> {
        self.send(bytes.into()).await
    }

    /// Sends a message; a `WSS` sample.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn send(&mut self, message: impl Into<WebSocketMessage>) -> Result<(), HttpError> {
        self.check_open()?;
        let message = message.into();
        let n_bytes = message.content().len();
        let ticket = self.shard.begin();
        let result = self.transmit(message.0).await;
        self.record(ticket, SENT, n_bytes, result.as_ref().err());
        result
    }

    /// The next message, or `None` when the other side has said goodbye. A `WSR` sample when it
    /// comes; waiting for it is none.
    ///
    /// # Errors
    /// When the connection breaks, the message is too large, the goodbye is one for a reason
    /// (neither 1000 nor 1001), or nothing comes within the request's `read_timeout`, after which
    /// the session goes on.
    pub async fn recv(&mut self) -> Result<Option<WebSocketMessage>, HttpError> {
        // Those were recorded when they came.
        if let Some(message) = self.inbox.pop_front() {
            return Ok(Some(message));
        }
        if self.transport.is_none() && self.has_left() {
            return Ok(None);
        }
        self.check_open()?;
        loop {
            let event = self.next_event(self.read_limit).await;
            let result = match event {
                Ok(Event::Pong(_)) => continue,
                Ok(Event::Message(message)) => {
                    self.record_received(&message);
                    return Ok(Some(message));
                }
                Ok(Event::Closed) if self.has_left() => return Ok(None),
                Ok(Event::Closed) => Err(self.closed()),
                Err(error) => Err(error),
            };
            self.record(self.shard.begin(), RECEIVED, 0, result.as_ref().err());
            return result;
        }
    }

    /// Sends a message and waits for the next one, its answer: one `WSC` sample with the time
    /// from the one to the other.
    ///
    /// # Errors
    /// As [`WebSocket::recv`], and when the other side leaves without an answer.
    pub async fn call(
        &mut self,
        message: impl Into<WebSocketMessage>,
    ) -> Result<WebSocketMessage, HttpError> {
        self.call_matching(message, |_| true).await
    }

    /// As [`WebSocket::call`], but the answer is the first message that `is_answer` says it is.
    /// Others that come before it are kept for [`WebSocket::recv`], 1,024 at most.
    ///
    /// # Errors
    /// As [`WebSocket::call`].
    pub async fn call_matching(
        &mut self,
        message: impl Into<WebSocketMessage>,
        is_answer: impl FnMut(&WebSocketMessage) -> bool,
    ) -> Result<WebSocketMessage, HttpError> {
        self.check_open()?;
        let ticket = self.shard.begin();
        let result = self.answer_to(message.into(), is_answer).await;
        let n_bytes = result.as_ref().map_or(0, |answer| answer.content().len());
        self.record(ticket, CALLED, n_bytes, result.as_ref().err());
        result
    }

    async fn answer_to(
        &mut self,
        message: WebSocketMessage,
        mut is_answer: impl FnMut(&WebSocketMessage) -> bool,
    ) -> Result<WebSocketMessage, HttpError> {
        self.transmit(message.0).await?;
        loop {
            match self.next_event(self.read_limit).await? {
                Event::Message(message) if is_answer(&message) => return Ok(message),
                Event::Message(message) => self.keep(message)?,
                Event::Pong(_) => {}
                Event::Closed => return Err(self.closed()),
            }
        }
    }

    /// Sends a ping and waits for its pong: a `WSP` sample. Messages that come before it are kept
    /// for [`WebSocket::recv`].
    ///
    /// # Errors
    /// As [`WebSocket::call`].
    pub async fn ping(&mut self) -> Result<Duration, HttpError> {
        self.check_open()?;
        let ticket = self.shard.begin();
        let result = self.pong().await;
        let time = Duration::from_nanos(ticket.elapsed_ns());
        self.record(ticket, PINGED, 0, result.as_ref().err());
        result.map(|()| time)
    }

    async fn pong(&mut self) -> Result<(), HttpError> {
        let payload = self.shard.rng().u64(..).to_be_bytes().to_vec();
        self.transmit(Message::Ping(payload.clone().into())).await?;
        loop {
            match self.next_event(self.read_limit).await? {
                Event::Pong(echo) if echo == payload => return Ok(()),
                Event::Pong(_) => {}
                Event::Message(message) => self.keep(message)?,
                Event::Closed => return Err(self.closed()),
            }
        }
    }

    /// Says goodbye with code 1000, waits for the other side's, and closes the connection. Not
    /// recorded.
    ///
    /// # Errors
    /// When the connection breaks before, or the other side says nothing for five seconds.
    pub async fn close(self) -> Result<(), HttpError> {
        self.close_with(1000, "").await
    }

    /// As [`WebSocket::close`], with another code and a reason of at most 123 bytes.
    ///
    /// # Errors
    /// As [`WebSocket::close`], and if there is no such code, or the reason is too long.
    pub async fn close_with(mut self, code: u16, reason: &str) -> Result<(), HttpError> {
        let code = CloseCode::from(code);
        if !code.is_allowed() || reason.len() > 123 {
            let what = format_args!("a goodbye with code {code} and {} bytes", reason.len());
            return Err(HttpError::invalid(what));
        }
        if self.transport.is_none() {
            return if self.goodbye.is_some() { Ok(()) } else { Err(HttpError::websocket_ended()) };
        }
        self.transmit(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await?;
        // What comes before the goodbye is of no use to anybody.
        while !matches!(self.next_event(Some(CLOSE_LIMIT)).await?, Event::Closed) {}
        Ok(())
    }

    fn check_open(&self) -> Result<(), HttpError> {
        match (&self.transport, &self.goodbye) {
            (Some(_), None) => Ok(()),
            (_, Some(_)) => Err(self.closed()),
            (None, None) => Err(HttpError::websocket_ended()),
        }
    }

    /// Whether the other side has left as one does.
    fn has_left(&self) -> bool {
        matches!(self.close_code(), Some((1000 | 1001 | 1005, _)))
    }

    fn closed(&self) -> HttpError {
        let (code, reason) = self.close_code().unwrap_or((1006, ""));
        HttpError::websocket_closed(code, reason)
    }

    /// Keeps a message for later.
    fn keep(&mut self, message: WebSocketMessage) -> Result<(), HttpError> {
        self.record_received(&message);
        if self.inbox.len() >= INBOX_MESSAGES_MAX {
            self.transport = None;
            return Err(HttpError::inbox_full(INBOX_MESSAGES_MAX));
        }
        self.inbox.push_back(message);
        Ok(())
    }

    fn record_received(&self, message: &WebSocketMessage) {
        let entry = self.shard.entry(RECEIVED, &self.name);
        let n_bytes = message.content().len() as u64;
        let names = || (RECEIVED.into(), self.name.clone());
        self.shard.begin().finish_after(0, entry, 0, n_bytes, None, names);
    }

    fn record(
        &self,
        ticket: Ticket,
        kind: &'static str,
        n_bytes: usize,
        error: Option<&HttpError>,
    ) {
        let entry = self.shard.entry(kind, &self.name);
        let failure = error.map(HttpError::to_failure);
        let names = || (kind.into(), self.name.clone());
        ticket.finish(entry, 0, n_bytes as u64, failure.as_ref(), names);
    }

    /// Sends a message, once the socket has taken what was sent before.
    async fn transmit(&mut self, message: Message) -> Result<(), HttpError> {
        let mut message = Some(message);
        let sent = poll_fn(|cx| {
            let Some(transport) = &mut self.transport else {
                return Poll::Ready(Err(HttpError::websocket_ended()));
            };
            let mut wire = Wire { transport, cx };
            let sent = match message.take() {
                // If it has to wait, it is kept to be flushed.
                Some(Message::Close(frame)) => self.context.close(&mut wire, frame),
                Some(message) => match self.context.write(&mut wire, message) {
                    Ok(()) => self.context.flush(&mut wire),
                    error => error,
                },
                None => self.context.flush(&mut wire),
            };
            or_pending(sent)
        });
        let sent = sent.await;
        if sent.is_err() {
            self.transport = None;
        }
        sent
    }

    /// What comes next, within a time if one is given; an error other than that ends the session.
    async fn next_event(&mut self, limit: Option<Duration>) -> Result<Event, HttpError> {
        let mut sleep = limit.map(|limit| (self.shard.sleep(limit), limit));
        poll_fn(|cx| {
            if let Poll::Ready(event) = self.poll_event(cx) {
                if !matches!(event, Ok(Event::Message(_) | Event::Pong(_))) {
                    self.transport = None;
                }
                return Poll::Ready(event);
            }
            let Some((sleep, limit)) = &mut sleep else { return Poll::Pending };
            ready!(Pin::new(sleep).poll(cx));
            Poll::Ready(Err(HttpError::stalled(Phase::Waiting, *limit)))
        })
        .await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event, HttpError>> {
        loop {
            let Some(transport) = &mut self.transport else {
                return Poll::Ready(Err(HttpError::websocket_ended()));
            };
            let mut wire = Wire { transport, cx };
            match ready!(or_pending(self.context.read(&mut wire)))? {
                message @ (Message::Text(_) | Message::Binary(_)) => {
                    return Poll::Ready(Ok(Event::Message(WebSocketMessage(message))));
                }
                Message::Pong(payload) => return Poll::Ready(Ok(Event::Pong(payload.to_vec()))),
                Message::Close(frame) => {
                    self.goodbye = Some(frame);
                    // Ours, as far as the socket takes it; nobody waits for it.
                    let _ = self.context.flush(&mut wire);
                    return Poll::Ready(Ok(Event::Closed));
                }
                // The next read answers it.
                Message::Ping(_) | Message::Frame(_) => {}
            }
        }
    }
}

fn or_pending<T>(result: Result<T, Error>) -> Poll<Result<T, HttpError>> {
    match result {
        Ok(value) => Poll::Ready(Ok(value)),
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        Err(Error::Io(error)) => Poll::Ready(Err(HttpError::read(&error))),
        // Without a goodbye.
        Err(
            Error::ConnectionClosed | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake),
        ) => Poll::Ready(Err(HttpError::websocket_closed(1006, "no goodbye"))),
        Err(Error::Capacity(error)) => Poll::Ready(Err(HttpError::message_too_large(&error))),
        Err(error) => Poll::Ready(Err(HttpError::websocket(&error))),
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("name", &self.name)
            .field("subprotocol", &self.subprotocol)
            .field("close_code", &self.close_code())
            .finish_non_exhaustive()
    }
}
