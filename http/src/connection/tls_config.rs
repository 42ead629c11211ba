//! Whom TLS trusts, and what it shows of itself.

use crate::{
    error::HttpError,
    options::{HttpVersion, SessionOptions},
};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName, UnixTime,
        pem::{self, PemObject},
    },
};
use std::{
    cell::RefCell,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

/// TLS sessions that a user remembers, to resume them on its next connection.
const RESUMABLE_MAX: usize = 8;

/// HTTP/2 as servers are offered it in TLS.
pub(super) const HTTP2: &[u8] = b"h2";

const HTTP1: &[u8] = b"http/1.1";

/// What tells one configuration from another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    verify: bool,
    ca_file: Option<PathBuf>,
    client_cert: Option<(PathBuf, PathBuf)>,
    http_version: HttpVersion,
}

/// The configurations of a core, from which each session's is made. There are as many as there
/// are different options in a program, one most often.
#[derive(Default)]
pub(crate) struct TlsConfigs(RefCell<Vec<(Key, Arc<ClientConfig>)>>);

impl TlsConfigs {
    /// A configuration for one session: a user resumes its own TLS sessions, not its neighbours'.
    pub(crate) fn for_session(
        &self,
        options: &SessionOptions,
    ) -> Result<Arc<ClientConfig>, HttpError> {
        let key = Key {
            verify: options.verify,
            ca_file: options.ca_file.clone(),
            client_cert: options.client_cert.clone(),
            http_version: options.http_version,
        };
        let mut configs = self.0.borrow_mut();
        let base = match configs.iter().find(|(known, _)| *known == key) {
            Some((_, base)) => Arc::clone(base),
            None => {
                let base = Arc::new(make(&key)?);
                configs.push((key, Arc::clone(&base)));
                base
            }
        };
        let mut config = ClientConfig::clone(&base);
        config.resumption = Resumption::in_memory_sessions(RESUMABLE_MAX);
        Ok(Arc::new(config))
    }
}

fn make(key: &Key) -> Result<ClientConfig, HttpError> {
    let tls = |error: rustls::Error| HttpError::tls(&error);
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(tls)?;
    let builder = if key.verify {
        let roots = match &key.ca_file {
            Some(path) => Arc::new(roots_of(path)?),
            None => Arc::clone(system_roots()),
        };
        builder.with_root_certificates(roots)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
    };
    let mut config = match &key.client_cert {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let chain = certificates(cert)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
            builder.with_client_auth_cert(chain, key).map_err(tls)?
        }
    };
    let offered: &[&[u8]] = match key.http_version {
        HttpVersion::Http1 => &[HTTP1],
        HttpVersion::Http2 => &[HTTP2, HTTP1],
        HttpVersion::Http2PriorKnowledge => &[HTTP2],
    };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

/// The system's root certificates, read once in a process. Those that cannot be parsed are left
/// out, as every browser does; without any, each connection fails with `UnknownIssuer`.
fn system_roots() -> &'static Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    })
}

fn roots_of(path: &Path) -> Result<RootCertStore, HttpError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| HttpError::tls(&error))?;
    }
    if roots.is_empty() {
        return Err(HttpError::tls(&format_args!("read {}: no certificate in it", path.display())));
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, HttpError> {
    let unreadable = |error| unreadable(path, &error);
    CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<_, _>>()
        .map_err(unreadable)
}

fn unreadable(path: &Path, error: &pem::Error) -> HttpError {
    match error {
        pem::Error::Io(error) => HttpError::tls(&format_args!("read {}: {error}", path.display())),
        error => HttpError::tls(&format_args!("read {}: {error}", path.display())),
    }
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
