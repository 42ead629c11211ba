//! h2's reads and writes on a connection of the ring.

use crate::{connection::transport::Transport, error::HttpError};
use std::{
    cell::{Cell, RefCell},
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};
use tokio_io::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The first bytes of a response that is not HTTP/2.
const HTTP1: &[u8] = b"HTTP/1.";

/// What is known of a connection outside of h2, which keeps neither numbers nor words of errors.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Bytes read.
    pub(super) n_read: Cell<u64>,
    /// What the socket or TLS said when it broke.
    pub(super) error: RefCell<Option<HttpError>>,
    /// Whether the driver has ended.
    pub(super) has_ended: Cell<bool>,
    /// Whether no request can come any more.
    pub(super) is_released: Cell<bool>,
    /// Large bodies under way.
    pub(super) n_bulk: Cell<usize>,
}

/// A transport as h2 wants it.
#[derive(Debug)]
pub(super) struct Io {
    transport: Transport,
    known: Rc<Known>,
    /// The first write, which goes out with the second: h2 writes its preface by itself, and each
    /// write is a send.
    first: Option<Vec<u8>>,
    is_bulk: bool,
    /// Whether the server does not hear any more. What it said before is still read, and so h2,
    /// which gives up all streams when a write fails, is not told; reading ends soon enough.
    is_deaf: bool,
}

impl Io {
    pub(super) fn new(transport: Transport, known: &Rc<Known>) -> Io {
        Io {
            transport,
            known: Rc::clone(known),
            first: Some(vec![]),
            is_bulk: false,
            is_deaf: false,
        }
    }

    /// Remembers what broke the connection.
    fn note(&self, error: &io::Error) {
        self.known.error.borrow_mut().get_or_insert_with(|| HttpError::read(error));
    }

    fn poll_slices(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<usize> {
        if !self.is_deaf {
            match ready!(self.poll_send(cx, slices)) {
                Ok(n_written) => return Poll::Ready(n_written),
                Err(error) => {
                    self.note(&error);
                    self.is_deaf = true;
                }
            }
        }
        Poll::Ready(slices.iter().map(|slice| slice.len()).sum())
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.first {
            None => self.transport.poll_write_slices(cx, slices),
            Some(first) if first.is_empty() => {
                slices.iter().for_each(|slice| first.extend_from_slice(slice));
                Poll::Ready(Ok(first.len()))
            }
            Some(first) => {
                let n_first = first.len();
                let both: Vec<_> =
                    [IoSlice::new(first)].into_iter().chain(slices.iter().copied()).collect();
                let n_written = ready!(self.transport.poll_write_slices(cx, &both))?;
                self.first = None;
                // Nothing was written before, so that there was room for so few bytes.
                Poll::Ready(n_written.checked_sub(n_first).ok_or(io::ErrorKind::WriteZero.into()))
            }
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let io = self.get_mut();
        let bulk = io.known.n_bulk.get() > 0;
        if bulk != io.is_bulk {
            io.is_bulk = bulk;
            io.transport.stream().expect_bulk(bulk);
        }
        let is_first = io.known.n_read.get() == 0;
        let polled = io.transport.poll_read_with(cx, |bytes| {
            let n = bytes.len().min(into.remaining());
            into.put_slice(&bytes[..n]);
            (n, (n, is_first && bytes.starts_with(HTTP1)))
        });
        let read = ready!(polled).inspect_err(|error| io.note(error))?;
        let Some((n, is_http1)) = read else { return Poll::Ready(Ok(())) };
        if is_http1 {
            io.known.error.borrow_mut().get_or_insert_with(HttpError::not_http2);
        }
        io.known.n_read.set(io.known.n_read.get() + n as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_slices(cx, &[IoSlice::new(bytes)]).map(Ok)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_slices(cx, slices).map(Ok)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let io = self.get_mut();
        if !io.is_deaf
            && let Err(error) = ready!(io.transport.poll_sent(cx))
        {
            io.note(&error);
            io.is_deaf = true;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().transport.poll_close(cx)
    }
}
