//! Sessions over TLS.

use crate::{
    harness::{Server, answer, on_shard_of, read_head, with_session},
    identity::Identity,
};
use hatchery_core::{shard::Common, stats::Phase};
use hatchery_http::{BodyStream, HttpError, HttpSession, SessionOptions};
use rustls::{HandshakeKind, ServerConnection, StreamOwned};
use std::{
    io::{BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    sync::{Arc, Mutex},
};

pub(crate) type Tls = StreamOwned<ServerConnection, TcpStream>;

pub(crate) struct TlsServer {
    pub(crate) url: String,
    ca_file: tempfile::NamedTempFile,
    handshakes: Arc<Mutex<Vec<HandshakeKind>>>,
}

/// A server for this name that answers each request by `answer`, until that says no more.
pub(crate) fn server(
    name: &str,
    answer: impl Fn(&str, &mut Tls) -> bool + Send + Sync + 'static,
) -> TlsServer {
    let Identity { config, ca_file } = Identity::of(name);
    let handshakes = Arc::<Mutex<Vec<_>>>::default();
    let log = Arc::clone(&handshakes);
    let server = Server::raw(move |_, stream| {
        let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
        let mut reader = BufReader::new(StreamOwned::new(session, stream));
        let mut is_first = true;
        while let Some((line, headers)) = read_head(&mut reader) {
            if std::mem::take(&mut is_first) {
                let kind = reader.get_ref().conn.handshake_kind().expect("shaken");
                log.lock().expect("no panic").push(kind);
            }
            let length = headers.iter().find(|(name, _)| name == "content-length");
            let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
            if reader.read_exact(&mut vec![0; length]).is_err() {
                return;
            }
            if !answer(&line, reader.get_mut()) {
                return;
            }
        }
    });
    let url = server.url.replace("http://127.0.0.1", "https://localhost");
    TlsServer { url, ca_file, handshakes }
}

pub(crate) fn trusting(server: &TlsServer) -> SessionOptions {
    let ca_file = Some(PathBuf::from(server.ca_file.path()));
    SessionOptions { ca_file, ..SessionOptions::default() }
}

#[test]
fn a_handshake_is_a_phase_of_the_request_that_waits_for_it() {
    let server = server("localhost", |_, tls| tls.write_all(&answer("200 OK", "", "")).is_ok());
    let (url, options) = (server.url.clone(), trusting(&server));
    let common = Common { phases: true, ..Common::default() };
    let recorded = on_shard_of(common, move |shard| {
        let (url, options) = (url.clone(), options.clone());
        async move {
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            for is_first in [true, false] {
                let phases = client.get("/").await.phases();
                assert_eq!(
                    (phases.connect().is_some(), phases.tls().is_some()),
                    (is_first, is_first)
                );
            }
        }
    });
    let total = &recorded.snapshot.entry("GET", "/").expect("recorded").total;
    let stats = total.phases.as_ref().expect("measured");
    assert_eq!(Phase::ALL.map(|phase| stats.n(phase)), [1, 1, 1, 2, 2]);
}

#[test]
fn requests_and_large_bodies_go_over_tls_and_sessions_are_resumed() {
    let server = server("localhost", |line, tls| {
        let body = if line.contains("/large") { "x".repeat(1_000_000) } else { "small".to_owned() };
        tls.write_all(&answer("200 OK", "", &body)).is_ok() && tls.flush().is_ok()
    });
    let recorded = with_session(&server.url, trusting(&server), |_, client| async move {
        for _ in 0..2 {
            client.get("/").await.raise_for_status().expect("200");
            assert_eq!(client.get("/large").await.content().len(), 1_000_000);
            client.post("/").body(vec![b'y'; 1_000_000]).await.raise_for_status().expect("200");
            client.close();
        }
    });
    recorded.check(&["GET / 2/0", "GET /large 2/0", "POST / 2/0"], &[]);
    let handshakes = server.handshakes.lock().expect("no panic").clone();
    assert_eq!(handshakes, [HandshakeKind::Full, HandshakeKind::Resumed]);
}

#[track_caller]
fn check(url: &str, options: SessionOptions, failure: &str) {
    let recorded = with_session(url, options, |_, client| async move {
        let response = client.get("/").await;
        assert!(response.error().is_some_and(HttpError::is_tls), "{response:?}");
    });
    recorded.check(&["GET / 1/1"], &[failure]);
}

#[test]
fn certificates_are_verified() {
    let own = server("localhost", |_, _| false);
    let failure = "TlsError: invalid peer certificate: UnknownIssuer";
    check(&own.url, SessionOptions::default(), failure);
    let other = server("example.org", |_, _| false);
    let failure = "TlsError: invalid peer certificate: certificate not valid for name \
                   \"localhost\"; certificate is only valid for DnsName(\"example.org\")";
    check(&other.url, trusting(&other), failure);
}

#[test]
fn verification_can_be_turned_off() {
    let server = server("example.org", |_, tls| {
        tls.write_all(&answer("200 OK", "", "")).is_ok() && tls.flush().is_ok()
    });
    let options = SessionOptions { verify: false, ..SessionOptions::default() };
    with_session(&server.url, options, |_, client| async move {
        client.get("/").await.raise_for_status().expect("200");
    });
}

#[test]
fn servers_that_do_not_speak_tls_or_hang_up_are_tls_errors() {
    let plain = Server::raw(|_, mut stream| {
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let failure = "TlsError: received corrupt message of type InvalidContentType";
    check(&plain.url.replace("http:", "https:"), SessionOptions::default(), failure);
    let silent = Server::raw(|_, mut stream| drop(stream.read(&mut [0; 512])));
    let failure = "TlsError: connection closed during the handshake";
    check(&silent.url.replace("http:", "https:"), SessionOptions::default(), failure);
}

#[test]
fn a_certificate_file_that_is_missing_is_named() {
    let own = server("localhost", |_, _| false);
    let options =
        SessionOptions { ca_file: Some("/no/such/ca.pem".into()), ..SessionOptions::default() };
    let failure = "TlsError: read /no/such/ca.pem: No such file or directory (os error 2)";
    check(&own.url, options, failure);
}

#[test]
fn a_streamed_body_goes_over_tls() {
    let server = server("localhost", |_, tls| {
        tls.write_all(&answer("200 OK", "", "taken")).is_ok() && tls.flush().is_ok()
    });
    let recorded = with_session(&server.url, trusting(&server), |_, client| async move {
        for _ in 0..2 {
            let pieces = std::iter::repeat_with(|| vec![b't'; 100_000]).take(30);
            let body = BodyStream::pieces(pieces).length(3_000_000);
            assert_eq!(client.post("/").body_stream(body).await.text(), "taken");
        }
    });
    recorded.check(&["POST / 2/0"], &[]);
    assert_eq!(server.handshakes.lock().expect("no panic").len(), 1);
}

#[test]
fn a_body_cut_off_under_tls_is_incomplete() {
    let server = server("localhost", |_, tls| {
        let _ = tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
        let _ = tls.flush();
        false
    });
    let recorded = with_session(&server.url, trusting(&server), |_, client| async move {
        assert!(client.get("/").await.error().is_some_and(HttpError::is_closed));
    });
    let failure = "IncompleteBody: connection closed in the middle of the body";
    recorded.check(&["GET / 1/1"], &[failure]);
}
