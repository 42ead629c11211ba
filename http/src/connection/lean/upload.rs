//! Requests whose body is made while it is sent, by the lean connection.
//!
//! The next piece is asked for when the socket has taken the last one, and the answer is looked
//! for all the while: a server that wants no more of the body says so before its end.

use super::LeanConnection;
use crate::{
    connection::{Head, transport::Transport},
    error::{HttpError, Phase},
    request::{Deadline, Upload},
};
use bytes::{Buf, Bytes};
use std::{
    future::{Future, poll_fn},
    io::Write,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Bytes of a piece that one write takes; the rest is written when these are sent.
const WRITE_BYTES_MAX: usize = 256 * 1024;

/// A body on its way.
pub(super) struct Uploading {
    upload: Upload,
    /// What is left of the current piece.
    piece: Bytes,
    has_ended: bool,
    n_sent: u64,
}

/// Why the rest of a body is not sent.
enum Broken {
    /// The peer takes no more. It may have said why.
    Write,
    /// The stream has failed.
    Stream(HttpError),
}

impl LeanConnection {
    /// As [`LeanConnection::send`], with a body that `write` leaves out.
    pub(crate) async fn upload(
        &mut self,
        is_head: bool,
        write: impl Fn(&mut Vec<u8>),
        upload: Upload,
        deadline: &mut Deadline,
    ) -> Result<Head, HttpError> {
        (self.is_ready, self.is_cut) = (false, false);
        let mut uploading =
            Some(Uploading { upload, piece: Bytes::new(), has_ended: false, n_sent: 0 });
        poll_fn(|cx| match self.transport.poll_write_with(cx, &write) {
            Poll::Ready(written) => Poll::Ready(written.map_err(|error| HttpError::read(&error))),
            Poll::Pending => deadline.poll(cx, self.n_read, 0, Phase::Waiting).map(Err),
        })
        .await?;
        let mut n_interim = 0;
        let head = poll_fn(|cx| {
            if let Some(sending) = &mut uploading {
                match sending.poll(&mut self.transport, cx) {
                    Poll::Ready(Ok(())) => uploading = None,
                    Poll::Ready(Err(Broken::Stream(error))) => return Poll::Ready(Err(error)),
                    // What was received before says more than that nothing could be sent.
                    Poll::Ready(Err(Broken::Write)) => (self.is_cut, uploading) = (true, None),
                    Poll::Pending => {}
                }
            }
            match self.poll_response(cx, is_head, &mut n_interim) {
                Poll::Ready(result) => Poll::Ready(result),
                Poll::Pending => {
                    let n_sent = uploading.as_ref().map_or(0, |sending| sending.n_sent);
                    deadline.poll(cx, self.n_read, n_sent, Phase::Waiting).map(Err)
                }
            }
        })
        .await?;
        if let Some(sending) = uploading {
            // Whoever refuses a request, or wants it elsewhere, has no use for the rest.
            match head.status.as_u16() {
                200..300 => self.uploading = Some(Box::new(sending)),
                _ => self.is_cut = true,
            }
        }
        Ok(head)
    }

    /// Sends the rest of a body whose answer is complete.
    pub(super) fn finish_upload<'c>(
        &'c mut self,
        deadline: &'c mut Deadline,
    ) -> Pin<Box<dyn Future<Output = Result<(), HttpError>> + 'c>> {
        // Boxed, because it is rare.
        Box::pin(poll_fn(|cx| match self.poll_upload(cx) {
            Poll::Ready(sent) => Poll::Ready(sent),
            Poll::Pending => {
                let n_sent = self.uploading.as_ref().map_or(0, |sending| sending.n_sent);
                deadline.poll(cx, self.n_read, n_sent, Phase::Reading).map(Err)
            }
        }))
    }

    /// Goes on with a body whose answer has begun.
    #[cold]
    pub(super) fn poll_upload(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), HttpError>> {
        let Some(sending) = &mut self.uploading else { return Poll::Ready(Ok(())) };
        let sent = ready!(sending.poll(&mut self.transport, cx));
        self.uploading = None;
        Poll::Ready(match sent {
            Ok(()) => Ok(()),
            Err(Broken::Stream(error)) => Err(error),
            Err(Broken::Write) => {
                self.is_cut = true;
                Ok(())
            }
        })
    }
}

impl Uploading {
    /// Sends as much as the socket takes; ready when it has taken everything.
    fn poll(
        &mut self,
        transport: &mut Transport,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Broken>> {
        let is_chunked = self.upload.length().is_none();
        loop {
            ready!(transport.poll_writable(cx)).map_err(|_| Broken::Write)?;
            if self.has_ended {
                return Poll::Ready(Ok(()));
            }
            if self.piece.is_empty() {
                match ready!(self.upload.poll_next(cx)) {
                    Some(piece) => self.piece = piece.map_err(Broken::Stream)?,
                    None if is_chunked => {
                        let end = |buffer: &mut Vec<u8>| buffer.extend_from_slice(b"0\r\n\r\n");
                        ready!(transport.poll_write_with(cx, end)).map_err(|_| Broken::Write)?;
                        self.has_ended = true;
                        continue;
                    }
                    None => {
                        self.has_ended = true;
                        continue;
                    }
                }
            }
            let part = &self.piece[..self.piece.len().min(WRITE_BYTES_MAX)];
            let write = |buffer: &mut Vec<u8>| {
                if is_chunked {
                    write!(buffer, "{:x}\r\n", part.len()).expect("a vector takes every write");
                }
                buffer.extend_from_slice(part);
                if is_chunked {
                    buffer.extend_from_slice(b"\r\n");
                }
            };
            let n_bytes = part.len();
            ready!(transport.poll_write_with(cx, write)).map_err(|_| Broken::Write)?;
            self.piece.advance(n_bytes);
            self.n_sent += n_bytes as u64;
        }
    }
}
