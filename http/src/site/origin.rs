//! An origin: scheme, host and port, with everything that is derived from them.

use crate::{error::HttpError, response::ACCEPTED_CODINGS};
use hatchery_core::net;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use rustls::pki_types::ServerName;
use std::path::PathBuf;
use url::{Host, Url};

/// One origin, prepared for requests.
#[derive(Debug)]
pub(crate) struct Origin {
    /// Set for https: the name that the certificate must have.
    pub(crate) tls: Option<ServerName<'static>>,
    /// Where to connect.
    pub(crate) target: net::Target,
    /// Value of the `Host` header.
    pub(crate) host_header: HeaderValue,
    /// What follows the path of a request that has no headers of its own: without those that say
    /// what may come back, and with them.
    head_lines: [Box<[u8]>; 2],
    /// `scheme://host:port`, to which a path is appended.
    pub(crate) text: Box<str>,
}

/// The scheme of a unix socket's URL, as in requests-unixsocket.
pub(super) const UNIX: &str = "http+unix://";

impl Origin {
    pub(crate) fn of(url: &Url) -> Result<Origin, HttpError> {
        let Some(host) = url.host() else {
            return Err(HttpError::invalid_url(url.as_str(), "no host supplied"));
        };
        let text = url.origin().ascii_serialization();
        let (_, authority) = text.split_once("://").expect("an origin has a scheme");
        let host_header = HeaderValue::from_str(authority)
            .map_err(|error| HttpError::invalid_url(url.as_str(), error))?;
        let name = host_name(&host);
        let tls = match url.scheme() {
            "https" => Some(
                ServerName::try_from(name.clone())
                    .map_err(|error| HttpError::invalid_url(url.as_str(), error))?,
            ),
            _ => None,
        };
        let port = url.port_or_known_default().expect("http and https have a port");
        let target = net::Target::Host { host: name.into(), port };
        let head_lines = head_lines(&host_header);
        Ok(Origin { tls, target, host_header, head_lines, text: text.into() })
    }

    /// What follows the path of a request that has no headers of its own, with or without
    /// [`accept_headers`](crate::SessionOptions::accept_headers).
    #[inline]
    pub(crate) fn head_lines(&self, accept_headers: bool) -> &[u8] {
        &self.head_lines[usize::from(accept_headers)]
    }

    /// The origin of `http+unix://%2Fpath%2Fto.sock/…`, given without scheme and path.
    pub(super) fn of_unix(socket: &str) -> Result<Origin, HttpError> {
        let url = || format!("{UNIX}{socket}");
        let path = percent_decode_str(socket)
            .decode_utf8()
            .map_err(|error| HttpError::invalid_url(&url(), error))?;
        if !path.starts_with('/') {
            let reason = "the socket's path must be absolute, its slashes written %2F";
            return Err(HttpError::invalid_url(&url(), reason));
        }
        Ok(Origin {
            tls: None,
            target: net::Target::Unix(PathBuf::from(&*path)),
            head_lines: head_lines(&HeaderValue::from_static("localhost")),
            host_header: HeaderValue::from_static("localhost"),
            text: url().into(),
        })
    }

    /// Whether it is reached through a unix socket.
    pub(crate) fn is_unix(&self) -> bool {
        matches!(self.target, net::Target::Unix(_))
    }

    /// `http` or `https`, unless it is reached through a unix socket.
    pub(crate) fn scheme(&self) -> Option<&'static str> {
        match (&self.target, &self.tls) {
            (net::Target::Unix(_), _) => None,
            (_, Some(_)) => Some("https"),
            (_, None) => Some("http"),
        }
    }

    /// Its name or address, unless it is reached through a unix socket.
    pub(crate) fn host(&self) -> Option<&str> {
        match &self.target {
            net::Target::Host { host, .. } => Some(host),
            net::Target::Unix(_) => None,
        }
    }

    /// The URL of a path, for cookies and redirects. A unix socket counts as `localhost`.
    pub(crate) fn url(&self, path: &str) -> Url {
        let origin = if self.is_unix() { "http://localhost" } else { &self.text };
        let url = Url::parse(&format!("{origin}{path}"));
        url.expect("an origin and a valid path make a URL")
    }
}

/// A host by itself: an IPv6 address stands in brackets in a URL, and without them everywhere else.
pub(crate) fn host_name(host: &Host<impl AsRef<str>>) -> String {
    match host {
        Host::Domain(name) => name.as_ref().to_owned(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    }
}

/// The usual `User-Agent`.
pub(crate) const AGENT: &str = concat!("hatchery/", env!("CARGO_PKG_VERSION"));

fn head_lines(host: &HeaderValue) -> [Box<[u8]>; 2] {
    let codings = ACCEPTED_CODINGS;
    let lines: [(&[u8], &[u8]); 4] = [
        (b" HTTP/1.1\r\nhost: ", host.as_bytes()),
        (b"user-agent: ", AGENT.as_bytes()),
        (b"accept: ", b"*/*"),
        (b"accept-encoding: ", codings.as_bytes()),
    ];
    let lines = lines.map(|(name, value)| [name, value, b"\r\n"].concat());
    [lines[..2].concat().into(), lines.concat().into()]
}
