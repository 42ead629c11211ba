//! The ways to go through a body: pieces and lines, as bytes and as text.

use super::{
    Response, StreamResponse,
    lines::{Lines, lines},
};
use crate::error::HttpError;
use bytes::Bytes;

/// A body in pieces; see [`StreamResponse::iter_content`].
#[derive(Debug)]
#[must_use = "it reads when `next` is awaited"]
pub struct Chunks<'a> {
    response: &'a mut StreamResponse,
    n_max: usize,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(response: &'a mut StreamResponse, chunk_size: usize) -> Chunks<'a> {
        Chunks { response, n_max: chunk_size.max(1) }
    }

    /// The next piece, or `None` at the end.
    ///
    /// # Errors
    /// As [`StreamResponse::next_piece`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, HttpError> {
        self.response.next_chunk(self.n_max).await
    }

    /// python-requests' `decode_unicode=True`: the pieces as text, in the encoding that the headers
    /// say (see [`Response::encoding`]), else in UTF-8, which server-sent events always have; what
    /// cannot be read becomes `U+FFFD`. A character is never cut: its bytes wait for the rest.
    pub fn decode_unicode(self) -> TextChunks<'a> {
        TextChunks(self)
    }
}

/// A body in pieces of text; see [`Chunks::decode_unicode`].
#[derive(Debug)]
#[must_use = "it reads when `next` is awaited"]
pub struct TextChunks<'a>(Chunks<'a>);

impl TextChunks<'_> {
    /// The next piece, or `None` at the end. At most as many bytes are read for it as were asked
    /// for.
    ///
    /// # Errors
    /// As [`StreamResponse::next_piece`].
    pub async fn next(&mut self) -> Result<Option<String>, HttpError> {
        loop {
            match self.0.response.next_text(self.0.n_max).await? {
                // The bytes of a character that has only begun.
                Some(text) if text.is_empty() => {}
                text => return Ok(text),
            }
        }
    }
}

/// A body line by line; see [`StreamResponse::iter_lines`].
#[derive(Debug)]
#[must_use = "it reads when `next` is awaited"]
pub struct LineChunks<'a> {
    response: &'a mut StreamResponse,
    delimiter: Option<Box<[u8]>>,
}

impl<'a> LineChunks<'a> {
    pub(super) fn new(response: &'a mut StreamResponse) -> LineChunks<'a> {
        LineChunks { response, delimiter: None }
    }

    /// What lines end with, instead of a line break. An empty one is none. python-requests'
    /// `delimiter`.
    pub fn delimiter(mut self, delimiter: impl AsRef<[u8]>) -> Self {
        let delimiter = delimiter.as_ref();
        self.delimiter = (!delimiter.is_empty()).then(|| delimiter.into());
        self
    }

    /// The next line without what ended it, or `None` at the end of the body.
    ///
    /// # Errors
    /// As [`StreamResponse::next_piece`], and when a line is longer than a mebibyte.
    pub async fn next(&mut self) -> Result<Option<Bytes>, HttpError> {
        self.line(false).await
    }

    /// The lines as text; see [`Chunks::decode_unicode`].
    pub fn decode_unicode(self) -> TextLines<'a> {
        TextLines(self)
    }

    async fn line(&mut self, is_text: bool) -> Result<Option<Bytes>, HttpError> {
        let LineChunks { response, delimiter } = self;
        match delimiter {
            Some(delimiter) => response.line(|lines| lines.next_before(delimiter), is_text).await,
            None => response.line(Lines::next, is_text).await,
        }
    }
}

/// A body as lines of text; see [`LineChunks::decode_unicode`].
#[derive(Debug)]
#[must_use = "it reads when `next` is awaited"]
pub struct TextLines<'a>(LineChunks<'a>);

impl TextLines<'_> {
    /// The next line without what ended it, or `None` at the end of the body.
    ///
    /// # Errors
    /// As [`LineChunks::next`].
    pub async fn next(&mut self) -> Result<Option<String>, HttpError> {
        let line = self.0.line(true).await?;
        Ok(line.map(|line| String::from_utf8_lossy(&line).into_owned()))
    }
}

impl Response {
    /// The body in pieces of `chunk_size` bytes. python-requests' `iter_content`; to have a body
    /// before it is complete, see [`crate::RequestBuilder::stream`].
    pub fn iter_content(&self, chunk_size: usize) -> impl Iterator<Item = &[u8]> {
        self.content().chunks(chunk_size.max(1))
    }

    /// The body's lines; they end with LF, CR LF or CR. python-requests' `iter_lines`; as text they
    /// are `response.text().lines()`. Its `chunk_size` has no counterpart: the body is there.
    pub fn iter_lines(&self) -> impl Iterator<Item = &[u8]> {
        lines(self.content())
    }
}
