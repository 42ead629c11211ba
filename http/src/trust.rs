//! Whom TLS trusts, and what it shows of itself: what a request may say of it.
//!
//! Nothing is read here. Files are read when a connection wants them, and what is wrong with one is
//! the failure of the request that does.

use crate::options::SessionOptions;
use std::path::{Path, PathBuf};

/// By what a request wants its server's certificate to be verified; see
/// [`RequestBuilder::verify`](crate::RequestBuilder::verify). Made of a `bool` or of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verify {
    /// By the certificates that the session trusts: [`SessionOptions::ca_file`], or the system's.
    On,
    /// By nothing: every certificate will do.
    Off,
    /// By the certificates in this PEM file, or in the files of this directory, and by no others.
    By(PathBuf),
}

/// A client certificate and its key; see [`RequestBuilder::cert`](crate::RequestBuilder::cert).
/// Made of the path of a PEM file that holds both, or of a pair of paths.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientCert {
    file: PathBuf,
    key_file: PathBuf,
}

impl ClientCert {
    pub(crate) fn to_files(&self) -> (PathBuf, PathBuf) {
        (self.file.clone(), self.key_file.clone())
    }
}

impl From<bool> for Verify {
    fn from(verify: bool) -> Verify {
        if verify { Verify::On } else { Verify::Off }
    }
}

impl<C: Into<PathBuf>, K: Into<PathBuf>> From<(C, K)> for ClientCert {
    fn from((file, key_file): (C, K)) -> ClientCert {
        ClientCert { file: file.into(), key_file: key_file.into() }
    }
}

/// Paths as they come. Not all that are `Into<PathBuf>`, as a pair might be that, too.
macro_rules! from_paths {
    ($($path:ty),*) => {$(
        impl From<$path> for Verify {
            fn from(path: $path) -> Verify {
                Verify::By(path.into())
            }
        }

        impl From<$path> for ClientCert {
            fn from(path: $path) -> ClientCert {
                let file = PathBuf::from(path);
                ClientCert { key_file: file.clone(), file }
            }
        }
    )*};
}

from_paths!(&str, String, &String, &Path, PathBuf, &PathBuf);

/// All of it, for one connection. What differs in it must not share a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Trust {
    pub(crate) verify: Verify,
    /// Files with a certificate and its key.
    pub(crate) client_cert: Option<(PathBuf, PathBuf)>,
}

impl Trust {
    /// That of a session.
    pub(crate) fn of(options: &SessionOptions) -> Trust {
        let verify = match options.verify {
            true => trusted(options),
            false => Verify::Off,
        };
        Trust { verify, client_cert: options.client_cert.clone() }
    }

    /// That of a request which says this much itself. `None` if it comes to the session's.
    pub(crate) fn chosen(
        options: &SessionOptions,
        verify: Option<&Verify>,
        cert: Option<&ClientCert>,
    ) -> Option<Trust> {
        let session = Trust::of(options);
        let verify = match verify {
            None => session.verify.clone(),
            Some(Verify::On) => trusted(options),
            Some(own) => own.clone(),
        };
        let client_cert = cert.map(ClientCert::to_files).or_else(|| session.client_cert.clone());
        let own = Trust { verify, client_cert };
        (own != session).then_some(own)
    }
}

/// Whom a session trusts where it verifies.
fn trusted(options: &SessionOptions) -> Verify {
    match &options.ca_file {
        Some(file) => Verify::By(file.clone()),
        None => Verify::On,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(options: &SessionOptions, own: impl Into<Verify>, expected: Option<&Verify>) {
        let trust = Trust::chosen(options, Some(&own.into()), None);
        assert_eq!(trust.as_ref().map(|trust| &trust.verify), expected);
    }

    #[test]
    fn what_comes_to_the_sessions_own_trust_is_no_choice() {
        let plain = SessionOptions::default();
        check(&plain, true, None);
        check(&plain, false, Some(&Verify::Off));
        check(&plain, "ca.pem", Some(&Verify::By("ca.pem".into())));
        let trusting = SessionOptions { ca_file: Some("ca.pem".into()), ..plain.clone() };
        check(&trusting, true, None);
        check(&trusting, "ca.pem", None);
        check(&trusting, "other.pem", Some(&Verify::By("other.pem".into())));
        let insecure = SessionOptions { verify: false, ..plain };
        check(&insecure, false, None);
        check(&insecure, true, Some(&Verify::On));
        // As python-requests' `True` means the bundle that the environment names.
        let both = SessionOptions { verify: false, ..trusting };
        check(&both, true, Some(&Verify::By("ca.pem".into())));
    }

    #[test]
    fn a_request_keeps_what_it_does_not_choose() {
        let pair = |name: &str| Some((PathBuf::from(name), PathBuf::from(name)));
        let options = SessionOptions { client_cert: pair("own.pem"), ..SessionOptions::default() };
        let chosen = |cert: Option<ClientCert>, verify: Option<Verify>| {
            Trust::chosen(&options, verify.as_ref(), cert.as_ref())
        };
        assert_eq!(chosen(Some("own.pem".into()), None), None);
        let other = Trust { verify: Verify::On, client_cert: pair("other.pem") };
        assert_eq!(chosen(Some(("other.pem", "other.pem").into()), None), Some(other));
        let unverified = Trust { verify: Verify::Off, client_cert: pair("own.pem") };
        assert_eq!(chosen(None, Some(false.into())), Some(unverified));
    }
}
