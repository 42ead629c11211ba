//! Bodies of responses, as the lean connection reads them: whole, in pieces, or for their length alone.

use super::LeanConnection;
use crate::{
    connection::{Head, HeadBody},
    error::{HttpError, Phase},
    lean::{Body, Malformed},
    local::Local,
    request::Deadline,
    whole::Whole,
};
use bytes::Bytes;
use std::{
    future::poll_fn,
    io, mem,
    task::{Context, Poll, ready},
};

/// Smaller rests of a body are read even if nobody wants them: they have most often come with what
/// was before them.
const DISCARD_BYTES_MIN: u64 = 16 * 1024;

/// What one look at a body gave; `None` if the connection has ended.
type Looked = io::Result<Option<Result<(), Malformed>>>;

impl LeanConnection {
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
    pub(in crate::connection) async fn next_piece(
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
