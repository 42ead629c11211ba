//! Whom TLS trusts, and what it shows of itself, as rustls wants it.

use crate::{
    error::HttpError,
    options::HttpVersion,
    trust::{Trust, Verify},
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
    path::Path,
    sync::{Arc, OnceLock},
};

/// TLS sessions that a user remembers, to resume them on its next connection.
const RESUMABLE_MAX: usize = 8;

/// Configurations that a core keeps, the oldest of which goes first. A program has a few; one in
/// which each user has a certificate of its own reads it once for each of them, as sessions keep
/// what they use.
const CONFIGS_MAX: usize = 256;

/// HTTP/2 as servers are offered it in TLS.
pub(super) const HTTP2: &[u8] = b"h2";

const HTTP1: &[u8] = b"http/1.1";

/// What tells one configuration from another.
type Key = (Trust, HttpVersion);

/// The configurations of a core, from which each session's are made.
#[derive(Default)]
pub(crate) struct TlsConfigs(RefCell<Vec<(Key, Arc<ClientConfig>)>>);

impl TlsConfigs {
    /// A configuration for one session: a user resumes its own TLS sessions, not its neighbours'.
    pub(crate) fn for_session(
        &self,
        trust: &Trust,
        http_version: HttpVersion,
    ) -> Result<Arc<ClientConfig>, HttpError> {
        let mut configs = self.0.borrow_mut();
        let known =
            configs.iter().find(|((known, version), _)| (known, *version) == (trust, http_version));
        let base = match known {
            Some((_, base)) => Arc::clone(base),
            None => {
                let base = Arc::new(make(trust, http_version)?);
                if configs.len() >= CONFIGS_MAX {
                    configs.remove(0);
                }
                configs.push(((trust.clone(), http_version), Arc::clone(&base)));
                base
            }
        };
        let mut config = ClientConfig::clone(&base);
        config.resumption = Resumption::in_memory_sessions(RESUMABLE_MAX);
        Ok(Arc::new(config))
    }
}

fn make(trust: &Trust, http_version: HttpVersion) -> Result<ClientConfig, HttpError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpError::tls(&error))?;
    let builder = match &trust.verify {
        Verify::On => builder.with_root_certificates(Arc::clone(system_roots())),
        Verify::By(path) => builder.with_root_certificates(roots_of(path)?),
        Verify::Off => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
        }
    };
    let mut config = match &trust.client_cert {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let chain = certificates(cert)?;
            let der = private_key(key)?;
            builder.with_client_auth_cert(chain, der).map_err(|error| unfit(cert, key, error))?
        }
    };
    let offered: &[&[u8]] = match http_version {
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

/// The certificates of a PEM file, or of all those in a directory, as `openssl rehash` makes it.
fn roots_of(path: &Path) -> Result<RootCertStore, HttpError> {
    let mut roots = RootCertStore::empty();
    if path.is_dir() {
        let found = rustls_native_certs::load_certs_from_paths(None, Some(path)).certs;
        roots.add_parsable_certificates(found);
        return match roots.is_empty() {
            true => Err(unreadable(path, &"no file with a certificate in it")),
            false => Ok(roots),
        };
    }
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| unreadable(path, &malformed(error)))?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, HttpError> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<_, _>>)
        .map_err(|error| unreadable(path, &in_words(error)))?;
    match certificates.is_empty() {
        true => Err(unreadable(path, &"no certificate in it")),
        false => Ok(certificates),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, HttpError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            let why = "no private key in it; one that is encrypted must be decrypted before, as \
                       `openssl pkey` does";
            unreadable(path, &why)
        }
        error => unreadable(path, &in_words(error)),
    })
}

fn unreadable(path: &Path, why: &dyn fmt::Display) -> HttpError {
    HttpError::tls(&format_args!("read {}: {why}", path.display()))
}

/// What is wrong with a PEM file. The library shows lines as lists of bytes.
fn in_words(error: pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::MissingSectionEnd { .. } => "a section of it has no -----END line".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "a -----BEGIN line of it is malformed".to_owned(),
        pem::Error::Base64Decode(why) => format!("a section of it is not Base64: {why}"),
        error => error.to_string(),
    }
}

/// What is wrong with a certificate's bytes. As peers' certificates are most often meant by it, the
/// library says so.
fn malformed(error: rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(why) => format!("a certificate in it is broken: {why}"),
        error => error.to_string(),
    }
}

/// Why a client certificate and its key cannot be used.
fn unfit(cert: &Path, key: &Path, error: rustls::Error) -> HttpError {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            let why = format_args!("it is not the key of the certificate in {}", cert.display());
            unreadable(key, &why)
        }
        rustls::Error::InvalidCertificate(_) => unreadable(cert, &malformed(error)),
        error => unreadable(key, &error),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_made_once_and_not_kept_without_end() {
        let configs = TlsConfigs::default();
        let folder = tempfile::tempdir().expect("a folder");
        let cert = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("one").cert;
        let trusting = |name: usize| {
            let path = folder.path().join(name.to_string());
            std::fs::write(&path, cert.pem()).expect("written");
            Trust { verify: Verify::By(path), client_cert: None }
        };
        let make = |trust: &Trust| configs.for_session(trust, HttpVersion::Http1);
        let first = trusting(0);
        make(&first).expect("a certificate");
        std::fs::remove_file(folder.path().join("0")).expect("it is there");
        make(&first).expect("it was read before");
        for name in 1..=CONFIGS_MAX {
            make(&trusting(name)).expect("a certificate");
        }
        assert_eq!(configs.0.borrow().len(), CONFIGS_MAX);
        let error = make(&first).expect_err("it was forgotten, and is not there any more");
        assert!(error.is_tls(), "{error}");
    }
}
