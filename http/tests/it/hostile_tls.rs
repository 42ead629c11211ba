//! TLS that goes wrong: alerts, certificates of all wrong kinds, connections that end within it.

use crate::{
    harness::{Server, answer, options, read_head, with_session},
    hostile::reset,
    identity::Identity,
};
use hatchery_http::{HttpError, SessionOptions};
use rcgen::{CertificateParams, date_time_ymd};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::{
    io::{BufReader, Read, Write},
    net::TcpStream,
    sync::Arc,
};

type Tls = StreamOwned<ServerConnection, TcpStream>;

/// Serves the first connection by `misbehave` and the others well; the first request must fail with
/// this text, the next one must not.
#[track_caller]
fn check(misbehave: impl Fn(TcpStream) + Send + Sync + 'static, failure: &str) {
    let Identity { config, ca_file } = Identity::of("localhost");
    check_with(&config, &ca_file, move |stream, _| misbehave(stream), failure);
}

#[track_caller]
fn check_with(
    config: &Arc<ServerConfig>,
    ca_file: &tempfile::NamedTempFile,
    misbehave: impl Fn(TcpStream, &Arc<ServerConfig>) + Send + Sync + 'static,
    failure: &str,
) {
    let config = Arc::clone(config);
    let server = Server::raw(move |i, stream| {
        if i == 0 {
            return misbehave(stream, &config);
        }
        let mut tls = shaken(stream, &config);
        while read_head(&mut tls).is_some() {
            let _ = tls.get_mut().write_all(&answer("200 OK", "", "fine"));
            let _ = tls.get_mut().flush();
        }
    });
    let url = server.url.replace("http://127.0.0.1", "https://localhost");
    let options = SessionOptions { ca_file: Some(ca_file.path().to_owned()), ..options() };
    let recorded = with_session(&url, options, |_, client| async move {
        assert_eq!(client.get("/bad").await.status_code(), 0);
        assert_eq!(client.get("/ok").await.text(), "fine");
    });
    recorded.check(&["GET /bad 1/1", "GET /ok 1/0"], &[failure]);
}

fn shaken(stream: TcpStream, config: &Arc<ServerConfig>) -> BufReader<Tls> {
    let session = ServerConnection::new(Arc::clone(config)).expect("a session");
    BufReader::new(StreamOwned::new(session, stream))
}

/// Reads the client's first words and answers with these bytes.
fn answers(bytes: &'static [u8]) -> impl Fn(TcpStream) + Send + Sync {
    move |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(bytes);
        let _ = stream.read(&mut [0; 4096]);
    }
}

#[test]
fn alerts_are_named() {
    check(answers(&[21, 3, 3, 0, 2, 2, 40]), "TlsError: received fatal alert: HandshakeFailure");
    check(answers(&[21, 3, 3, 0, 2, 2, 80]), "TlsError: received fatal alert: InternalError");
    check(answers(&[21, 3, 3, 0, 2, 2, 112]), "TlsError: received fatal alert: UnrecognisedName");
}

#[test]
fn records_that_are_none_are_refused() {
    check(
        answers(b"garbage, and enough of it to be a record"),
        "TlsError: received corrupt message of type InvalidContentType",
    );
    // A record of 64 KiB, which is more than one may have.
    check(
        answers(&[22, 3, 3, 0xff, 0xff, 2, 0, 0, 0]),
        "TlsError: received corrupt message of type MessageTooLarge",
    );
    check(
        answers(&[22, 3, 3, 0, 4, 2, 0, 0, 0]),
        "TlsError: received corrupt message of type MissingData(\"ProtocolVersion\")",
    );
}

#[test]
fn connections_that_end_in_the_handshake_are_failures() {
    for bytes in [&[][..], &[22, 3, 3, 0, 100, 2, 0]] {
        let misbehave = |mut stream: TcpStream| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(bytes);
        };
        check(misbehave, "TlsError: connection closed during the handshake");
    }
    let misbehave = |mut stream: TcpStream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&[22, 3, 3, 0, 100, 2, 0]);
        reset(&stream);
    };
    check(misbehave, "ConnectionReset: Connection reset by peer (os error 104)");
}

#[test]
fn an_alert_in_the_middle_of_a_response_is_named() {
    let Identity { config, ca_file } = Identity::of("localhost");
    let cut = |stream: TcpStream, config: &Arc<ServerConfig>| {
        let mut tls = shaken(stream, config);
        let _ = read_head(&mut tls);
        let _ = tls.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
        let _ = tls.get_mut().flush();
        // Not encrypted, and so no record of this session.
        let _ = tls.get_mut().sock.write_all(&[
            23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
        ]);
        let _ = tls.get_mut().sock.read(&mut [0; 4096]);
    };
    check_with(&config, &ca_file, cut, "TlsError: cannot decrypt peer's message");
}

/// What comes after the end of a response, in records cut like this, is the failure of the request.
#[track_caller]
fn check_surplus(records: &'static [&'static str]) {
    let Identity { config, ca_file } = Identity::of("localhost");
    let surplus = move |stream: TcpStream, config: &Arc<ServerConfig>| {
        let mut tls = shaken(stream, config);
        let _ = read_head(&mut tls);
        // Put together before any of it is sent, so that all of it comes at a time.
        for record in records {
            let _ = tls.get_mut().conn.writer().write_all(record.as_bytes());
        }
        let _ = tls.get_mut().flush();
        let _ = tls.get_mut().sock.read(&mut [0; 4096]);
    };
    let failure = "MalformedResponse: the server sent bytes after the end of its response";
    check_with(&config, &ca_file, surplus, failure);
}

#[test]
fn bytes_after_the_end_of_a_response_are_its_failure_over_tls_too() {
    check_surplus(&["HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxsurplus"]);
    check_surplus(&["HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx", "surplus"]);
    check_surplus(&["HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n", "x", "s", "urplus"]);
    check_surplus(&[
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\ny",
    ]);
    check_surplus(&["HTTP/1.1 204 No Content\r\n\r\n", "body"]);
}

/// A server with this certificate, asked twice: the same failure each time.
#[track_caller]
fn check_certificate(set: impl FnOnce(&mut CertificateParams), failure: &str) {
    let Identity { config, ca_file } = Identity::with("localhost", set);
    let server = Server::raw(move |_, stream| {
        let mut tls = shaken(stream, &config);
        while read_head(&mut tls).is_some() {
            let _ = tls.get_mut().write_all(&answer("200 OK", "", "trusted"));
        }
    });
    let url = server.url.replace("http://127.0.0.1", "https://localhost");
    let options = SessionOptions { ca_file: Some(ca_file.path().to_owned()), ..options() };
    let recorded = with_session(&url, options, |_, client| async move {
        for _ in 0..2 {
            assert!(client.get("/").await.error().is_some_and(HttpError::is_tls));
        }
    });
    recorded.check(&["GET / 2/2"], &[failure]);
    assert_eq!(recorded.errors[0].1, 2, "one text, whatever the time is");
}

#[test]
fn a_certificate_that_has_expired_is_refused() {
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2001, 1, 1);
    check_certificate(expired, "TlsError: invalid peer certificate: it has expired");
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_refused() {
    let future = |params: &mut CertificateParams| params.not_before = date_time_ymd(2999, 1, 1);
    check_certificate(future, "TlsError: invalid peer certificate: it is not valid yet");
}

#[test]
fn a_certificate_of_another_name_is_refused() {
    let other = |params: &mut CertificateParams| {
        let name = "example.org".try_into().expect("a name");
        params.subject_alt_names = vec![rcgen::SanType::DnsName(name)];
    };
    let failure = "TlsError: invalid peer certificate: certificate not valid for name \
                   \"localhost\"; certificate is only valid for DnsName(\"example.org\")";
    check_certificate(other, failure);
}
