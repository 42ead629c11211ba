//! Checks of what a command line gives, before anything starts.

use crate::{
    connection::TlsConfigs,
    error::HttpError,
    options::SessionOptions,
    site::{self, Origin, Proxy},
    trust::Trust,
};
use hatchery_core::net;
use hyper::{
    Method,
    header::{HeaderName, HeaderValue},
};
use rustls::ClientConfig;
use std::{
    net::{SocketAddr, UdpSocket},
    sync::Arc,
};
use url::{Position, Url};

/// The method of that name; any word will do.
///
/// # Errors
/// When it is empty or has a character that no method has.
pub fn parse_method(method: &str) -> Result<Method, HttpError> {
    Method::from_bytes(method.as_bytes())
        .map_err(|_| HttpError::invalid(format!("'{method}' is not an HTTP method")))
}

/// Whether a name and a value can be a header.
///
/// # Errors
/// When either has a character that no header has.
pub fn check_header(name: &str, value: &str) -> Result<(), HttpError> {
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err(HttpError::invalid(format!("'{name}' is not the name of a header")));
    }
    if HeaderValue::from_str(value).is_err() {
        return Err(HttpError::invalid(format!(
            "the value of the header '{name}' has a control character"
        )));
    }
    Ok(())
}

/// The origin of an absolute http or https URL, and its path with the query.
///
/// # Errors
/// When it cannot be read, or has another scheme or no host.
pub fn split_url(url: &str) -> Result<(String, String), HttpError> {
    crate::check_base_url(url)?;
    let url = Url::parse(url).map_err(|error| HttpError::invalid(error.to_string()))?;
    let origin = url[..Position::BeforePath].to_owned();
    Ok((origin, url[Position::BeforePath..Position::AfterQuery].to_owned()))
}

/// Whether sessions can connect with these options: the files of certificates are readable, and the
/// source addresses are this machine's.
///
/// # Errors
/// The first that is not.
pub fn check_options(options: &SessionOptions) -> Result<(), HttpError> {
    tls_config(options)?;
    for &source in &options.sources {
        // Without a connection nothing shows it; and a socket for datagrams disturbs nobody.
        if let Err(error) = UdpSocket::bind(SocketAddr::new(source, 0)) {
            return Err(HttpError::invalid(format!(
                "connect from {source}: {error}; source addresses must be this machine's, as \
                 `ip address` lists them"
            )));
        }
    }
    Ok(())
}

/// The TLS configuration of sessions with these options, for another protocol over TLS, or for a
/// connection that is no session's.
///
/// # Errors
/// When a file with a certificate or a key cannot be read or is of no use.
pub fn tls_config(options: &SessionOptions) -> Result<Arc<ClientConfig>, HttpError> {
    TlsConfigs::default().for_session(&Trust::of(options), options.http_version)
}

/// Where the connections for a URL lead, as `host:port`: to its proxy, where it has one. `None` for
/// unix sockets.
///
/// # Errors
/// When the URL is of no use.
pub fn destination(url: &str, options: &SessionOptions) -> Result<Option<String>, HttpError> {
    let origin: Origin = site::origin(url)?;
    let proxy = options.proxies.select(&origin).map(Proxy::parse).transpose()?;
    let target = proxy.as_ref().map_or(&origin.target, |proxy| &proxy.target);
    let resolved = options.resolved(target);
    Ok(match resolved.as_ref().unwrap_or(target) {
        net::Target::Host { host, port } if host.contains(':') => Some(format!("[{host}]:{port}")),
        net::Target::Host { host, port } => Some(format!("{host}:{port}")),
        net::Target::Unix(_) => None,
    })
}
