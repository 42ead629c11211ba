//! HTTP/1.1 without hyper, for requests and responses held whole: see [`crate::lean`].

mod body;
mod plain;
mod upload;

use super::{Head, Rest, transport::Transport};
use crate::{
    error::{HttpError, Phase},
    lean::{Malformed, Partial, Seen},
    local::Local,
    request::Deadline,
};
use hatchery_core::ring::Span;
pub(super) use plain::may_be_plain;
pub(crate) use plain::{Looked, PlainAnswer, PlainHead};
use std::{
    fmt,
    future::poll_fn,
    io,
    rc::Rc,
    task::{Context, Poll, ready},
};
use upload::Uploading;

/// Interim responses (1xx) before the one that counts; a server that sends no other is broken.
pub(super) const INTERIM_MAX: usize = 100;

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
        self.send(false, Some(write), deadline).await
    }

    /// What carries its bytes, those among them that nobody has read.
    pub(super) fn into_transport(self) -> Transport {
        self.transport
    }

    pub(super) fn is_reusable(&mut self) -> bool {
        self.is_ready && self.transport.is_quiet()
    }

    pub(super) fn rest(&mut self) -> Rest {
        match () {
            // Whoever was sent a part of a request may say anything.
            () if self.is_cut => Rest::Spent,
            () if self.has_surplus => Rest::Surplus,
            () if self.is_reusable() => Rest::Reusable,
            () if self.transport.has_unread() => Rest::Surplus,
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

    pub(super) fn keep_near(&mut self, spans: [Span; 2]) {
        self.transport.stream().keep_near(spans);
    }

    pub(super) fn expect_bulk(&mut self, bulk: bool) {
        self.transport.stream().expect_bulk(bulk);
    }

    /// Sends a request, as `write` puts it into the send buffer, and reads the response's head. Without
    /// `write` it was sent already.
    pub(crate) async fn send(
        &mut self,
        is_head: bool,
        mut write: Option<impl Fn(&mut Vec<u8>)>,
        deadline: &mut Deadline,
    ) -> Result<Head, HttpError> {
        self.is_ready = false;
        let mut n_interim = 0;
        poll_fn(|cx| {
            if let Some(unsent) = &write {
                match self.transport.poll_write_with(cx, unsent) {
                    Poll::Ready(Ok(())) => write = None,
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
            let (n_taken, seen) = partial.read(bytes, |bytes| local.read_head(bytes, is_head));
            *n_read += n_taken as u64;
            (n_taken, seen)
        })
    }
}

impl fmt::Debug for LeanConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeanConnection").field("transport", &self.transport).finish_non_exhaustive()
    }
}
