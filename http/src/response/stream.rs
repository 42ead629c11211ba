//! A response whose body is read piece by piece.

use super::Response;
use crate::{
    error::HttpError,
    request::{Finished, Open},
    session::Inner,
};
use bytes::{Bytes, BytesMut};
use std::{fmt, ops::Deref, rc::Rc};

/// Bytes that a line may have; one that never ends must not fill the memory.
const LINE_BYTES_MAX: usize = 1 << 20;

/// A response of which the head is there and recorded, and the body is still to be read. What goes
/// wrong from here on is an error of the calls, and is not recorded, as in Locust.
///
/// Dropping it before its end closes the connection.
///
/// ```ignore
/// let mut events = client.get("/events").stream().await;
/// while let Some(line) = events.next_line().await? {
///     // …
/// }
/// ```
pub struct StreamResponse {
    session: Rc<Inner>,
    response: Response,
    open: Option<Open>,
    /// Received, and not yet given out as lines.
    rest: BytesMut,
    /// Bytes of `rest` that are known to hold no line break.
    n_searched: usize,
}

impl StreamResponse {
    pub(crate) fn new(mut finished: Finished, session: Rc<Inner>) -> StreamResponse {
        let open = finished.open.take();
        let length = open.as_ref().and_then(Open::body_length).unwrap_or(0);
        let response = finished.record_length(&session.shard, length);
        StreamResponse { session, response, open, rest: BytesMut::new(), n_searched: 0 }
    }

    /// The body's next piece as it arrived, or `None` at its end. python-requests'
    /// `iter_content(None)`.
    ///
    /// # Errors
    /// When the body breaks off, or a limit of time is passed.
    pub async fn next_piece(&mut self) -> Result<Option<Bytes>, HttpError> {
        if !self.rest.is_empty() {
            self.n_searched = 0;
            return Ok(Some(self.rest.split().freeze()));
        }
        self.receive().await
    }

    /// The body's next line without its line break, or `None` at its end. python-requests'
    /// `iter_lines`; bytes that are no UTF-8 are replaced by `U+FFFD`.
    ///
    /// # Errors
    /// As [`StreamResponse::next_piece`], and when a line is longer than a mebibyte.
    pub async fn next_line(&mut self) -> Result<Option<String>, HttpError> {
        loop {
            let unsearched = &self.rest[self.n_searched..];
            if let Some(at) = unsearched.iter().position(|&byte| byte == b'\n') {
                let line = self.rest.split_to(self.n_searched + at + 1);
                self.n_searched = 0;
                return Ok(Some(line_text(&line)));
            }
            self.n_searched = self.rest.len();
            if self.rest.len() > LINE_BYTES_MAX {
                self.open = None;
                return Err(HttpError::body_too_large(LINE_BYTES_MAX as u64));
            }
            match self.receive().await? {
                Some(piece) => self.rest.extend_from_slice(&piece),
                None if self.rest.is_empty() => return Ok(None),
                None => {
                    self.n_searched = 0;
                    return Ok(Some(line_text(&self.rest.split())));
                }
            }
        }
    }

    /// What is left of the body, whole.
    ///
    /// # Errors
    /// As [`StreamResponse::next_piece`], and when it is larger than
    /// [`crate::SessionOptions::body_bytes_max`].
    pub async fn read_all(mut self) -> Result<Bytes, HttpError> {
        let limit = self.session.options.body_bytes_max;
        let mut all = std::mem::take(&mut self.rest);
        while let Some(piece) = self.receive().await? {
            if (all.len() + piece.len()) as u64 > limit {
                return Err(HttpError::body_too_large(limit));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    async fn receive(&mut self) -> Result<Option<Bytes>, HttpError> {
        // Taken while it is read from: if this future is dropped, so is the connection.
        let Some(mut open) = self.open.take() else { return Ok(None) };
        let piece = open.next_piece().await?;
        match piece {
            Some(piece) => {
                self.open = Some(open);
                Ok(Some(piece))
            }
            None => {
                open.close(&self.session);
                Ok(None)
            }
        }
    }
}

fn line_text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}

impl Deref for StreamResponse {
    type Target = Response;

    fn deref(&self) -> &Response {
        &self.response
    }
}

impl fmt::Debug for StreamResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamResponse")
            .field("response", &self.response)
            .field("has_ended", &self.open.is_none())
            .finish_non_exhaustive()
    }
}
