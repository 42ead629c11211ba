//! A proxy, ready to be connected to.

use super::{base::credentials, origin::host_name};
use crate::error::HttpError;
use hatchery_core::net;
use http::HeaderValue;
use url::Url;

/// A proxy that speaks HTTP.
#[derive(Debug)]
pub(crate) struct Proxy {
    /// Where to connect.
    pub(crate) target: net::Target,
    /// `Proxy-Authorization`, from user and password in its URL.
    pub(crate) authorization: Option<HeaderValue>,
    /// Its URL without them, for messages.
    pub(crate) text: Box<str>,
}

impl Proxy {
    /// The proxy of a URL, which may do without its `http://`.
    pub(crate) fn parse(text: &str) -> Result<Proxy, HttpError> {
        let whole = match text.contains("://") {
            true => text.to_owned(),
            false => format!("http://{text}"),
        };
        let url = Url::parse(&whole).map_err(|error| HttpError::invalid_proxy(text, error))?;
        if url.scheme() != "http" {
            let reason = "a proxy is spoken to in http: write http://user:password@host:port";
            return Err(HttpError::invalid_proxy(text, reason));
        }
        let Some(host) = url.host() else {
            return Err(HttpError::invalid_proxy(text, "no host supplied"));
        };
        let port = url.port_or_known_default().expect("http has a port");
        Ok(Proxy {
            target: net::Target::Host { host: host_name(&host).into(), port },
            authorization: credentials(&url),
            text: url.origin().ascii_serialization().into(),
        })
    }
}
