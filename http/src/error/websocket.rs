//! What ends a WebSocket, or keeps it from beginning.

use super::http_error::{HttpError, Kind};
use std::fmt;

impl HttpError {
    /// A server that does not make a WebSocket of a connection.
    pub(crate) fn not_upgraded(why: impl fmt::Display) -> HttpError {
        HttpError::new(Kind::Malformed, format!("WebSocketRefused: {why}"))
    }

    /// A WebSocket whose other side has left.
    pub(crate) fn websocket_closed(code: u16, reason: &str) -> HttpError {
        HttpError::new(
            Kind::Closed,
            format!("WebSocketClosed: {code} {reason}").trim_end().to_owned(),
        )
    }

    /// A WebSocket that has failed before.
    pub(crate) fn websocket_ended() -> HttpError {
        HttpError::new(Kind::Closed, "WebSocketEnded: the session has failed before")
    }

    pub(crate) fn websocket(error: &dyn fmt::Display) -> HttpError {
        HttpError::new(Kind::Malformed, format!("WebSocketError: {error}"))
    }

    pub(crate) fn message_too_large(error: &dyn fmt::Display) -> HttpError {
        HttpError::new(Kind::TooLarge, format!("MessageTooLarge: {error}"))
    }

    pub(crate) fn inbox_full(limit: usize) -> HttpError {
        let text = format!("TooManyMessages: {limit} came while an answer was waited for");
        HttpError::new(Kind::TooLarge, text)
    }
}
