//! Certificates and keys from files, and what is wrong with those that are of no use.

use crate::error::HttpError;
use rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use std::{
    fmt,
    path::Path,
    sync::{Arc, OnceLock},
};

/// The system's root certificates, read once in a process. Those that cannot be parsed are left
/// out, as every browser does; without any, each connection fails with `UnknownIssuer`.
pub(super) fn system_roots() -> &'static Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    })
}

/// The certificates of a PEM file, or of all those in a directory, as `openssl rehash` makes it.
pub(super) fn roots_of(path: &Path) -> Result<RootCertStore, HttpError> {
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

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, HttpError> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<_, _>>)
        .map_err(|error| unreadable(path, &in_words(error)))?;
    match certificates.is_empty() {
        true => Err(unreadable(path, &"no certificate in it")),
        false => Ok(certificates),
    }
}

pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, HttpError> {
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
pub(super) fn unfit(cert: &Path, key: &Path, error: rustls::Error) -> HttpError {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            let why = format_args!("it is not the key of the certificate in {}", cert.display());
            unreadable(key, &why)
        }
        rustls::Error::InvalidCertificate(_) => unreadable(cert, &malformed(error)),
        error => unreadable(key, &error),
    }
}
