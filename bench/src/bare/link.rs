//! A connection, with TLS or without: what is sent, and what comes back.

use anyhow::{Context as _, Result};
use hatchery_core::ring::{Address, Ring, SocketOptions, Stream};
use rustls::{ClientConfig, ClientConnection, pki_types::ServerName};
use std::{
    future::poll_fn,
    io::{self, BufRead, Write},
    net::SocketAddr,
    sync::Arc,
};

/// A connection to the server.
pub(crate) struct Link {
    stream: Stream,
    tls: Option<ClientConnection>,
}

impl Link {
    /// Connects; with a TLS configuration, shakes hands.
    pub(crate) async fn connect(
        ring: &Ring,
        address: SocketAddr,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Link> {
        let options = SocketOptions::default();
        let stream = Stream::connect(ring, &Address::Tcp(address), &options)
            .await
            .with_context(|| format!("connect to {address}"))?;
        let name = ServerName::from(address.ip());
        let session = |config| ClientConnection::new(Arc::clone(config), name);
        let mut link = Link { stream, tls: tls.map(session).transpose()? };
        link.flush().await?;
        while let Some(tls) = link.tls.as_mut().filter(|tls| tls.is_handshaking()) {
            receive_records(&mut link.stream, tls).await?;
            link.flush().await?;
        }
        Ok(link)
    }

    /// Sends a request.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.writer().write_all(request)?;
            return self.flush().await;
        }
        poll_fn(|cx| self.stream.poll_write_with(cx, |buffer| buffer.extend_from_slice(request)))
            .await?;
        Ok(())
    }

    /// Takes what has come, and shows it to `look`: how many bytes it was, and what was seen.
    pub(crate) async fn receive<R>(&mut self, look: impl Fn(&[u8]) -> R) -> Result<(usize, R)> {
        let seen = |bytes: &[u8]| (bytes.len(), look(bytes));
        let Some(tls) = &mut self.tls else {
            let read =
                poll_fn(|cx| self.stream.poll_read_with(cx, |bytes| (bytes.len(), seen(bytes))));
            return Ok(read.await?.ok_or_else(ended)?);
        };
        loop {
            let mut reader = tls.reader();
            match reader.fill_buf() {
                Ok([]) => return Err(ended().into()),
                Ok(bytes) => {
                    let seen = seen(bytes);
                    reader.consume(seen.0);
                    return Ok(seen);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            receive_records(&mut self.stream, tls).await?;
        }
    }

    /// Sends what was encrypted.
    async fn flush(&mut self) -> Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            poll_fn(|cx| {
                self.stream.poll_write_with(cx, |buffer| {
                    tls.write_tls(buffer).expect("a vector takes every write");
                })
            })
            .await?;
        }
        Ok(())
    }
}

/// Decrypts what has come.
async fn receive_records(stream: &mut Stream, tls: &mut ClientConnection) -> Result<()> {
    let read = poll_fn(|cx| {
        stream.poll_read_with(cx, |bytes| {
            let mut rest = bytes;
            let mut result = Ok(());
            while !rest.is_empty() && result.is_ok() {
                result = tls
                    .read_tls(&mut rest)
                    .and_then(|_| tls.process_new_packets().map_err(io::Error::other))
                    .map(drop);
            }
            (bytes.len(), result)
        })
    });
    Ok(read.await?.ok_or_else(ended)??)
}

fn ended() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}
