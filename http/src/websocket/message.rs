//! A message of a WebSocket.

use crate::error::HttpError;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use tungstenite::Message;

/// What one side of a WebSocket says to the other: text or bytes. Made from strings and bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocketMessage(pub(super) Message);

impl WebSocketMessage {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.0 {
            Message::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The bytes, of a text too.
    pub fn content(&self) -> &[u8] {
        match &self.0 {
            Message::Text(text) => text.as_str().as_bytes(),
            Message::Binary(bytes) => bytes,
            _ => &[],
        }
    }

    /// The bytes, without a copy.
    pub fn into_content(self) -> Bytes {
        self.0.into_data()
    }

    /// What it says as JSON.
    ///
    /// # Errors
    /// [`HttpError::is_json`] if it is not, or not of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        serde_json::from_slice(self.content()).map_err(|error| HttpError::json(&error))
    }
}

impl From<&str> for WebSocketMessage {
    fn from(text: &str) -> WebSocketMessage {
        WebSocketMessage(Message::text(text))
    }
}

impl From<String> for WebSocketMessage {
    fn from(text: String) -> WebSocketMessage {
        WebSocketMessage(Message::text(text))
    }
}

impl From<Bytes> for WebSocketMessage {
    fn from(bytes: Bytes) -> WebSocketMessage {
        WebSocketMessage(Message::Binary(bytes))
    }
}

impl From<Vec<u8>> for WebSocketMessage {
    fn from(bytes: Vec<u8>) -> WebSocketMessage {
        WebSocketMessage(Message::Binary(bytes.into()))
    }
}
