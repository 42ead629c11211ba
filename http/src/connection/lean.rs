//! HTTP/1.1 without hyper, for requests and responses held whole: see [`crate::lean`].

mod upload;

use super::{Head, HeadBody, Rest, transport::Transport};
use crate::{
    error::{HttpError, Phase},
    lean::{self, Body, Malformed, Partial},
    local::Local,
    request::Deadline,
    whole::Whole,
};
use bytes::Bytes;
use std::{
    fmt,
    future::poll_fn,
    io, mem,
    rc::Rc,
    task::{Context, Poll, ready},
};
use upload::Uploading;

/// Interim responses (1xx) before the one that counts; a server that sends no other is broken.
pub(super) const INTERIM_MAX: usize = 100;

/// Smaller rests of a body are read even if nobody wants them: they have most often come with what
/// was before them.
const DISCARD_BYTES_MIN: u64 = 16 * 1024;

/// A connection that reads and writes HTTP itself.
pub(crate) struct LeanConnection {
    local: Rc<Local>,
    transport: Transport,
    partial: Partial,
    /// Whether a request may be sent: the last response has ended, and so that another may follow.
    is_ready: bool,
    /// A request's body of which some is still to be sent, though its response has begun.
    uploading: Option<Box<Uploading>>,
    /// Whether another protocol was asked for.
    upgrades: bool,
    /// Whether the rest of a request's body was not sent, so that nothing else can be.
    is_cut: bool,
    /// Whether the last response's body was thrown away unseen.
    discards: bool,
    /// Whether more came than the last response.
    has_surplus: bool,
    n_read: u64,
    /// Reads that did not have to wait.
    n_steps: u64,
}

/// What one look at the received bytes gave: a head and its bytes, if it is complete.
type Seen = Result<Option<(lean::Head, Bytes)>, Malformed>;

/// What one look at a body gave; `None` if the connection has ended.
type Looked = io::Result<Option<Result<(), Malformed>>>;

impl LeanConnection {
    pub(super) fn new(local: &Rc<Local>, transport: Transport) -> LeanConnection {
        let local = Rc::clone(local);
        LeanConnection {
            local,
            transport,
            partial: Partial::default(),
            is_ready: true,
            uploading: None,
            upgrades: false,
            is_cut: false,
            discards: false,
            has_surplus: false,
            n_read: 0,
            n_steps: 0,
        }
    }

    /// Sends a request that asks for another protocol, and reads the response's head, which is 101
    /// if the server agrees.
    pub(super) async fn upgrade(
        &mut self,
        write: impl Fn(&mut Vec<u8>),
        deadline: &mut Deadline,
    ) -> Result<Head, HttpError> {
        self.upgrades = true;
        self.send(false, write, deadline).await
    }

    /// What carries its bytes, those among them that nobody has read.
    pub(super) fn into_transport(self) -> Transport {
        self.transport
    }

    pub(super) fn is_reusable(&mut self) -> bool {
        self.is_ready && !self.transport.has_unread() && !self.transport.has_ended()
    }

    pub(super) fn rest(&mut self) -> Rest {
        match () {
            // Whoever was sent a part of a request may say anything.
            () if self.is_cut => Rest::Spent,
            () if self.has_surplus || self.transport.has_unread() => Rest::Surplus,
            () if self.is_ready && !self.transport.has_ended() => Rest::Reusable,
            () => Rest::Spent,
        }
    }

    pub(super) fn n_read(&self) -> u64 {
        self.n_read
    }

    pub(super) fn n_steps(&self) -> u64 {
        self.n_steps
    }

    pub(super) fn may_discard(&self) -> bool {
        self.transport.may_discard()
    }

    pub(super) fn expect_bulk(&mut self, bulk: bool) {
        self.transport.stream().expect_bulk(bulk);
    }

    /// Sends a request, as `write` puts it into the send buffer, and reads the response's head.
    pub(crate) async fn send(
        &mut self,
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
                    Poll::Pending => {
                        return deadline.poll(cx, self.n_read, 0, Phase::Waiting).map(Err);
                    }
                }
            }
            if let Poll::Ready(Err(error)) = self.transport.poll_sent(cx) {
                return Poll::Ready(Err(HttpError::read(&error)));
            }
            match self.poll_response(cx, is_head, &mut n_interim) {
                Poll::Ready(result) => Poll::Ready(result),
                Poll::Pending => deadline.poll(cx, self.n_read, 0, Phase::Waiting).map(Err),
            }
        })
        .await
    }

    /// Reads the head that counts.
    fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
        is_head: bool,
        n_interim: &mut usize,
    ) -> Poll<Result<Head, HttpError>> {
        loop {
            let (head, bytes) = match ready!(self.poll_head(cx, is_head)) {
                Err(error) => return Poll::Ready(Err(HttpError::read(&error))),
                Ok(None) => return Poll::Ready(Err(HttpError::closed(Phase::Waiting))),
                Ok(Some(Ok(None))) => continue,
                Ok(Some(Err(why))) => return Poll::Ready(Err(HttpError::bad_head(&why))),
                Ok(Some(Ok(Some(seen)))) => seen,
            };
            if head.status >= 200 || head.status == 101 && self.upgrades {
                return Poll::Ready(Head::of_lean(head, bytes));
            }
            *n_interim += 1;
            // Nobody asked for another protocol.
            if head.status == 101 || *n_interim > INTERIM_MAX {
                let why = Malformed::new("an interim response that was not asked for");
                return Poll::Ready(Err(HttpError::bad_head(&why)));
            }
        }
    }

    fn poll_head(&mut self, cx: &mut Context<'_>, is_head: bool) -> Poll<io::Result<Option<Seen>>> {
        let LeanConnection { local, transport, partial, n_read, n_steps, .. } = self;
        transport.poll_read_with(cx, |bytes| {
            *n_steps += 1;
            let (n_taken, seen) = partial.read(bytes, is_head, |head| local.keep_bytes(head));
            *n_read += n_taken as u64;
            (n_taken, seen)
        })
    }

    /// Reads a response's body whole.
    pub(crate) async fn body(
        &mut self,
        head: &mut Head,
        limit: u64,
        deadline: &mut Deadline,
    ) -> Result<Bytes, HttpError> {
        let mut whole = Whole::new(limit);
        loop {
            let mut take = |local: &Local, data: &[u8], left: Option<u64>| {
                // Chunks do not say what is left.
                let n_left = left.map_or(1, |left| left - data.len() as u64);
                whole.copy(data, n_left, |data| local.keep_bytes(data));
            };
            let mut poll = |connection: &mut Self, cx: &mut Context<'_>, body: &mut Body| {
                connection.poll_body(cx, body, &mut take)
            };
            let is_end = self.read_body(head, &mut poll, deadline).await?;
            whole.check()?;
            if is_end {
                return Ok(whole.finish());
            }
        }
    }

    /// Reads a response's body and throws it away: how many bytes it had.
    pub(crate) async fn discard_body(
        &mut self,
        head: &mut Head,
        limit: u64,
        deadline: &mut Deadline,
    ) -> Result<u64, HttpError> {
        self.expect_discard(head);
        let mut n_bytes = 0;
        loop {
            let mut poll = |connection: &mut Self, cx: &mut Context<'_>, body: &mut Body| match body
            {
                Body::Length(left) if connection.discards && *left >= DISCARD_BYTES_MIN => {
                    connection.poll_discard(cx, body, &mut n_bytes)
                }
                _ => connection.poll_body(cx, body, &mut |_, data, _| n_bytes += data.len() as u64),
            };
            let is_end = self.read_body(head, &mut poll, deadline).await?;
            if n_bytes > limit {
                return Err(HttpError::body_too_large(limit));
            }
            if is_end {
                return Ok(n_bytes);
            }
        }
    }

    /// Prepares for the next response: its body will be thrown away unseen if this one's is.
    fn expect_discard(&mut self, head: &Head) {
        let discards = head.body_length().is_some_and(|length| length >= DISCARD_BYTES_MIN)
            && self.transport.may_discard();
        if mem::replace(&mut self.discards, discards) != discards {
            self.transport.stream().expect_discard(discards);
        }
    }

    /// Reads a response's body as it comes; `None` at its end.
    pub(super) async fn next_piece(
        &mut self,
        head: &mut Head,
        deadline: &mut Deadline,
    ) -> Result<Option<Bytes>, HttpError> {
        let mut piece = Whole::new(u64::MAX);
        loop {
            let mut take = |local: &Local, data: &[u8], _| {
                piece.copy(data, 0, |data| local.keep_bytes(data));
            };
            let mut poll = |connection: &mut Self, cx: &mut Context<'_>, body: &mut Body| {
                connection.poll_body(cx, body, &mut take)
            };
            let is_end = self.read_body(head, &mut poll, deadline).await?;
            if !piece.is_empty() {
                return Ok(Some(piece.finish()));
            }
            if is_end {
                return Ok(None);
            }
        }
    }

    /// Reads some of the body by `poll`; true at its end.
    async fn read_body(
        &mut self,
        head: &mut Head,
        poll: &mut impl FnMut(&mut Self, &mut Context<'_>, &mut Body) -> Poll<Looked>,
        deadline: &mut Deadline,
    ) -> Result<bool, HttpError> {
        let HeadBody::Lean { body, keep_alive } = &mut head.body else {
            unreachable!("a head of this connection has a body of this connection")
        };
        if !body.is_end() {
            let read = poll_fn(|cx| {
                if self.uploading.is_some()
                    && let Poll::Ready(Err(error)) = self.poll_upload(cx)
                {
                    return Poll::Ready(Err(error));
                }
                match poll(self, cx, body) {
                    Poll::Ready(read) => Poll::Ready(Ok(read)),
                    Poll::Pending => deadline.poll(cx, self.n_read, 0, Phase::Reading).map(Err),
                }
            });
            match read.await? {
                Err(error) => return Err(HttpError::read(&error)),
                Ok(None) if body.may_end_here() => *body = Body::End,
                Ok(None) => return Err(HttpError::closed(Phase::Reading)),
                Ok(Some(Err(why))) => return Err(HttpError::bad_head(&why)),
                Ok(Some(Ok(()))) => {}
            }
        }
        if body.is_end() {
            if self.uploading.is_some() {
                self.finish_upload(deadline).await?;
            }
            self.is_ready = *keep_alive && !self.is_cut;
        }
        Ok(body.is_end())
    }

    /// Shows some of the body to `take` with what was left of it before, if that is known.
    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Body,
        take: &mut impl FnMut(&Local, &[u8], Option<u64>),
    ) -> Poll<Looked> {
        let LeanConnection { local, transport, n_read, n_steps, .. } = self;
        transport.poll_read_with(cx, |bytes| {
            *n_steps += 1;
            let left = if let Body::Length(left) = body { Some(*left) } else { None };
            let decoded = body.decode(bytes, &mut |data| take(local, data, left));
            let n_bytes = *decoded.as_ref().unwrap_or(&bytes.len());
            *n_read += n_bytes as u64;
            (n_bytes, decoded.map(drop))
        })
    }

    /// Throws some of a body of known length away, and counts it.
    fn poll_discard(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Body,
        n_bytes: &mut u64,
    ) -> Poll<Looked> {
        let Body::Length(left) = *body else { unreachable!("chunks have to be read") };
        // One more than there ought to be, so that surplus bytes show.
        let Some(n) = ready!(self.transport.stream().poll_discard(cx, left.saturating_add(1)))?
        else {
            return Poll::Ready(Ok(None));
        };
        self.has_surplus = n > left;
        let n = n.min(left);
        body.skip(n);
        *n_bytes += n;
        self.n_read += n;
        self.n_steps += 1;
        Poll::Ready(Ok(Some(Ok(()))))
    }
}

impl fmt::Debug for LeanConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeanConnection").field("transport", &self.transport).finish_non_exhaustive()
    }
}
