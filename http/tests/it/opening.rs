//! How connections are made and closed: names, time limits, certificates, the last packet.

use crate::{
    harness::{LEAN, Server, answer, on_shard, read_request},
    tls,
};
use crossbeam_channel::unbounded;
use hatchery_http::{HttpError, HttpSession, PoolChoice, SessionOptions};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, crypto::ring,
    pki_types::PrivateKeyDer, server::WebPkiClientVerifier,
};
use socket2::{Domain, Socket, Type};
use std::{
    fs,
    io::{self, BufReader, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

fn options() -> SessionOptions {
    SessionOptions { lean: LEAN, ..SessionOptions::default() }
}

#[test]
fn a_resolved_name_is_what_tls_asks_for_and_checks() {
    let (names, seen) = unbounded();
    let server = tls::server("shop.test", move |_, tls| {
        names.send(tls.conn.server_name().map(str::to_owned)).expect("the test waits");
        tls.write_all(&answer("200 OK", "", "fine")).is_ok() && tls.flush().is_ok()
    });
    let port: u16 = server.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("one");
    let resolve = vec![("shop.test".to_owned(), port, IpAddr::from([127, 0, 0, 1]))];
    let options = SessionOptions { resolve, lean: LEAN, ..tls::trusting(&server) };
    let recorded = on_shard(move |shard| {
        let options = options.clone();
        async move {
            let url = format!("https://shop.test:{port}");
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            assert_eq!(client.get("/").await.text(), "fine");
        }
    });
    recorded.check(&["GET / 1/0"], &[]);
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [Some("shop.test".to_owned())]);
}

#[test]
fn a_host_that_does_not_answer_ends_with_the_connect_timeout() {
    // The kernel drops who wants to connect while nobody accepts those that wait.
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    listener.listen(0).expect("a backlog");
    let address = listener.local_addr().expect("bound").as_socket().expect("an IP address");
    let mut waiting = vec![];
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(stream);
    }
    let recorded = on_shard(move |shard| async move {
        let url = format!("http://{address}");
        let client = HttpSession::with_options(&shard, &url, options()).expect("a URL");
        let response = client.get("/").connect_timeout(Duration::from_millis(50)).await;
        assert!(response.error().is_some_and(HttpError::is_timeout), "{response:?}");
    });
    recorded.check(&["GET / 1/1"], &["TimedOut: not connected within 50ms"]);
}

/// How the server sees the end of a connection that the client closes.
#[track_caller]
fn check_end(reset_on_close: bool, expected: Result<usize, io::ErrorKind>) {
    let (ends, seen) = unbounded();
    let server = Server::raw(move |i, stream| {
        let mut reader = BufReader::new(stream);
        read_request(i, &mut reader);
        reader.get_mut().write_all(&answer("200 OK", "", "fine")).expect("open");
        let end = reader.read(&mut [0; 8]).map_err(|error| error.kind());
        ends.send(end).expect("the test waits");
    });
    let url = server.url;
    on_shard(move |shard| {
        let url = url.clone();
        async move {
            let options = SessionOptions { reset_on_close, ..options() };
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            assert_eq!(client.get("/").await.text(), "fine");
            client.close();
        }
    });
    assert_eq!(seen.recv_timeout(Duration::from_secs(20)).expect("an end"), expected);
}

#[test]
fn connections_are_closed_with_fin_or_with_rst() {
    check_end(false, Ok(0));
    check_end(true, Err(io::ErrorKind::ConnectionReset));
}

#[test]
fn a_client_certificate_is_shown_to_servers_that_want_one() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let (cert_file, both_file) = (folder.path().join("cert.pem"), folder.path().join("both.pem"));
    fs::write(&cert_file, cert.pem()).expect("written");
    fs::write(&both_file, cert.pem() + &signing_key.serialize_pem()).expect("written");
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).expect("a certificate");
    let provider = Arc::new(ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.build().expect("roots"))
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a configuration");
    let config = Arc::new(config);
    let server = Server::raw(move |_, stream| {
        let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
        let mut tls = StreamOwned::new(session, stream);
        if tls.read(&mut [0; 4096]).is_ok() {
            let _ = tls.write_all(&answer("200 OK", "", "known"));
            let _ = tls.flush();
        }
    });
    let url = server.url.replace("http://127.0.0.1", "https://localhost");
    let recorded = on_shard(move |shard| {
        let (url, cert_file, both_file) = (url.clone(), cert_file.clone(), both_file.clone());
        async move {
            let trusting = SessionOptions { ca_file: Some(cert_file), ..options() };
            let known = SessionOptions {
                client_cert: Some((both_file.clone(), both_file)),
                ..trusting.clone()
            };
            let client = HttpSession::with_options(&shard, &url, known).expect("a URL");
            assert_eq!(client.get("/known").await.text(), "known");
            let client = HttpSession::with_options(&shard, &url, trusting).expect("a URL");
            let response = client.get("/unknown").await;
            assert!(response.error().is_some_and(HttpError::is_tls), "{response:?}");
        }
    });
    let failure = "TlsError: received fatal alert: CertificateRequired";
    recorded.check(&["GET /known 1/0", "GET /unknown 1/1"], &[failure]);
}

#[test]
fn shared_connections_take_source_addresses_in_turn() {
    let (peers, seen) = unbounded();
    let server = Server::raw(move |i, stream| {
        peers.send(stream.peer_addr().expect("connected").ip().to_string()).expect("it waits");
        let mut reader = BufReader::new(stream);
        while read_request(i, &mut reader).is_some() {
            reader
                .get_mut()
                .write_all(&answer("200 OK", "connection: close\r\n", ""))
                .expect("open");
        }
    });
    let url = server.url;
    on_shard(move |shard| {
        let url = url.clone();
        async move {
            let options = SessionOptions {
                sources: vec![IpAddr::from([127, 0, 0, 2]), IpAddr::from([127, 0, 0, 3])],
                pool: PoolChoice::PerCore { connections_max: 0 },
                ..options()
            };
            let clients = [0; 3]
                .map(|_| HttpSession::with_options(&shard, &url, options.clone()).expect("a URL"));
            // One after the other there is one connection at a time, and one address is enough.
            for client in &clients {
                client.get("/").await.raise_for_status().expect("200");
            }
        }
    });
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), ["127.0.0.2"; 3]);
}
