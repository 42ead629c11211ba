//! What can go wrong with a request, in the words of the error table: `Kind: message`.

use crate::lean::Malformed;
use hatchery_core::{net::ConnectError, stats::Failure};
use rustls::CertificateError;
use std::{borrow::Cow, error::Error, fmt, io, iter, time::Duration};

/// Why a request failed. Its text is what the error table shows.
///
/// It is not an `Err` of the request: a failed request is a [`crate::Response`] with status 0, as
/// in Locust. [`crate::Response::raise_for_status`] turns it into one.
#[derive(Clone)]
pub struct HttpError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: Kind,
    text: Cow<'static, str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Url,
    Invalid,
    Upload,
    Resolve,
    Connect,
    Proxy,
    Tls,
    Timeout,
    Closed,
    Malformed,
    TooLarge,
    Redirects,
    Status(u16),
    Json,
}

/// What a request was doing when its time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Queued,
    Connecting,
    Waiting,
    Reading,
}

impl HttpError {
    fn new(kind: Kind, text: impl Into<Cow<'static, str>>) -> HttpError {
        HttpError(Box::new(Inner { kind, text: text.into() }))
    }

    pub(crate) fn missing_schema(path: &str) -> HttpError {
        let text = format!("MissingSchema: no base URL for '{path}'; give --host, or a whole URL");
        HttpError::new(Kind::Url, text)
    }

    pub(crate) fn invalid_url(url: &str, reason: impl fmt::Display) -> HttpError {
        HttpError::new(Kind::Url, format!("InvalidURL: '{url}': {reason}"))
    }

    pub(crate) fn invalid_schema(url: &str) -> HttpError {
        let text =
            format!("InvalidSchema: '{url}' is neither http:// nor https:// nor http+unix://");
        HttpError::new(Kind::Url, text)
    }

    pub(crate) fn invalid(text: impl fmt::Display) -> HttpError {
        HttpError::new(Kind::Invalid, format!("InvalidRequest: {text}"))
    }

    pub(crate) fn invalid_part(part: &str, reason: impl fmt::Display) -> HttpError {
        HttpError::invalid(format_args!("{part}: {reason}"))
    }

    /// A challenge that cannot be answered.
    pub(crate) fn digest(why: &str) -> HttpError {
        HttpError::new(Kind::Upload, format!("DigestError: {why}"))
    }

    /// A body that was sent and is wanted once more.
    pub(crate) fn unrewindable() -> HttpError {
        let text = "UnrewindableBodyError: a streamed body cannot be sent again; \
                    make it by BodyStream::repeatable or BodyStream::file";
        HttpError::new(Kind::Upload, text)
    }

    /// A body's stream has failed.
    pub(crate) fn upload(error: &(dyn Error + 'static)) -> HttpError {
        match error.downcast_ref::<HttpError>() {
            Some(error) => error.clone(),
            None => HttpError::new(Kind::Upload, format!("UploadError: {error}")),
        }
    }

    /// A body's stream has not the length that was promised.
    pub(crate) fn upload_length(length: u64, n_bytes: u64) -> HttpError {
        let found = if n_bytes > length { "has more".into() } else { format!("has {n_bytes}") };
        let text =
            format!("UploadError: the body was to have {length} bytes, and its stream {found}");
        HttpError::new(Kind::Upload, text)
    }

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

    pub(crate) fn invalid_proxy(url: &str, reason: impl fmt::Display) -> HttpError {
        // Whatever stands before the host may be a password.
        let shown = url.rsplit_once('@').map_or(url, |(_, host)| host);
        HttpError::invalid(format_args!("proxy '{shown}': {reason}"))
    }

    pub(crate) fn proxy(proxy: &str, why: impl fmt::Display) -> HttpError {
        HttpError::new(Kind::Proxy, format!("ProxyError: {proxy}: {why}"))
    }

    fn io(kind: Kind, error: &io::Error) -> HttpError {
        HttpError::new(kind, Failure::from_io(error).to_string())
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

    pub(crate) fn timed_out(phase: Phase, limit: Duration) -> HttpError {
        let text = match phase {
            Phase::Queued => {
                format!("TimedOut: no connection of the pool was free within {limit:?}")
            }
            Phase::Connecting => format!("TimedOut: not connected within {limit:?}"),
            Phase::Waiting => format!("TimedOut: no response within {limit:?}"),
            Phase::Reading => format!("TimedOut: response not complete within {limit:?}"),
        };
        HttpError::new(Kind::Timeout, text)
    }

    pub(crate) fn stalled(phase: Phase, limit: Duration) -> HttpError {
        let what = if phase == Phase::Reading { "response stalled" } else { "no response" };
        HttpError::new(Kind::Timeout, format!("TimedOut: {what}, nothing read for {limit:?}"))
    }

    /// hyper's error, as seen by a request of which some or nothing was answered.
    pub(crate) fn hyper(error: &hyper::Error, phase: Phase) -> HttpError {
        // That of a request's body.
        if let Some(own) = find::<HttpError>(error) {
            return own.clone();
        }
        if let Some(cause) = find::<io::Error>(error) {
            // Errors that are made up, by a decoder for instance, have no number.
            if cause.raw_os_error().is_some() {
                return HttpError::io(Kind::Closed, cause);
            }
            let inner = cause.get_ref();
            if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return HttpError::tls(error);
            }
            if matches!(cause.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) {
                return HttpError::malformed(cause);
            }
        }
        if error.is_parse_too_large() {
            return HttpError::head_too_large();
        }
        if error.is_parse() {
            return HttpError::malformed(error);
        }
        HttpError::closed(phase)
    }

    /// An error of the socket, or of TLS, while a request is sent or its response read.
    pub(crate) fn read(error: &io::Error) -> HttpError {
        match error.kind() {
            _ if error.raw_os_error().is_some() => HttpError::io(Kind::Closed, error),
            io::ErrorKind::InvalidData => HttpError::tls_io(error),
            _ => HttpError::malformed(error),
        }
    }

    /// A response that is not HTTP.
    pub(crate) fn bad_head(why: &Malformed) -> HttpError {
        match why {
            Malformed::HeadTooLarge => HttpError::head_too_large(),
            Malformed::Text(text) => HttpError::malformed(text),
        }
    }

    pub(crate) fn head_too_large() -> HttpError {
        HttpError::new(Kind::TooLarge, "HeadTooLarge: response head is too large")
    }

    pub(crate) fn not_http2() -> HttpError {
        HttpError::malformed(&"the server speaks HTTP/1.1, not HTTP/2")
    }

    /// The server ended this one stream.
    pub(crate) fn stream_reset(reason: &dyn fmt::Debug) -> HttpError {
        HttpError::new(Kind::Closed, format!("StreamReset: server reset the stream: {reason:?}"))
    }

    /// The server ended the whole connection, and did not process this request.
    pub(crate) fn gone_away(reason: &dyn fmt::Debug) -> HttpError {
        HttpError::new(Kind::Closed, format!("ConnectionClosed: server sent GOAWAY: {reason:?}"))
    }

    pub(crate) fn malformed(error: &dyn fmt::Display) -> HttpError {
        HttpError::new(Kind::Malformed, format!("MalformedResponse: {error}"))
    }

    /// More came than the response, in answer to the same request.
    pub(crate) fn surplus() -> HttpError {
        let text = "MalformedResponse: the server sent bytes after the end of its response";
        HttpError::new(Kind::Malformed, text)
    }

    pub(crate) fn decoding(coding: &str, error: &dyn fmt::Display) -> HttpError {
        HttpError::new(Kind::Malformed, format!("ContentDecodingError: {coding}: {error}"))
    }

    pub(crate) fn closed(phase: Phase) -> HttpError {
        HttpError::new(
            Kind::Closed,
            match phase {
                Phase::Reading => "IncompleteBody: connection closed in the middle of the body",
                _ => "ConnectionClosed: connection closed before a response came",
            },
        )
    }

    pub(crate) fn body_too_large(limit: u64) -> HttpError {
        let text = format!("BodyTooLarge: response body has more than {limit} bytes");
        HttpError::new(Kind::TooLarge, text)
    }

    pub(crate) fn line_too_long(limit: usize) -> HttpError {
        let text = format!("LineTooLong: a line of the body has more than {limit} bytes");
        HttpError::new(Kind::TooLarge, text)
    }

    /// A server that does not make a WebSocket of a connection.
    pub(crate) fn not_upgraded(why: impl fmt::Display) -> HttpError {
        HttpError::new(Kind::Malformed, format!("WebSocketRefused: {why}"))
    }

    /// A WebSocket whose other side has left.
    pub(crate) fn websocket_closed(code: u16, reason: &str) -> HttpError {
        HttpError::new(
            Kind::Closed,
            format!("WebSocketClosed: {code} {reason}").trim_end().to_owned(),
        )
    }

    /// A WebSocket that has failed before.
    pub(crate) fn websocket_ended() -> HttpError {
        HttpError::new(Kind::Closed, "WebSocketEnded: the session has failed before")
    }

    pub(crate) fn websocket(error: &dyn fmt::Display) -> HttpError {
        HttpError::new(Kind::Malformed, format!("WebSocketError: {error}"))
    }

    pub(crate) fn message_too_large(error: &dyn fmt::Display) -> HttpError {
        HttpError::new(Kind::TooLarge, format!("MessageTooLarge: {error}"))
    }

    pub(crate) fn inbox_full(limit: usize) -> HttpError {
        let text = format!("TooManyMessages: {limit} came while an answer was waited for");
        HttpError::new(Kind::TooLarge, text)
    }

    pub(crate) fn too_many_redirects(limit: usize) -> HttpError {
        HttpError::new(Kind::Redirects, format!("TooManyRedirects: exceeded {limit} redirects"))
    }

    /// The error of a status of 400 or more, in the words of python-requests.
    pub(crate) fn bad_status(status: u16, reason: &str, url: &str) -> HttpError {
        let whose = if status < 500 { "Client" } else { "Server" };
        let text = format!("HTTPError: {status} {whose} Error: {reason} for url: {url}");
        HttpError::new(Kind::Status(status), text)
    }

    pub(crate) fn json(error: &serde_json::Error) -> HttpError {
        HttpError::new(Kind::Json, format!("JSONDecodeError: {error}"))
    }

    pub(crate) fn to_failure(&self) -> Failure {
        Failure::new(self.0.text.clone())
    }

    /// The text, as in the error table.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Whether the URL was of no use, so that nothing was sent and nothing recorded. Locust's
    /// `MissingSchema`, `InvalidSchema` and `InvalidURL`.
    pub fn is_invalid_url(&self) -> bool {
        self.0.kind == Kind::Url
    }

    /// Whether the request could not be made as it was put together (a header with a line break, a
    /// value that does not serialize), so that nothing was sent and nothing recorded.
    pub fn is_invalid_request(&self) -> bool {
        self.0.kind == Kind::Invalid
    }

    /// Whether the request's own body could not be sent: its stream failed, or had not the length
    /// that was promised, or would have been sent twice (python-requests'
    /// `UnrewindableBodyError`).
    pub fn is_upload(&self) -> bool {
        self.0.kind == Kind::Upload
    }

    /// Whether the host's name has no address.
    pub fn is_resolve(&self) -> bool {
        self.0.kind == Kind::Resolve
    }

    /// Whether no connection could be made.
    pub fn is_connect(&self) -> bool {
        matches!(self.0.kind, Kind::Connect | Kind::Resolve | Kind::Proxy)
    }

    /// Whether the proxy could not be reached, or refused to connect to the host.
    pub fn is_proxy(&self) -> bool {
        self.0.kind == Kind::Proxy
    }

    /// Whether TLS failed: a certificate, a handshake, a record.
    pub fn is_tls(&self) -> bool {
        self.0.kind == Kind::Tls
    }

    /// Whether the time was up.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == Kind::Timeout
    }

    /// Whether the connection broke or was closed before the response was complete.
    pub fn is_closed(&self) -> bool {
        self.0.kind == Kind::Closed
    }

    /// Whether what came was no HTTP response.
    pub fn is_malformed(&self) -> bool {
        self.0.kind == Kind::Malformed
    }

    /// Whether the response's head or body was larger than allowed.
    pub fn is_too_large(&self) -> bool {
        self.0.kind == Kind::TooLarge
    }

    /// Whether there were more redirects than allowed.
    pub fn is_too_many_redirects(&self) -> bool {
        self.0.kind == Kind::Redirects
    }

    /// The status code, if it is what makes the request a failed one.
    pub fn status(&self) -> Option<u16> {
        match self.0.kind {
            Kind::Status(status) => Some(status),
            _ => None,
        }
    }

    /// Whether a body was not the JSON that was asked for.
    pub fn is_json(&self) -> bool {
        self.0.kind == Kind::Json
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpError").field("kind", &self.0.kind).field("text", &self.0.text).finish()
    }
}

impl Error for HttpError {}

/// The error of this type among an error's causes.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut causes = iter::successors(error.source(), |&cause| cause.source());
    causes.find_map(|cause| cause.downcast_ref())
}
