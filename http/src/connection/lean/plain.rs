//! Plain answers: small, whole, and with nothing to be done about them.

use super::LeanConnection;
use crate::{
    lean::{self, Framing, HeadBytes},
    local::Local,
    options::SessionOptions,
    request::is_redirect,
    response::Content,
};
use std::task::{Context, Poll, ready};

/// An answer that is complete with its first bytes, leaves its connection as it was, and asks for
/// nothing: no cookie to keep, no redirect to follow, no coding to undo.
pub(crate) struct PlainAnswer {
    pub(crate) status: u16,
    /// Its head's bytes.
    pub(crate) head: HeadBytes,
    pub(crate) body: Content,
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
        // The receive that would see a plain answer is not the one that is under way.
        if self.discards {
            return false;
        }
        let is_sent = matches!(self.transport.poll_write_with(cx, write), Poll::Ready(Ok(())));
        self.is_ready = !is_sent;
        is_sent
    }

    /// Looks for the answer to a request that [`LeanConnection::begin_plain`] sent. `None` if it is
    /// not plain or not whole, or if there is none; then nothing was taken of it.
    #[inline]
    pub(crate) fn poll_plain(
        &mut self,
        cx: &mut Context<'_>,
        is_head: bool,
        options: &SessionOptions,
    ) -> Poll<Option<PlainAnswer>> {
        let LeanConnection { local, transport, n_read, n_steps, is_ready, .. } = self;
        // What was encrypted may still lie here.
        if !matches!(transport.poll_sent(cx), Poll::Ready(Ok(()))) {
            return Poll::Ready(None);
        }
        let mut answer = None;
        let read = |bytes: &[u8]| {
            answer = plain(local, bytes, is_head, options);
            let n_taken = if answer.is_some() { bytes.len() } else { 0 };
            (n_taken, n_taken)
        };
        if let Ok(Some(n_taken)) = ready!(transport.poll_read_with(cx, read))
            && n_taken > 0
        {
            *n_read += n_taken as u64;
            *n_steps += 1;
            *is_ready = true;
        }
        Poll::Ready(answer)
    }
}

/// The plain answer that these bytes are, if they are one and no more than it.
#[inline]
fn plain(
    local: &Local,
    bytes: &[u8],
    is_head: bool,
    options: &SessionOptions,
) -> Option<PlainAnswer> {
    let (said, head) = local.read_head(bytes, is_head).ok()??;
    let Framing::Length(length) = said.framing else { return None };
    let body = &bytes[head.len()..];
    if !is_plain(&said) || body.len() as u64 != length || length > options.body_bytes_max {
        return None;
    }
    let body = match options.discard_bodies {
        true => Content::Discarded(length),
        false => Content::Kept(local.keep_bytes(body)),
    };
    Some(PlainAnswer { status: said.status, head, body })
}

fn is_plain(head: &lean::Head) -> bool {
    let leads_on = head.has_location && is_redirect(head.status);
    let is_rare = head.has_set_cookie || head.has_encoding || head.has_own_reason || leads_on;
    head.status >= 200 && head.keep_alive && !is_rare
}
