//! TLS by rustls on a stream of the ring.

use super::tls_config::HTTP2;
use crate::error::HttpError;
use hatchery_core::ring::Stream;
use rustls::{ClientConfig, ClientConnection, pki_types::ServerName};
use std::{
    future::poll_fn,
    io::{self, BufRead, IoSlice, Write},
    mem,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

/// Plaintext that is encrypted ahead of the socket: four records.
const UNSENT_BYTES_MAX: usize = 64 * 1024;

/// A TLS connection over a stream.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) stream: Stream,
    session: ClientConnection,
    /// What a request is put together in before it is encrypted.
    plaintext: Vec<u8>,
}

impl Tls {
    /// Shakes hands with the server.
    pub(crate) async fn connect(
        stream: Stream,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Tls, HttpError> {
        let mut session =
            ClientConnection::new(config, name).map_err(|error| HttpError::tls(&error))?;
        session.set_buffer_limit(Some(UNSENT_BYTES_MAX));
        let mut tls = Tls { stream, session, plaintext: vec![] };
        poll_fn(|cx| tls.poll_handshake(cx)).await.map_err(|error| HttpError::tls_io(&error))?;
        Ok(tls)
    }

    pub(super) fn has_agreed_on_http2(&self) -> bool {
        self.session.alpn_protocol() == Some(HTTP2)
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_flush(cx))?;
            if !self.session.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            let received = ready!(self.poll_receive(cx));
            if let Err(error) = received {
                // The alert that says why, if the socket takes it; nobody waits for it.
                let _ = self.poll_flush(cx);
                return Poll::Ready(Err(error));
            }
            if !received? && self.session.is_handshaking() {
                let error = io::Error::other("connection closed during the handshake");
                return Poll::Ready(Err(error));
            }
        }
    }

    /// Decrypts what the socket has; false at its end.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let session = &mut self.session;
        let decrypt = |bytes: &[u8]| {
            let mut rest = bytes;
            let mut result = Ok(());
            while !rest.is_empty() && result.is_ok() {
                result = session
                    .read_tls(&mut rest)
                    .and_then(|_| {
                        let state = session.process_new_packets();
                        state.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
                    })
                    .map(|state| state.plaintext_bytes_to_read() > 0)
                    .and_then(|has_plaintext| {
                        // Plaintext is read before more is decrypted.
                        if has_plaintext { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
                    });
            }
            (bytes.len() - rest.len(), result)
        };
        match ready!(self.stream.poll_read_with(cx, decrypt))? {
            None => Poll::Ready(Ok(false)),
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Ready(Ok(true)),
            Some(result) => Poll::Ready(result.map(|()| true)),
        }
    }

    /// Whether the server has closed, or broken the rules of TLS.
    pub(super) fn has_ended(&mut self) -> bool {
        self.stream.has_ended()
            || match self.session.reader().fill_buf() {
                Ok(bytes) => bytes.is_empty(),
                Err(error) => error.kind() != io::ErrorKind::WouldBlock,
            }
    }

    /// Whether there is plaintext that nobody has read. Records without any, such as tickets to
    /// resume the session with, are taken in.
    pub(super) fn has_unread(&mut self) -> bool {
        let mut noop = Context::from_waker(Waker::noop());
        loop {
            match self.session.reader().fill_buf() {
                Ok(bytes) => return !bytes.is_empty(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
            if !self.stream.has_unread()
                || !matches!(self.poll_receive(&mut noop), Poll::Ready(Ok(true)))
            {
                return false;
            }
        }
    }

    /// Shows decrypted bytes to `read`, which says how many it took; `None` at the end.
    pub(super) fn poll_read_with<R>(
        &mut self,
        cx: &mut Context<'_>,
        read: impl FnOnce(&[u8]) -> (usize, R),
    ) -> Poll<io::Result<Option<R>>> {
        loop {
            let mut reader = self.session.reader();
            match reader.fill_buf() {
                Ok([]) => return Poll::Ready(Ok(None)),
                Ok(bytes) => {
                    let (n_read, result) = read(bytes);
                    reader.consume(n_read);
                    return Poll::Ready(Ok(Some(result)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            // Many servers close without saying so in TLS; lengths tell whether all has come.
            if !ready!(self.poll_receive(cx))? {
                return Poll::Ready(Ok(None));
            }
            // Answers to key updates and the like.
            if self.session.wants_write() {
                let _ = self.poll_flush(cx)?;
            }
        }
    }

    /// Lets `write` fill a buffer and encrypts it.
    pub(super) fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        let mut plaintext = mem::take(&mut self.plaintext);
        plaintext.clear();
        write(&mut plaintext);
        // Without a limit for this once, so that all of it is taken.
        self.session.set_buffer_limit(None);
        let written = self.session.writer().write_all(&plaintext);
        self.session.set_buffer_limit(Some(UNSENT_BYTES_MAX));
        if plaintext.capacity() <= UNSENT_BYTES_MAX {
            self.plaintext = plaintext;
        }
        written?;
        let _ = self.poll_flush(cx)?;
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(cx))?;
        let n = self.session.writer().write_vectored(slices)?;
        let _ = self.poll_flush(cx)?;
        Poll::Ready(Ok(n))
    }

    /// Hands all records to the socket.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            let session = &mut self.session;
            let mut result = Ok(0);
            let records = |buffer: &mut Vec<u8>| {
                while session.wants_write() && result.is_ok() {
                    result = session.write_tls(buffer);
                }
            };
            ready!(self.stream.poll_write_with(cx, records))?;
            result?;
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.session.send_close_notify();
        ready!(self.poll_flush(cx))?;
        self.stream.poll_shutdown(cx)
    }
}
