//! How a session connects.

use crate::proxies::Proxies;
use hatchery_core::{net::Target, ring::SocketOptions};
use std::{net::IpAddr, path::PathBuf};

/// Whose connections are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PoolChoice {
    /// Each user has connections of its own, as browsers have, and Locust's users.
    #[default]
    PerUser,
    /// The users of a core share connections, as behind a gateway. Only sessions with equal options
    /// share.
    PerCore {
        /// Connections that one core may have to one origin; 0 is no limit. A user that finds none
        /// free waits, first come first served, and its waiting is part of its response time.
        connections_max: u32,
    },
}

/// Options of a session, for all its requests; see
/// [`HttpSession::with_options`](crate::HttpSession::with_options). A request may choose another
/// proxy, whom it trusts and what it shows itself; see [`RequestBuilder`](crate::RequestBuilder).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOptions {
    /// How many requests a connection serves; the last one says `Connection: close`. 0, the
    /// default, is no limit, 1 a new connection for each request. `--requests-per-connection`.
    pub requests_per_connection: u32,
    /// Whose the connections are. `--shared-pool`.
    pub pool: PoolChoice,
    /// Through which proxies requests go. Locust's `proxies`. `--proxy`.
    pub proxies: Proxies,
    /// Whether a server's certificate is verified (the default). Locust's `verify`. `--insecure`
    /// turns it off. Of one request: [`RequestBuilder::verify`](crate::RequestBuilder::verify).
    pub verify: bool,
    /// A PEM file, or a directory of such files, with the certificates to trust instead of the
    /// system's. Locust's `verify` with a path. `--cacert`.
    pub ca_file: Option<PathBuf>,
    /// PEM files with a client certificate and its key, which may be the same. Locust's `cert`.
    /// `--cert` and `--key`. Of one request:
    /// [`RequestBuilder::cert`](crate::RequestBuilder::cert).
    pub client_cert: Option<(PathBuf, PathBuf)>,
    /// Whether connections are closed with RST, which leaves no TIME_WAIT behind, instead of FIN.
    /// `--reset-on-close`.
    pub reset_on_close: bool,
    /// Local addresses to connect from. Each has ports of its own to every destination, so that one
    /// host opens more connections than one address allows. A user keeps its address; with a
    /// shared pool a connection has one. They are taken in turn, per core and site. `--source-ip`.
    pub sources: Vec<IpAddr>,
    /// Addresses that take the place of names: host, port, and where to connect instead; the host
    /// `*` is every other one. The `Host` header and TLS keep the name. `--resolve`.
    pub resolve: Vec<(String, u16, IpAddr)>,
    /// Which HTTP is spoken: 1.1 unless told otherwise, as by Locust.
    pub http_version: HttpVersion,
    /// Whether HTTP/1.1 is spoken by hatchery itself (the default) or by hyper. Both behave alike;
    /// the first costs less.
    pub lean: bool,
    /// Redirects that are followed in one request, 30 unless said otherwise; one more is a failure.
    /// python-requests' `Session.max_redirects`.
    pub redirects_max: u32,
    /// Bytes of a response's body that are held in memory; a larger one is a failure.
    pub body_bytes_max: u64,
    /// Whether bodies are thrown away as they come, for users that look at none: their lengths are
    /// recorded, [`Response::content`](crate::Response::content) is empty. Large ones that come
    /// over plain TCP are not even copied out of the kernel. Streamed responses keep theirs. k6's
    /// `discardResponseBodies`; the program `hatchery` does so for its URLs.
    pub discard_bodies: bool,
    /// Whether requests say what may come back, as Locust's do: `Accept: */*`, and an
    /// `Accept-Encoding`, by which many a server compresses. On unless told otherwise. The program
    /// `hatchery` leaves them out, as wrk, h2load and k6 do.
    pub accept_headers: bool,
}

/// Which HTTP a session speaks. Over HTTP/2, all requests of a session to an origin go over one
/// connection; those under way at a time are streams of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// Over TLS HTTP/2 if the server wants it, which the handshake tells (ALPN); HTTP/1.1
    /// otherwise. `--http2`.
    Http2,
    /// HTTP/2 without asking, for servers that speak it without TLS (h2c).
    /// `--http2-prior-knowledge`.
    Http2PriorKnowledge,
}

/// What a response's body may weigh unless said otherwise. Ten thousand users that each get an
/// endless body must not take the machine with them.
const BODY_BYTES_MAX: u64 = 256 << 20;

/// Redirects that are followed unless said otherwise. python-requests' `DEFAULT_REDIRECT_LIMIT`.
const REDIRECTS_MAX: u32 = 30;

impl Default for SessionOptions {
    fn default() -> SessionOptions {
        SessionOptions {
            requests_per_connection: 0,
            pool: PoolChoice::PerUser,
            proxies: Proxies::default(),
            verify: true,
            ca_file: None,
            client_cert: None,
            reset_on_close: false,
            sources: vec![],
            http_version: HttpVersion::default(),
            lean: true,
            resolve: vec![],
            redirects_max: REDIRECTS_MAX,
            body_bytes_max: BODY_BYTES_MAX,
            discard_bodies: false,
            accept_headers: true,
        }
    }
}

impl SessionOptions {
    /// Where to connect for a target.
    pub(crate) fn resolved(&self, target: &Target) -> Option<Target> {
        let Target::Host { host, port } = target else { return None };
        let find = |name: &str| {
            let mut known = self.resolve.iter();
            known.find(|(host, at, _)| host.eq_ignore_ascii_case(name) && at == port)
        };
        // As in curl, a name comes before all names, wherever it stands.
        let (_, port, ip) = find(host).or_else(|| find("*"))?;
        Some(Target::Host { host: ip.to_string().into(), port: *port })
    }

    /// How a socket is set up; `turn` says which source address it has.
    pub(crate) fn socket(&self, turn: usize) -> SocketOptions {
        let source = match self.sources.len() {
            0 => None,
            n_sources => Some(self.sources[turn % n_sources]),
        };
        SocketOptions { source, reset_on_close: self.reset_on_close }
    }
}

/// What the command line says of HTTP, for every session that is not told otherwise. The program
/// puts it into [`hatchery_core::shard::Common::extensions`].
#[derive(Clone, Debug, Default)]
pub struct HttpDefaults {
    /// The options of a new session.
    pub session: SessionOptions,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_resolved_before_all_names_and_each_for_its_port() {
        let to = |host: &str, port, last| (host.to_owned(), port, IpAddr::from([10, 0, 0, last]));
        let resolve = vec![to("*", 443, 1), to("shop.test", 443, 2), to("shop.test", 80, 3)];
        let options = SessionOptions { resolve, ..SessionOptions::default() };
        let resolved = |host: &str, port| {
            let target = options.resolved(&Target::Host { host: host.into(), port })?;
            let Target::Host { host, .. } = target else { return None };
            host.rsplit('.').next().map(str::to_owned)
        };
        assert_eq!(resolved("Shop.test", 443).as_deref(), Some("2"));
        assert_eq!(resolved("shop.test", 80).as_deref(), Some("3"));
        assert_eq!(resolved("other.test", 443).as_deref(), Some("1"));
        assert_eq!(resolved("192.0.2.1", 443).as_deref(), Some("1"));
        assert_eq!(resolved("other.test", 80), None);
    }
}
