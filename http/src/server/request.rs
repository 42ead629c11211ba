//! A request as a handler sees it.

use super::answer::Answer;
use crate::whole::Whole;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    StatusCode,
    body::{Body, Incoming},
    http::request::Parts,
};
use std::{error::Error, fmt};

/// The largest request body that is read. Load tests upload, but a body is held in memory as a
/// whole, once per connection.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// Method, path, query, headers, and the body when it is asked for.
#[derive(Debug)]
pub struct Request {
    head: Parts,
    body: Incoming,
}

impl Request {
    pub(super) fn new(request: hyper::Request<Incoming>) -> Request {
        let (head, body) = request.into_parts();
        Request { head, body }
    }

    /// `GET`, `POST`…
    pub fn method(&self) -> &str {
        self.head.method.as_str()
    }

    /// The path as it was sent, without the query.
    pub fn path(&self) -> &str {
        self.head.uri.path()
    }

    /// What follows the question mark, as it was sent.
    pub fn query(&self) -> Option<&str> {
        self.head.uri.query()
    }

    /// The first header of this name, if it is readable text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// All headers, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
    }

    /// Reads the body. A second call finds nothing.
    ///
    /// # Errors
    /// When it is larger than [`BODY_BYTES_MAX`], or the client broke it off.
    pub async fn body(&mut self) -> Result<Bytes, BodyError> {
        if self.body.is_end_stream() {
            return Ok(Bytes::new());
        }
        if self.body.size_hint().lower() > BODY_BYTES_MAX as u64 {
            return Err(BodyError::TooLarge);
        }
        let mut whole = Whole::new(BODY_BYTES_MAX as u64);
        while let Some(frame) = self.body.frame().await {
            let Ok(bytes) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
            let n_left = self.body.size_hint().lower();
            whole.push(bytes, n_left).map_err(|_| BodyError::TooLarge)?;
        }
        Ok(whole.finish())
    }

    /// Begins the answer. It takes the request, because it uses its memory again.
    pub fn answer(self, status: StatusCode) -> Answer {
        Answer::new(status, self.head.headers)
    }
}

/// Why a request's body could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than [`BODY_BYTES_MAX`].
    TooLarge,
    /// The client broke it off or framed it wrongly.
    Broken,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::TooLarge => {
                write!(f, "read a request body: it is larger than {BODY_BYTES_MAX} bytes")
            }
            BodyError::Broken => f.write_str("read a request body: the client broke it off"),
        }
    }
}

impl Error for BodyError {}
