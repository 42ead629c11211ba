//! TLS by rustls on a stream of the ring.

use crate::{error::HttpError, options::SessionOptions};
use hatchery_core::ring::Stream;
use hyper::rt::ReadBufCursor;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{
    cell::OnceCell,
    fmt,
    future::poll_fn,
    io::{self, BufRead, IoSlice, Write},
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

/// TLS sessions that a user remembers, to resume them on its next connection.
const RESUMABLE_MAX: usize = 8;

/// Plaintext that is encrypted ahead of the socket: four records.
const UNSENT_BYTES_MAX: usize = 64 * 1024;

/// A TLS connection over a stream.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) stream: Stream,
    session: ClientConnection,
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
        let mut tls = Tls { stream, session };
        poll_fn(|cx| tls.poll_handshake(cx)).await.map_err(|error| HttpError::tls_io(&error))?;
        Ok(tls)
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
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
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

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut ReadBufCursor<'_>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut reader = self.session.reader();
            match reader.fill_buf() {
                Ok(bytes) => {
                    let n = bytes.len().min(into.remaining());
                    into.put_slice(&bytes[..n]);
                    reader.consume(n);
                    return Poll::Ready(Ok(n));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            // Many servers close without saying so in TLS; lengths tell whether all has come.
            if !ready!(self.poll_receive(cx))? {
                return Poll::Ready(Ok(0));
            }
            // Answers to key updates and the like.
            if self.session.wants_write() {
                let _ = self.poll_flush(cx)?;
            }
        }
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

/// The configurations of a core, from which each session's is made.
#[derive(Default)]
pub(crate) struct TlsConfigs {
    verified: OnceCell<Arc<ClientConfig>>,
    unverified: OnceCell<Arc<ClientConfig>>,
}

impl TlsConfigs {
    /// A configuration for one session: a user resumes its own TLS sessions, not its neighbours'.
    pub(crate) fn for_session(
        &self,
        options: &SessionOptions,
    ) -> Result<Arc<ClientConfig>, HttpError> {
        let slot = if options.verify { &self.verified } else { &self.unverified };
        let base = match slot.get() {
            Some(base) => base,
            None => {
                let made = make(options).map_err(|error| HttpError::tls(&error))?;
                slot.get_or_init(|| Arc::new(made))
            }
        };
        let mut config = ClientConfig::clone(base);
        config.resumption = Resumption::in_memory_sessions(RESUMABLE_MAX);
        Ok(Arc::new(config))
    }
}

fn make(options: &SessionOptions) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = if options.verify {
        builder.with_root_certificates(Arc::clone(roots()))
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The system's root certificates, read once in a process. Those that cannot be parsed are left
/// out, as every browser does; without any, each connection fails with `UnknownIssuer`.
fn roots() -> &'static Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    })
}

/// Accepts every certificate, for `--insecure`. Signatures are still checked, so that a broken
/// server is not taken for a working one.
struct Unverified(Arc<CryptoProvider>);

impl fmt::Debug for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unverified")
    }
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
