//! One request and its response: a stream of a connection.

use super::{
    failure::is_unprocessed,
    multiplexed::Multiplexed,
    upload::{self, Uploading},
};
use crate::{
    connection::{Head, head::HeadBody, lean::INTERIM_MAX},
    error::{HttpError, Phase},
    lean::{HEAD_BYTES_MAX, Malformed},
    request::{Deadline, ReqBody},
};
use bytes::Bytes;
use h2::{
    Reason, RecvStream,
    client::{ResponseFuture, SendRequest},
};
use http::{
    HeaderMap, Method, Request, Response, Uri, Version,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, SET_COOKIE},
    uri::Authority,
};
use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

/// What a header line costs beside its name and value; the standard's number.
const LINE_BYTES: usize = 32;

/// A request's place on a shared connection. Dropping it resets the stream, and nothing else.
pub(crate) struct Http2Stream {
    shared: Rc<Multiplexed>,
    /// Whether the connection served others before.
    is_reused: bool,
    /// What the connection had read when the request was sent.
    n_read_before: u64,
    /// Whether the server said that it did not look at the request, or never got it.
    is_unprocessed: bool,
    body: Option<RecvStream>,
    /// A request's body of which some is still to be sent.
    uploading: Option<Box<Uploading>>,
    is_bulk: bool,
    /// Pieces of the response received.
    n_pieces: u64,
    /// Times that the request had to wait.
    n_waits: u64,
}

impl Http2Stream {
    pub(super) fn new(shared: Rc<Multiplexed>, is_reused: bool) -> Http2Stream {
        let n_read_before = shared.known.n_read.get();
        shared.n_streams.set(shared.n_streams.get().saturating_add(1));
        Http2Stream {
            shared,
            is_reused,
            n_read_before,
            is_unprocessed: false,
            body: None,
            uploading: None,
            is_bulk: false,
            n_pieces: 0,
            n_waits: 0,
        }
    }

    /// Counts what was received, for the time between two reads.
    pub(crate) fn n_read(&self) -> u64 {
        self.n_pieces
    }

    pub(crate) fn n_steps(&self) -> u64 {
        self.n_waits
    }

    /// The absolute URL of a path, with the host that the request names if it does.
    pub(crate) fn uri(&self, path: &Uri, authority: Option<Authority>) -> Uri {
        self.shared.uri(path, authority)
    }

    /// Whether a request that failed with this may be sent once more: the server did not look at
    /// it, or closed a connection in use before it said anything.
    pub(crate) fn may_send_again(&self, error: &HttpError) -> bool {
        let nothing_came = self.shared.known.n_read.get() == self.n_read_before;
        self.is_unprocessed || self.is_reused && error.is_closed() && nothing_came
    }

    pub(crate) fn expect_bulk(&mut self, bulk: bool) {
        if bulk != self.is_bulk {
            self.is_bulk = bulk;
            let n_bulk = &self.shared.known.n_bulk;
            n_bulk.set(if bulk { n_bulk.get() + 1 } else { n_bulk.get() - 1 });
        }
    }

    /// Sends a request, as soon as the server takes one more, and waits for the response's head.
    pub(crate) async fn send(
        &mut self,
        mut request: Request<()>,
        body: ReqBody,
        deadline: &mut Deadline,
    ) -> Result<Head, HttpError> {
        *request.version_mut() = Version::HTTP_2;
        let is_head = request.method() == Method::HEAD;
        let mut response = match begin(self.shared.sender(), request, body) {
            Ok((response, uploading)) => {
                self.uploading = uploading;
                response
            }
            Err(error) => {
                self.is_unprocessed = error.is_go_away() || error.is_io();
                return Err(self.shared.known.to_error(&error, Phase::Waiting));
            }
        };
        let mut n_interim = 0;
        let mut n_waits = 0;
        let uploading = &mut self.uploading;
        let answered = poll_fn(|cx| {
            if let Poll::Ready(Err(error)) = upload::poll(uploading, cx) {
                return Poll::Ready(Err(error));
            }
            match poll_response(&mut response, cx, &mut n_interim) {
                Poll::Ready(answered) => Poll::Ready(Ok(answered)),
                Poll::Pending => {
                    n_waits += 1;
                    let n_sent = upload::n_sent(uploading);
                    deadline.poll(cx, n_interim as u64, n_sent, Phase::Waiting).map(Err)
                }
            }
        });
        let answered = answered.await?;
        self.n_waits += n_waits;
        match answered {
            Ok(response) => self.accept(response, is_head),
            Err(Bad::Http2(error)) => {
                self.is_unprocessed = is_unprocessed(&error);
                Err(self.shared.known.to_error(&error, Phase::Waiting))
            }
            Err(Bad::Interim) => {
                let why = Malformed::new("an interim response that was not asked for");
                Err(HttpError::bad_head(&why))
            }
        }
    }

    fn accept(&mut self, response: Response<RecvStream>, is_head: bool) -> Result<Head, HttpError> {
        let (parts, body) = response.into_parts();
        // Whoever refuses a request, or wants it elsewhere, has no use for the rest of it.
        if !parts.status.is_success() {
            self.uploading = None;
        }
        let n_bytes: usize = parts
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + LINE_BYTES)
            .sum();
        if n_bytes > HEAD_BYTES_MAX {
            return Err(HttpError::head_too_large());
        }
        // No such response has a body, whatever its head says of one.
        let has_none = is_head || matches!(parts.status.as_u16(), 204 | 304);
        let length = match has_none || body.is_end_stream() {
            true => Some(0),
            false => length(&parts.headers),
        };
        self.body = Some(body);
        Ok(Head {
            status: parts.status,
            reason: None,
            sets_cookies: parts.headers.contains_key(SET_COOKIE),
            is_encoded: parts.headers.contains_key(CONTENT_ENCODING),
            is_plain: false,
            headers: parts.headers.into(),
            body: HeadBody::Http2 { length },
        })
    }

    /// The body's next piece, or `None` at its end. Trailers are dropped.
    pub(crate) async fn next_piece(
        &mut self,
        deadline: &mut Deadline,
    ) -> Result<Option<Bytes>, HttpError> {
        let Http2Stream { body: Some(body), uploading, n_pieces, n_waits, .. } = self else {
            return Ok(None);
        };
        let piece = poll_fn(|cx| {
            let uploaded = upload::poll(uploading, cx);
            if let Poll::Ready(Err(error)) = uploaded {
                return Poll::Ready(Err(error));
            }
            match poll_piece(body, cx) {
                // A body is sent whole, even if its answer is.
                Poll::Ready(Ok(None)) if uploaded.is_pending() => {}
                Poll::Ready(piece) => return Poll::Ready(Ok(piece)),
                Poll::Pending => {}
            }
            *n_waits += 1;
            deadline.poll(cx, *n_pieces, upload::n_sent(uploading), Phase::Reading).map(Err)
        });
        match piece.await? {
            Ok(Some(piece)) => {
                self.n_pieces += 1;
                Ok(Some(piece))
            }
            Ok(None) => {
                self.body = None;
                Ok(None)
            }
            Err(error) => Err(self.shared.known.to_error(&error, Phase::Reading)),
        }
    }
}

/// Hands a request to the connection. A body is sent as the server's window allows, and shared
/// until then, not copied.
fn begin(
    mut sender: SendRequest<Bytes>,
    request: Request<()>,
    body: ReqBody,
) -> Result<(ResponseFuture, Option<Box<Uploading>>), h2::Error> {
    let is_empty = matches!(body, ReqBody::Empty);
    let (response, mut stream) = sender.send_request(request, is_empty)?;
    Ok((
        response,
        match body {
            ReqBody::Empty => None,
            ReqBody::Full(body) => {
                stream.send_data(body, true)?;
                None
            }
            ReqBody::Stream(streamed) => Some(Box::new(Uploading::new(streamed.upload, stream))),
        },
    ))
}

/// Why there is no response.
enum Bad {
    Http2(h2::Error),
    /// More interim responses than any server has a reason for.
    Interim,
}

fn poll_response(
    response: &mut ResponseFuture,
    cx: &mut Context<'_>,
    n_interim: &mut usize,
) -> Poll<Result<Response<RecvStream>, Bad>> {
    loop {
        match response.poll_informational(cx) {
            Poll::Ready(Some(Ok(_))) => *n_interim += 1,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(Bad::Http2(error))),
            Poll::Ready(None) => break,
            Poll::Pending => return Poll::Pending,
        }
        if *n_interim > INTERIM_MAX {
            return Poll::Ready(Err(Bad::Interim));
        }
    }
    Pin::new(response).poll(cx).map_err(Bad::Http2)
}

fn poll_piece(
    body: &mut RecvStream,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<Bytes>, h2::Error>> {
    loop {
        match ready!(body.poll_data(cx)) {
            None => return Poll::Ready(Ok(None)),
            Some(Ok(piece)) => {
                // Read, so that as much more may come.
                body.flow_control().release_capacity(piece.len())?;
                if !piece.is_empty() {
                    return Poll::Ready(Ok(Some(piece)));
                }
            }
            // An early response is whole: the server only wants no more of the request.
            Some(Err(error)) if error.reason() == Some(Reason::NO_ERROR) && error.is_reset() => {
                return Poll::Ready(Ok(None));
            }
            Some(Err(error)) => return Poll::Ready(Err(error)),
        }
    }
}

/// What the head says that the body's length is.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl Drop for Http2Stream {
    fn drop(&mut self) {
        self.expect_bulk(false);
    }
}

impl fmt::Debug for Http2Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2Stream").field("shared", &self.shared).finish_non_exhaustive()
    }
}
