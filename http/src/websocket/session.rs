//! A WebSocket that is open.

use super::{
    channel::{Channel, Event},
    message::WebSocketMessage,
};
use crate::{
    connection::Transport,
    error::{HttpError, Phase},
    request::Parts,
};
use hatchery_core::shard::{Shard, Ticket};
use std::{borrow::Cow, collections::VecDeque, fmt, rc::Rc, time::Duration};
use tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// Bytes that a received message may have unless said otherwise.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Messages that came while an answer was waited for, and nobody has received yet.
const INBOX_MESSAGES_MAX: usize = 1024;

/// How long the other side may take to answer a goodbye.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Bytes that the reason of a goodbye may have (RFC 6455, section 5.5).
const REASON_BYTES_MAX: usize = 123;

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
    channel: Channel,
    subprotocol: Option<String>,
    read_limit: Option<Duration>,
    inbox: VecDeque<WebSocketMessage>,
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
        WebSocket {
            channel: Channel::new(&shard, transport, n_bytes),
            shard,
            name: name.into(),
            subprotocol,
            read_limit: parts.limits.read,
            inbox: VecDeque::new(),
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
        self.channel.close_code()
    }

    /// Sends a text; a `WSS` sample.
    ///
    /// # Errors
    /// As [`WebSocket::send`].
    pub async fn send_text(&mut self, text: impl Into<String>) -> Result<(), HttpError> {
        self.send(text.into()).await
    }

    /// Sends bytes; a `WSS` sample.
    ///
    /// # Errors
    /// As [`WebSocket::send`].
    pub async fn send_binary(&mut self, bytes: impl Into<bytes::Bytes>) -> Result<(), HttpError> {
        self.send(bytes.into()).await
    }

    /// Sends a message; a `WSS` sample.
    ///
    /// # Errors
    /// When the session has ended, or the other side takes nothing within the request's
    /// `read_timeout`, which ends it.
    pub async fn send(&mut self, message: impl Into<WebSocketMessage>) -> Result<(), HttpError> {
        self.channel.check_open()?;
        let message = message.into();
        let n_bytes = message.content().len();
        let ticket = self.shard.begin();
        let result = self.channel.transmit(message.0, self.read_limit).await;
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
        if self.channel.has_ended() && self.channel.has_left() {
            return Ok(None);
        }
        self.channel.check_open()?;
        loop {
            let event = self.channel.next_event(self.read_limit).await;
            let result = match event {
                Ok(Event::Pong(_)) => continue,
                Ok(Event::Message(message)) => {
                    self.record_received(&message);
                    return Ok(Some(message));
                }
                Ok(Event::Closed) if self.channel.has_left() => return Ok(None),
                Ok(Event::Closed) => Err(self.channel.closed()),
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
        self.channel.check_open()?;
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
        self.channel.transmit(message.0, self.read_limit).await?;
        loop {
            match self.channel.next_event(self.read_limit).await? {
                Event::Message(message) if is_answer(&message) => return Ok(message),
                Event::Message(message) => self.keep(message)?,
                Event::Pong(_) => {}
                Event::Closed => return Err(self.channel.closed()),
            }
        }
    }

    /// Sends a ping and waits for its pong: a `WSP` sample. Messages that come before it are kept
    /// for [`WebSocket::recv`].
    ///
    /// # Errors
    /// As [`WebSocket::call`].
    pub async fn ping(&mut self) -> Result<Duration, HttpError> {
        self.channel.check_open()?;
        let ticket = self.shard.begin();
        let result = self.pong().await;
        let time = Duration::from_nanos(ticket.elapsed_ns());
        self.record(ticket, PINGED, 0, result.as_ref().err());
        result.map(|()| time)
    }

    async fn pong(&mut self) -> Result<(), HttpError> {
        let payload = self.shard.rng().u64(..).to_be_bytes().to_vec();
        let ping = Message::Ping(payload.clone().into());
        self.channel.transmit(ping, self.read_limit).await?;
        loop {
            match self.channel.next_event(self.read_limit).await? {
                Event::Pong(echo) if echo == payload => return Ok(()),
                Event::Pong(_) => {}
                Event::Message(message) => self.keep(message)?,
                Event::Closed => return Err(self.channel.closed()),
            }
        }
    }

    /// Says goodbye with code 1000, waits for the other side's, and closes the connection. Not
    /// recorded.
    ///
    /// # Errors
    /// When the connection breaks before, or the other side says no goodbye within five seconds.
    pub async fn close(self) -> Result<(), HttpError> {
        self.close_with(1000, "").await
    }

    /// As [`WebSocket::close`], with another code and a reason of at most 123 bytes.
    ///
    /// # Errors
    /// As [`WebSocket::close`], and if there is no such code, or the reason is too long.
    pub async fn close_with(self, code: u16, reason: &str) -> Result<(), HttpError> {
        let code = CloseCode::from(code);
        if !code.is_allowed() {
            let why = "no goodbye may have this code; say 1000, or one of 3000 to 4999";
            return Err(HttpError::invalid_part(&code.to_string(), why));
        }
        if reason.len() > REASON_BYTES_MAX {
            let why = format_args!(
                "the reason of a goodbye has {REASON_BYTES_MAX} bytes at most, and this one {}",
                reason.len()
            );
            return Err(HttpError::invalid_part(reason, why));
        }
        let mut channel = self.channel;
        if channel.has_ended() {
            return match channel.close_code() {
                Some(_) => Ok(()),
                None => Err(HttpError::websocket_ended()),
            };
        }
        let frame = CloseFrame { code, reason: reason.into() };
        let goodbye = async {
            channel.transmit(Message::Close(Some(frame)), None).await?;
            // What comes before the goodbye is of no use to anybody.
            while !matches!(channel.next_event(None).await?, Event::Closed) {}
            Ok(())
        };
        let said = self.shard.timeout(CLOSE_LIMIT, goodbye).await;
        said.unwrap_or_else(|_| Err(HttpError::timed_out(Phase::Waiting, CLOSE_LIMIT)))
    }

    /// Keeps a message for later.
    fn keep(&mut self, message: WebSocketMessage) -> Result<(), HttpError> {
        self.record_received(&message);
        if self.inbox.len() >= INBOX_MESSAGES_MAX {
            self.channel.end();
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
