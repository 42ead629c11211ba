//! The frames of a WebSocket: tungstenite on a connection of the ring.

use super::{message::WebSocketMessage, wire::Wire};
use crate::{
    connection::Transport,
    error::{HttpError, Phase},
};
use hatchery_core::{clock::duration_ns, shard::Shard};
use std::{
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
    protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext},
};

/// Bytes that are read at a time; there is a buffer of so many per session.
const READ_BYTES: usize = 4096;

/// What goes to the other side and comes from it, until one of them leaves.
pub(super) struct Channel {
    shard: Rc<Shard>,
    context: WebSocketContext,
    /// `None` once the session has ended.
    transport: Option<Transport>,
    /// The other side's goodbye.
    goodbye: Option<Option<CloseFrame>>,
    /// Bytes handed to the socket so far.
    n_sent: u64,
}

/// Something that came.
pub(super) enum Event {
    Message(WebSocketMessage),
    Pong(Vec<u8>),
    Closed,
}

impl Channel {
    /// One whose messages have so many bytes at most.
    pub(super) fn new(shard: &Rc<Shard>, transport: Transport, message_bytes_max: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max));
        Channel {
            shard: Rc::clone(shard),
            context: WebSocketContext::new(Role::Client, Some(config)),
            transport: Some(transport),
            goodbye: None,
            n_sent: 0,
        }
    }

    /// Closes the connection without a word.
    pub(super) fn end(&mut self) {
        self.transport = None;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.transport.is_none()
    }

    /// Code and reason of the other side's goodbye, if it said one; 1005 if it gave no code.
    pub(super) fn close_code(&self) -> Option<(u16, &str)> {
        let goodbye = self.goodbye.as_ref()?.as_ref();
        Some(goodbye.map_or((1005, ""), |frame| (frame.code.into(), frame.reason.as_str())))
    }

    pub(super) fn check_open(&self) -> Result<(), HttpError> {
        match (&self.transport, &self.goodbye) {
            (Some(_), None) => Ok(()),
            (_, Some(_)) => Err(self.closed()),
            (None, None) => Err(HttpError::websocket_ended()),
        }
    }

    /// Whether the other side has left as one does.
    pub(super) fn has_left(&self) -> bool {
        matches!(self.close_code(), Some((1000 | 1001 | 1005, _)))
    }

    /// The other side's leaving as an error.
    pub(super) fn closed(&self) -> HttpError {
        let (code, reason) = self.close_code().unwrap_or((1006, ""));
        HttpError::websocket_closed(code, reason)
    }

    /// Sends a message, once the socket has taken what was sent before. An error ends the session;
    /// it is one too that the socket takes nothing for as long as the limit says.
    pub(super) async fn transmit(
        &mut self,
        message: Message,
        limit: Option<Duration>,
    ) -> Result<(), HttpError> {
        let (mut message, mut waiting) = (Some(message), None);
        let sent = poll_fn(|cx| {
            if let Poll::Ready(sent) = self.poll_transmit(cx, &mut message) {
                return Poll::Ready(sent);
            }
            let Some(limit) = limit else { return Poll::Pending };
            let (shard, n_sent) = (&self.shard, self.n_sent);
            let (sleep, n_before) = waiting.get_or_insert_with(|| (shard.sleep(limit), n_sent));
            if *n_before != n_sent {
                *n_before = n_sent;
                sleep.reset(shard.now_ns().saturating_add(duration_ns(limit)));
            }
            ready!(Pin::new(sleep).poll(cx));
            Poll::Ready(Err(HttpError::stalled(Phase::Waiting, limit)))
        });
        let sent = sent.await;
        if sent.is_err() {
            self.end();
        }
        sent
    }

    fn poll_transmit(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), HttpError>> {
        let Some(transport) = &mut self.transport else {
            return Poll::Ready(Err(HttpError::websocket_ended()));
        };
        let mut wire = Wire { transport, cx, n_sent: &mut self.n_sent };
        or_pending(match message.take() {
            // If it has to wait, it is kept to be flushed.
            Some(Message::Close(frame)) => self.context.close(&mut wire, frame),
            Some(message) => match self.context.write(&mut wire, message) {
                Ok(()) => self.context.flush(&mut wire),
                error => error,
            },
            None => self.context.flush(&mut wire),
        })
    }

    /// What comes next, within a time if one is given; an error other than that ends the session.
    pub(super) async fn next_event(&mut self, limit: Option<Duration>) -> Result<Event, HttpError> {
        let mut sleep = limit.map(|limit| (self.shard.sleep(limit), limit));
        poll_fn(|cx| {
            if let Poll::Ready(event) = self.poll_event(cx) {
                if !matches!(event, Ok(Event::Message(_) | Event::Pong(_))) {
                    self.end();
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
            let mut wire = Wire { transport, cx, n_sent: &mut self.n_sent };
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
