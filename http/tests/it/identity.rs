//! A server's certificate, which is its own authority.

use rcgen::{CertificateParams, KeyPair};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use std::sync::Arc;
use tempfile::NamedTempFile;

/// What a server shows, and what its clients have to trust.
pub(crate) struct Identity {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) ca_file: NamedTempFile,
}

impl Identity {
    /// One for this name.
    pub(crate) fn of(name: &str) -> Identity {
        Identity::with(name, |_| ())
    }

    /// One with a certificate that `set` spoils.
    pub(crate) fn with(name: &str, set: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        set(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let ca_file = NamedTempFile::new().expect("a file");
        std::fs::write(ca_file.path(), certificate.pem()).expect("written");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a configuration");
        Identity { config: Arc::new(config), ca_file }
    }
}
