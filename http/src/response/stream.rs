//! A response whose body is read piece by piece.

use super::{
    Response,
    chunks::{Chunks, LineChunks},
    decode::{Decoded, Decoder},
    lines::Lines,
    text::TextDecoder,
};
use crate::{
    error::HttpError,
    request::{Finished, Open},
    session::Inner,
    whole::Whole,
};
use bytes::Bytes;
use std::{fmt, ops::Deref, rc::Rc};

/// Bytes that a line may have; one that never ends must not fill the memory.
const LINE_BYTES_MAX: usize = 1 << 20;

/// A response of which the head is there and recorded, and the body is still to be read, decoded
/// as its head says. What goes wrong from here on is an error of the calls, and is not recorded,
/// as in Locust.
///
/// Dropping it before its end closes the connection; over HTTP/2 it resets the stream alone.
///
/// Server-sent events, as they come:
///
/// ```ignore
/// let mut events = client.get("/events").header("accept", "text/event-stream").stream().await;
/// while let Some(line) = events.next_line().await? {
///     if let Some(data) = line.strip_prefix("data: ") {
///         // …
///     }
/// }
/// ```
pub struct StreamResponse {
    session: Rc<Inner>,
    response: Response,
    open: Option<Box<Open>>,
    decoder: Option<Box<Decoder>>,
    /// Received, decoded, and not yet given out.
    lines: Lines,
    /// For those who want text: keeps the bytes of a character that has not come whole.
    text: Option<Box<TextDecoder>>,
}

impl StreamResponse {
    pub(crate) fn new(mut finished: Finished, session: Rc<Inner>) -> StreamResponse {
        let open = finished.open.take();
        let length = open.as_deref().and_then(Open::body_length).unwrap_or(0);
        let response = finished.record_length(&session.shard, length);
        let lines = Lines::default();
        StreamResponse { session, response, open, decoder: None, lines, text: None }.with_decoder()
    }

    /// A coding that cannot be undone is left as it is.
    fn with_decoder(mut self) -> StreamResponse {
        if self.open.as_deref().is_some_and(Open::is_encoded) {
            self.decoder = Decoder::of(self.response.headers()).ok().flatten().map(Box::new);
        }
        self
    }

    /// The body's next piece as it arrived, decoded, or `None` at its end. python-requests'
    /// `iter_content(None)`.
    ///
    /// # Errors
    /// When the body breaks off or cannot be decoded, or a limit of time is passed.
    pub async fn next_piece(&mut self) -> Result<Option<Bytes>, HttpError> {
        self.next_chunk(usize::MAX).await
    }

    /// The body in pieces of at most `chunk_size` bytes, as they arrive: nobody waits for a piece
    /// to be full. python-requests' `iter_content`.
    ///
    /// ```ignore
    /// let mut chunks = response.iter_content(4096);
    /// while let Some(chunk) = chunks.next().await? {
    ///     // …
    /// }
    /// ```
    pub fn iter_content(&mut self, chunk_size: usize) -> Chunks<'_> {
        Chunks::new(self, chunk_size)
    }

    /// The body line by line; a line ends with LF, CR LF or CR, or as
    /// [`LineChunks::delimiter`] says. python-requests' `iter_lines`; its `chunk_size` has no
    /// counterpart, because a line is given out as soon as it has come.
    ///
    /// ```ignore
    /// let mut lines = response.iter_lines().decode_unicode();
    /// while let Some(line) = lines.next().await? {
    ///     // …
    /// }
    /// ```
    pub fn iter_lines(&mut self) -> LineChunks<'_> {
        LineChunks::new(self)
    }

    /// The body's next line without its line break, or `None` at its end; bytes that are no UTF-8
    /// are replaced by `U+FFFD`. What server-sent events are made of.
    ///
    /// # Errors
    /// As [`StreamResponse::next_piece`], and when a line is longer than a mebibyte.
    pub async fn next_line(&mut self) -> Result<Option<String>, HttpError> {
        let line = self.line(Lines::next, false).await?;
        Ok(line.map(|line| String::from_utf8_lossy(&line).into_owned()))
    }

    /// What is left of the body, whole and decoded.
    ///
    /// # Errors
    /// As [`StreamResponse::next_piece`], and when it is larger than
    /// [`crate::SessionOptions::body_bytes_max`].
    pub async fn read_all(mut self) -> Result<Bytes, HttpError> {
        let mut whole = Whole::new(self.session.options.body_bytes_max);
        while let Some(piece) = self.next_piece().await? {
            whole.push(piece, 0)?;
        }
        Ok(whole.finish())
    }

    /// The next bytes as the server sent them, not decoded, or `None` at the end. Not to be mixed
    /// with the other ways to read. python-requests' `raw`.
    ///
    /// # Errors
    /// When the body breaks off, or a limit of time is passed.
    pub async fn raw(&mut self) -> Result<Option<Bytes>, HttpError> {
        // Taken while it is read from: if this future is dropped, so is the connection.
        let Some(mut open) = self.open.take() else { return Ok(None) };
        let piece = open.next_piece().await?;
        match piece {
            Some(piece) => {
                self.open = Some(open);
                Ok(Some(piece))
            }
            None => {
                open.close(&self.session)?;
                Ok(None)
            }
        }
    }

    /// Gives the rest of the body up. What was not read costs the connection.
    pub fn close(self) {}

    pub(super) async fn next_chunk(&mut self, n_max: usize) -> Result<Option<Bytes>, HttpError> {
        if let Some(chunk) = self.lines.take(n_max) {
            return Ok(Some(chunk));
        }
        let Some(mut piece) = self.receive().await? else { return Ok(None) };
        if piece.len() > n_max {
            self.lines.push(&piece.split_off(n_max));
        }
        Ok(Some(piece))
    }

    /// The next piece as text; empty if it holds no whole character.
    pub(super) async fn next_text(&mut self, n_max: usize) -> Result<Option<String>, HttpError> {
        let chunk = self.next_chunk(n_max).await?;
        let text = self.decode_text(chunk.as_deref());
        Ok(if chunk.is_none() && text.is_empty() { None } else { Some(text) })
    }

    fn decode_text(&mut self, bytes: Option<&[u8]>) -> String {
        let headers = self.response.headers();
        self.text.get_or_insert_with(|| Box::new(TextDecoder::of(headers))).decode(bytes)
    }

    /// The next line that `cut` finds.
    pub(super) async fn line(
        &mut self,
        mut cut: impl FnMut(&mut Lines) -> Option<Bytes>,
        is_text: bool,
    ) -> Result<Option<Bytes>, HttpError> {
        loop {
            if let Some(line) = cut(&mut self.lines) {
                return Ok(Some(line));
            }
            if self.lines.len() > LINE_BYTES_MAX {
                (self.decoder, self.open) = (None, None);
                self.lines = Lines::default();
                return Err(HttpError::line_too_long(LINE_BYTES_MAX));
            }
            let piece = self.receive().await?;
            let has_ended = piece.is_none();
            match piece {
                _ if is_text => {
                    let text = self.decode_text(piece.as_deref());
                    self.lines.push(text.as_bytes());
                }
                Some(piece) => self.lines.push(&piece),
                None => {}
            }
            if has_ended {
                return Ok(cut(&mut self.lines).or_else(|| self.lines.finish()));
            }
        }
    }

    /// The next piece, decoded.
    async fn receive(&mut self) -> Result<Option<Bytes>, HttpError> {
        loop {
            if let Some(decoder) = &mut self.decoder {
                match decoder.next() {
                    Ok(Decoded::Piece(piece)) => return Ok(Some(piece)),
                    Ok(Decoded::NeedsMore) => {}
                    Ok(Decoded::End) => {
                        self.decoder = None;
                        return Ok(None);
                    }
                    Err(error) => {
                        (self.decoder, self.open) = (None, None);
                        return Err(error);
                    }
                }
            }
            let piece = self.raw().await;
            match (piece?, &mut self.decoder) {
                (Some(piece), Some(decoder)) => decoder.feed(piece),
                (None, Some(decoder)) => decoder.end(),
                (piece, None) => return Ok(piece),
            }
        }
    }
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
