//! Plain answers: small, whole, and with nothing to be done about them.

use super::{super::transport::Transport, LeanConnection};
use crate::{
    lean::{self, Framing, HeadBytes},
    local::Local,
    options::SessionOptions,
    request::is_redirect,
    response::Content,
};
use std::{
    io,
    rc::Rc,
    task::{Context, Poll, ready},
};

/// A body that may come in one piece.
const PLAIN_BYTES_MAX: u64 = 4 * 1024;

/// An answer that is complete with its first bytes, or comes as a head and a body, leaves its
/// connection as it was, and asks for nothing: no cookie to keep, no redirect to follow, no coding
/// to undo.
pub(crate) struct PlainAnswer {
    pub(crate) status: u16,
    /// Its head's bytes.
    pub(crate) head: HeadBytes,
    pub(crate) body: Content,
}

/// The head of an answer that may be plain, when its body has not come.
#[derive(Debug)]
pub(crate) struct PlainHead {
    pub(crate) said: lean::Head,
    pub(crate) bytes: HeadBytes,
}

/// What one look at the received bytes gave.
pub(crate) enum Looked {
    Answer(PlainAnswer),
    Head(PlainHead),
    /// Nothing plain, or nothing at all; then nothing was taken of it.
    Other,
}

impl LeanConnection {
    /// Sends a request, as `write` puts it into the send buffer. False if it could not be sent at
    /// once, of which nothing has been sent then.
    #[inline]
    pub(crate) fn begin_plain(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        self.begins_plain(|transport| transport.poll_write_with(cx, write))
    }

    /// The same for a request of which all is known.
    #[inline]
    pub(crate) fn begin_known(&mut self, cx: &mut Context<'_>, request: &Rc<[u8]>) -> bool {
        self.begins_plain(|transport| transport.poll_write_shared(cx, request))
    }

    #[inline]
    fn begins_plain(&mut self, write: impl FnOnce(&mut Transport) -> Poll<io::Result<()>>) -> bool {
        // The receive that would see a plain answer is not the one that is under way.
        if self.discards {
            return false;
        }
        let is_sent = matches!(write(&mut self.transport), Poll::Ready(Ok(())));
        self.is_ready = !is_sent;
        is_sent
    }

    /// Looks for the answer to a request that [`LeanConnection::begin_plain`] sent.
    #[inline]
    pub(crate) fn poll_plain(
        &mut self,
        cx: &mut Context<'_>,
        is_head: bool,
        options: &SessionOptions,
    ) -> Poll<Looked> {
        // What was encrypted may still lie here.
        if !matches!(self.transport.poll_sent(cx), Poll::Ready(Ok(()))) {
            return Poll::Ready(Looked::Other);
        }
        let local = &self.local;
        let mut looked = Looked::Other;
        let read = |bytes: &[u8]| {
            looked = look(local, bytes, is_head, options);
            let n_taken = if let Looked::Other = looked { 0 } else { bytes.len() };
            (n_taken, n_taken)
        };
        let read = ready!(self.transport.poll_read_with(cx, read));
        self.took(&read, matches!(looked, Looked::Answer(_)));
        Poll::Ready(looked)
    }

    /// Looks for the body of an answer whose head came before it. `None` if it is not whole, or
    /// there is none; then nothing was taken of it.
    pub(crate) fn poll_plain_body(
        &mut self,
        cx: &mut Context<'_>,
        head: &PlainHead,
        options: &SessionOptions,
    ) -> Poll<Option<Content>> {
        let local = &self.local;
        let mut body = None;
        let read = |bytes: &[u8]| {
            if head.said.framing == Framing::Length(bytes.len() as u64) {
                body = Some(content(local, bytes, options));
            }
            let n_taken = if body.is_some() { bytes.len() } else { 0 };
            (n_taken, n_taken)
        };
        let read = ready!(self.transport.poll_read_with(cx, read));
        self.took(&read, body.is_some());
        Poll::Ready(body)
    }

    /// So many bytes were taken, and the answer may be whole.
    #[inline]
    fn took(&mut self, read: &io::Result<Option<usize>>, is_whole: bool) {
        if let Ok(Some(n_taken)) = read
            && *n_taken > 0
        {
            self.n_read += *n_taken as u64;
            self.n_steps += 1;
            self.is_ready = is_whole;
        }
    }
}

/// What these bytes are, if they are a plain answer or its head, and no more than that.
#[inline]
fn look(local: &Local, bytes: &[u8], is_head: bool, options: &SessionOptions) -> Looked {
    let Ok(Some((said, head))) = local.read_head(bytes, is_head) else { return Looked::Other };
    let Framing::Length(length) = said.framing else { return Looked::Other };
    if !is_plain(&said) || length > options.body_bytes_max {
        return Looked::Other;
    }
    let body = &bytes[head.len()..];
    if body.len() as u64 == length {
        let body = content(local, body, options);
        return Looked::Answer(PlainAnswer { status: said.status, head, body });
    }
    // Some servers send a head by itself; what else is incomplete is rare.
    match body.is_empty() && is_short(&said) {
        true => Looked::Head(PlainHead { said, bytes: head }),
        false => Looked::Other,
    }
}

#[inline]
fn content(local: &Local, body: &[u8], options: &SessionOptions) -> Content {
    match options.discard_bodies {
        true => Content::Discarded(body.len() as u64),
        false => Content::Kept(local.keep_bytes(body)),
    }
}

/// Whether the next answer like this one may be plain, as far as the head tells.
pub(in crate::connection) fn may_be_plain(head: &lean::Head) -> bool {
    is_plain(head) && is_short(head)
}

fn is_short(head: &lean::Head) -> bool {
    matches!(head.framing, Framing::Length(length) if length <= PLAIN_BYTES_MAX)
}

fn is_plain(head: &lean::Head) -> bool {
    let leads_on = head.has_location && is_redirect(head.status);
    let is_rare = head.has_set_cookie || head.has_encoding || head.has_own_reason || leads_on;
    head.status >= 200 && head.keep_alive && !is_rare
}
