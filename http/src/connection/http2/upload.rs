//! A request's body that is made while it is sent, on a stream of HTTP/2.

use crate::{error::HttpError, request::Upload};
use bytes::Bytes;
use h2::SendStream;
use std::task::{Context, Poll, ready};

/// Bytes that are asked for of the server's window at a time.
const WINDOW_BYTES: usize = 64 * 1024;

/// A body on its way.
pub(super) struct Uploading {
    upload: Upload,
    stream: SendStream<Bytes>,
    /// What is left of the current piece.
    piece: Bytes,
    n_sent: u64,
}

impl Uploading {
    pub(super) fn new(upload: Upload, stream: SendStream<Bytes>) -> Uploading {
        Uploading { upload, stream, piece: Bytes::new(), n_sent: 0 }
    }

    /// Sends as much as the server takes; ready at the end, or when it wants no more.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), HttpError>> {
        loop {
            if self.piece.is_empty() {
                // The next piece is asked for when there is room for it.
                ready!(self.poll_room(cx, 1));
                match ready!(self.upload.poll_next(cx)) {
                    Some(piece) => self.piece = piece?,
                    None => {
                        // If it cannot be sent, the answer says why.
                        let _ = self.stream.send_data(Bytes::new(), true);
                        return Poll::Ready(Ok(()));
                    }
                }
            }
            let n_wanted = self.piece.len().min(WINDOW_BYTES);
            let Some(n_room) = ready!(self.poll_room(cx, n_wanted)) else {
                return Poll::Ready(Ok(()));
            };
            let part = self.piece.split_to(n_room.min(self.piece.len()));
            self.n_sent += part.len() as u64;
            if self.stream.send_data(part, false).is_err() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// How many bytes the server's window has room for; `None` if it takes no more at all.
    fn poll_room(&mut self, cx: &mut Context<'_>, n_wanted: usize) -> Poll<Option<usize>> {
        self.stream.reserve_capacity(n_wanted);
        loop {
            match self.stream.capacity() {
                0 => {}
                n_room => return Poll::Ready(Some(n_room)),
            }
            match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                _ => return Poll::Ready(None),
            }
        }
    }
}

/// Goes on with a body, if there is one.
#[inline]
pub(super) fn poll(
    uploading: &mut Option<Box<Uploading>>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), HttpError>> {
    let Some(sending) = uploading else { return Poll::Ready(Ok(())) };
    let sent = ready!(sending.poll(cx));
    *uploading = None;
    Poll::Ready(sent)
}

/// Bytes sent of it so far.
pub(super) fn n_sent(uploading: &Option<Box<Uploading>>) -> u64 {
    uploading.as_ref().map_or(0, |sending| sending.n_sent)
}
