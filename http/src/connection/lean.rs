//! HTTP/1.1 without hyper, for requests and responses held whole: see [`crate::lean`].

use super::{Head, HeadBody, wire::Transport};
use crate::{
    error::{HttpError, Phase},
    lean::{self, Body, Headers, Malformed},
    local::Local,
    request::Deadline,
};
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use std::{
    fmt,
    future::poll_fn,
    io, mem,
    task::{Context, Poll},
};

/// Interim responses (1xx) before the one that counts; a server that sends no other is broken.
const INTERIM_MAX: usize = 100;

/// What is reserved ahead for a body, whatever its head promises.
const RESERVED_BYTES_MAX: u64 = 4 << 20;

/// Bodies from here on are received in large pieces.
const BULK_BYTES: u64 = 64 * 1024;

/// A connection that reads and writes HTTP itself.
pub(crate) struct LeanConnection {
    transport: Transport,
    /// The part of a head that has come, if it has not come whole.
    partial: Vec<u8>,
    /// Whether a request may be sent: the last response has ended, and so that another may follow.
    is_ready: bool,
    n_read: u64,
}

/// What one look at the received bytes gave.
enum Seen {
    More,
    Head(lean::Head, Bytes),
    Bad(Malformed),
}

impl LeanConnection {
    pub(super) fn new(transport: Transport) -> LeanConnection {
        LeanConnection { transport, partial: vec![], is_ready: true, n_read: 0 }
    }

    pub(super) fn is_reusable(&mut self) -> bool {
        let stream = self.transport.stream();
        self.is_ready && !stream.has_ended() && !stream.has_unread()
    }

    pub(super) fn n_read(&self) -> u64 {
        self.n_read
    }

    /// Sends a request, as `write` puts it into the send buffer, and reads the response's head.
    pub(crate) async fn send(
        &mut self,
        local: &Local,
        is_head: bool,
        write: impl Fn(&mut Vec<u8>),
        deadline: &mut Deadline,
    ) -> Result<Head, HttpError> {
        self.is_ready = false;
        let mut is_sent = false;
        let mut n_interim = 0;
        poll_fn(|cx| {
            if !is_sent {
                match self.transport.poll_write_with(cx, &write) {
                    Poll::Ready(Ok(())) => is_sent = true,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(HttpError::read(&error))),
                    Poll::Pending => return deadline.poll(cx, self.n_read, Phase::Waiting).map(Err),
                }
            }
            loop {
                let Poll::Ready(seen) = self.poll_head(cx, local, is_head) else {
                    return deadline.poll(cx, self.n_read, Phase::Waiting).map(Err);
                };
                let (head, bytes) = match seen {
                    Err(error) => return Poll::Ready(Err(HttpError::read(&error))),
                    Ok(None) => return Poll::Ready(Err(HttpError::closed(Phase::Waiting))),
                    Ok(Some(Seen::More)) => continue,
                    Ok(Some(Seen::Bad(why))) => return Poll::Ready(Err(HttpError::bad_head(&why))),
                    Ok(Some(Seen::Head(head, bytes))) => (head, bytes),
                };
                if head.status >= 200 {
                    return Poll::Ready(self.accept(head, bytes));
                }
                n_interim += 1;
                // Nobody asked for another protocol.
                if head.status == 101 || n_interim > INTERIM_MAX {
                    let why = Malformed("an interim response that was not asked for".into());
                    return Poll::Ready(Err(HttpError::bad_head(&why)));
                }
            }
        })
        .await
    }

    fn accept(&mut self, head: lean::Head, bytes: Bytes) -> Result<Head, HttpError> {
        let status = StatusCode::from_u16(head.status)
            .map_err(|error| HttpError::bad_head(&Malformed(error.to_string().into())))?;
        let headers = Headers::of_head(bytes);
        let reason = if head.has_own_reason { headers.reason() } else { None };
        Ok(Head {
            status,
            reason,
            headers,
            sets_cookies: head.has_set_cookie,
            is_encoded: head.has_encoding,
            body: HeadBody::Lean { body: Body::new(head.framing), keep_alive: head.keep_alive },
        })
    }

    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        local: &Local,
        is_head: bool,
    ) -> Poll<io::Result<Option<Seen>>> {
        let LeanConnection { transport, partial, n_read, .. } = self;
        transport.poll_read_with(cx, |bytes| {
            *n_read += bytes.len() as u64;
            let n_before = partial.len();
            // Most heads come whole, and are read where they lie.
            let all: &[u8] = if n_before == 0 {
                bytes
            } else {
                partial.extend_from_slice(bytes);
                partial
            };
            match lean::parse(all, is_head) {
                Ok(Some((head, n_bytes))) => {
                    let seen = Seen::Head(head, local.keep_bytes(&all[..n_bytes]));
                    // What follows is the body's, and is read as that.
                    let n_taken = n_bytes.saturating_sub(n_before);
                    *n_read -= (bytes.len() - n_taken) as u64;
                    *partial = vec![];
                    (n_taken, seen)
                }
                Ok(None) => {
                    if n_before == 0 {
                        partial.extend_from_slice(bytes);
                    }
                    (bytes.len(), Seen::More)
                }
                Err(why) => (bytes.len(), Seen::Bad(why)),
            }
        })
    }

    /// Reads a response's body, and tells in how many pieces it came.
    pub(crate) async fn body(
        &mut self,
        local: &Local,
        head: &mut Head,
        limit: u64,
        deadline: &mut Deadline,
    ) -> Result<(Bytes, usize), HttpError> {
        let HeadBody::Lean { body, keep_alive } = &mut head.body else {
            unreachable!("a head of this connection has a body of this connection")
        };
        let is_bulk = matches!(body, Body::Length(length) if *length >= BULK_BYTES);
        if is_bulk {
            self.transport.stream().expect_bulk(true);
        }
        let mut collected = Collected { local, bytes: BytesMut::new(), whole: None, n_pieces: 0 };
        while !body.is_end() {
            let read = poll_fn(|cx| match self.poll_body(cx, body, &mut collected) {
                Poll::Ready(read) => Poll::Ready(Ok(read)),
                Poll::Pending => deadline.poll(cx, self.n_read, Phase::Reading).map(Err),
            });
            match read.await? {
                Err(error) => return Err(HttpError::read(&error)),
                Ok(None) if body.may_end_here() => break,
                Ok(None) => return Err(HttpError::closed(Phase::Reading)),
                Ok(Some(Err(why))) => return Err(HttpError::bad_head(&why)),
                Ok(Some(Ok(()))) if collected.bytes.len() as u64 > limit => {
                    return Err(HttpError::body_too_large(limit));
                }
                Ok(Some(Ok(()))) => {}
            }
        }
        if is_bulk {
            self.transport.stream().expect_bulk(false);
        }
        self.is_ready = *keep_alive;
        Ok(collected.finish())
    }

    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Body,
        collected: &mut Collected<'_>,
    ) -> Poll<io::Result<Option<Result<(), Malformed>>>> {
        let n_read = &mut self.n_read;
        self.transport.poll_read_with(cx, |bytes| {
            let left = if let Body::Length(left) = body { *left } else { 0 };
            let decoded = body.decode(bytes, &mut |data| collected.push(data, left));
            let n_bytes = *decoded.as_ref().unwrap_or(&bytes.len());
            *n_read += n_bytes as u64;
            (n_bytes, decoded.map(drop))
        })
    }
}

/// A body as it comes in.
struct Collected<'l> {
    local: &'l Local,
    /// All of it, if it came in one piece.
    whole: Option<Bytes>,
    bytes: BytesMut,
    n_pieces: usize,
}

impl Collected<'_> {
    /// Takes a piece; `left` is what its length says is left, this piece included.
    fn push(&mut self, data: &[u8], left: u64) {
        self.n_pieces += 1;
        if self.n_pieces == 1 && data.len() as u64 == left {
            self.whole = Some(self.local.keep_bytes(data));
            return;
        }
        if self.bytes.is_empty() {
            self.bytes.reserve(left.min(RESERVED_BYTES_MAX) as usize);
        }
        self.bytes.extend_from_slice(data);
    }

    fn finish(mut self) -> (Bytes, usize) {
        let bytes = self.whole.take().unwrap_or_else(|| mem::take(&mut self.bytes).freeze());
        (bytes, self.n_pieces)
    }
}

impl fmt::Debug for LeanConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeanConnection").field("transport", &self.transport).finish_non_exhaustive()
    }
}
