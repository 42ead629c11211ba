//! Whom TLS trusts, and what it shows of itself, as rustls wants it.

use super::tls_files::{certificates, private_key, roots_of, system_roots, unfit};
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
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{
    cell::RefCell,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// TLS sessions that a user remembers, to resume them on its next connection.
const RESUMABLE_MAX: usize = 8;

/// Configurations that a core keeps, the oldest of which goes first. A program has a few; one in
/// which each user has a certificate of its own reads it once for each of them, as sessions keep
/// what they use.
const CONFIGS_MAX: usize = 256;

/// Files with authorities that a core keeps. Apart from the configurations, because users that each
/// have a certificate of their own most often trust the same ones, and those may be many.
const ROOTS_MAX: usize = 16;

/// HTTP/2 as servers are offered it in TLS.
pub(super) const HTTP2: &[u8] = b"h2";

const HTTP1: &[u8] = b"http/1.1";

/// What tells one configuration from another.
type Key = (Trust, HttpVersion);

/// The configurations of a core, from which each session's are made.
pub(crate) struct TlsConfigs {
    provider: Arc<CryptoProvider>,
    configs: RefCell<Vec<(Key, Arc<ClientConfig>)>>,
    roots: RefCell<Vec<(PathBuf, Arc<RootCertStore>)>>,
}

impl Default for TlsConfigs {
    fn default() -> TlsConfigs {
        let provider = Arc::new(ring::default_provider());
        TlsConfigs { provider, configs: RefCell::default(), roots: RefCell::default() }
    }
}

impl TlsConfigs {
    /// A configuration for one session: a user resumes its own TLS sessions, not its neighbours'.
    pub(crate) fn for_session(
        &self,
        trust: &Trust,
        http_version: HttpVersion,
    ) -> Result<Arc<ClientConfig>, HttpError> {
        let mut configs = self.configs.borrow_mut();
        let known =
            configs.iter().find(|((known, version), _)| (known, *version) == (trust, http_version));
        let base = match known {
            Some((_, base)) => Arc::clone(base),
            None => {
                let base = Arc::new(self.make(trust, http_version)?);
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

    fn make(&self, trust: &Trust, http_version: HttpVersion) -> Result<ClientConfig, HttpError> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| HttpError::tls(&error))?;
        let builder = match &trust.verify {
            Verify::On => builder.with_root_certificates(Arc::clone(system_roots())),
            Verify::By(path) => builder.with_root_certificates(self.roots(path)?),
            Verify::Off => {
                let anyone = Unverified(Arc::clone(&self.provider));
                builder.dangerous().with_custom_certificate_verifier(Arc::new(anyone))
            }
        };
        let mut config = match &trust.client_cert {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let chain = certificates(cert)?;
                let der = private_key(key)?;
                builder
                    .with_client_auth_cert(chain, der)
                    .map_err(|error| unfit(cert, key, error))?
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

    /// The authorities in a file.
    fn roots(&self, path: &Path) -> Result<Arc<RootCertStore>, HttpError> {
        let mut all = self.roots.borrow_mut();
        if let Some((_, roots)) = all.iter().find(|(known, _)| known == path) {
            return Ok(Arc::clone(roots));
        }
        let roots = Arc::new(roots_of(path)?);
        if all.len() >= ROOTS_MAX {
            all.remove(0);
        }
        all.push((path.to_owned(), Arc::clone(&roots)));
        Ok(roots)
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
        assert_eq!(configs.configs.borrow().len(), CONFIGS_MAX);
        let error = make(&first).expect_err("it was forgotten, and is not there any more");
        assert!(error.is_tls(), "{error}");
    }
    #[test]
    fn authorities_are_read_once_for_all_who_trust_them() {
        let configs = TlsConfigs::default();
        let folder = tempfile::tempdir().expect("a folder");
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, cert.pem()).expect("written");
        for name in ["first", "second"] {
            let own = folder.path().join(name);
            std::fs::write(&own, cert.pem() + &signing_key.serialize_pem()).expect("written");
            let client_cert = Some((own.clone(), own));
            let trust = Trust { verify: Verify::By(ca.clone()), client_cert };
            configs.for_session(&trust, HttpVersion::Http1).expect("they are known");
            // Gone for the second.
            let _ = std::fs::remove_file(&ca);
        }
    }
}
