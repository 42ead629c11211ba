//! Why there is no connection: its name, its address, its proxy, its TLS.

use super::http_error::{HttpError, Kind};
use hatchery_core::{net::ConnectError, stats::Failure};
use rustls::CertificateError;
use std::{fmt, io};

impl HttpError {
    pub(crate) fn connect(error: &ConnectError) -> HttpError {
        match error {
            ConnectError::Resolve { .. } => HttpError::new(Kind::Resolve, error.to_string()),
            ConnectError::Connect(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                let text = "AddrNotAvailable: no local port is left for this destination: give \
                            more addresses with --source-ip, or a wider \
                            net.ipv4.ip_local_port_range, or use --reset-on-close";
                HttpError::new(Kind::Connect, text)
            }
            ConnectError::Connect(error) => HttpError::io(Kind::Connect, error),
        }
    }

    pub(crate) fn proxy(proxy: &str, why: impl fmt::Display) -> HttpError {
        HttpError::new(Kind::Proxy, format!("ProxyError: {proxy}: {why}"))
    }

    pub(crate) fn tls(error: &dyn fmt::Display) -> HttpError {
        HttpError::new(Kind::Tls, format!("TlsError: {error}"))
    }

    pub(crate) fn tls_io(error: &io::Error) -> HttpError {
        let Some(inner) = error.get_ref() else { return HttpError::io(Kind::Tls, error) };
        // Those say when that was, so that each second would have an error of its own.
        match inner.downcast_ref() {
            Some(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
                ..
            })) => HttpError::tls(&"invalid peer certificate: it has expired"),
            Some(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
                ..
            })) => HttpError::tls(&"invalid peer certificate: it is not valid yet"),
            _ => HttpError::tls(inner),
        }
    }

    pub(super) fn io(kind: Kind, error: &io::Error) -> HttpError {
        HttpError::new(kind, Failure::from_io(error).to_string())
    }
}
