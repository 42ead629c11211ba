//! HTTP/2 over TLS: what is offered, and what comes of it.

use crate::{
    frames::{Peer, join},
    harness::{Server, answer, on_shard, read_head},
    identity::Identity,
};
use hatchery_http::{HttpError, HttpSession, HttpVersion, SessionOptions};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::{
    future::IntoFuture,
    io::{BufReader, Read, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// A server that offers these protocols, and answers each request with the one that it came by. Its
/// first connections are left waiting for a handshake. Counts its connections.
fn server(protocols: &[&str], n_silent: usize) -> (String, Arc<AtomicUsize>) {
    let Identity { config, ca_file } = Identity::of("localhost");
    // Nobody verifies it here.
    drop(ca_file);
    let mut config = ServerConfig::clone(&config);
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let config = Arc::new(config);
    let n_connections = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&n_connections);
    let server = Server::raw(move |i, mut stream| {
        count.fetch_add(1, Ordering::Relaxed);
        if i < n_silent {
            while stream.read(&mut [0; 512]).is_ok_and(|n| n > 0) {}
            return;
        }
        let mut session = ServerConnection::new(Arc::clone(&config)).expect("a session");
        while session.is_handshaking() {
            if session.complete_io(&mut stream).is_err() {
                return;
            }
        }
        let is_http2 = session.alpn_protocol().is_none_or(|name| name == b"h2");
        let stream = StreamOwned::new(session, stream);
        if is_http2 {
            let Some(mut peer) = Peer::start(stream, &[]) else { return };
            while let Some(stream) = peer.next_request() {
                peer.answer(stream, b"2");
            }
            return;
        }
        let mut reader = BufReader::new(stream);
        while read_head(&mut reader).is_some() {
            if reader.get_mut().write_all(&answer("200 OK", "", "1.1")).is_err() {
                return;
            }
        }
    });
    (server.url.replace("http://127.0.0.1", "https://localhost"), n_connections)
}

fn speaking(http_version: HttpVersion) -> SessionOptions {
    SessionOptions { http_version, verify: false, ..SessionOptions::default() }
}

/// Five requests at a time, twice, must all be answered over this protocol and so many connections.
#[track_caller]
fn check(protocols: &[&str], http_version: HttpVersion, spoken: &'static str, n: usize) {
    let (url, n_connections) = server(protocols, 0);
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let options = speaking(http_version);
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            for _ in 0..2 {
                for response in join((0..5).map(|_| client.get("/").into_future())).await {
                    assert_eq!(response.text(), spoken, "{response:?}");
                }
            }
        }
    });
    recorded.check(&["GET / 10/0"], &[]);
    assert_eq!(n_connections.load(Ordering::Relaxed), n);
}

#[test]
fn http_2_is_spoken_where_the_server_wants_it() {
    check(&["h2", "http/1.1"], HttpVersion::Http2, "2", 1);
    check(&["h2"], HttpVersion::Http2PriorKnowledge, "2", 1);
}

#[test]
fn prior_knowledge_needs_no_word_of_the_server() {
    check(&[], HttpVersion::Http2PriorKnowledge, "2", 1);
}

#[test]
fn a_server_that_declines_is_spoken_to_by_http_1() {
    check(&["http/1.1"], HttpVersion::Http2, "1.1", 5);
}

#[test]
fn nothing_but_http_1_is_offered_unless_asked_for() {
    check(&["h2", "http/1.1"], HttpVersion::Http1, "1.1", 5);
}

#[test]
fn a_server_that_knows_no_http_2_is_a_failure_of_prior_knowledge() {
    let (url, _) = server(&["http/1.1"], 0);
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let options = speaking(HttpVersion::Http2PriorKnowledge);
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            assert!(client.get("/").await.error().is_some_and(HttpError::is_tls));
        }
    });
    recorded.check(&["GET / 1/1"], &["TlsError: received fatal alert: NoApplicationProtocol"]);
}

#[test]
fn over_plain_tcp_http_1_is_spoken_unless_http_2_is_known() {
    let server = Server::raw(|_, stream| {
        let mut reader = BufReader::new(stream);
        while read_head(&mut reader).is_some() {
            reader.get_mut().write_all(&answer("200 OK", "", "1.1")).expect("open");
        }
    });
    let url = server.url;
    on_shard(move |shard| {
        let url = url.clone();
        async move {
            let options = speaking(HttpVersion::Http2);
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            assert_eq!(client.get("/").await.text(), "1.1");
        }
    });
}

#[test]
fn a_request_that_waits_for_a_connection_makes_it_when_the_one_that_did_gives_up() {
    let (url, n_connections) = server(&["h2"], 1);
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let options = speaking(HttpVersion::Http2);
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            let limit = Duration::from_millis(100);
            let first = client.get("/first").connect_timeout(limit).into_future();
            let others = (0..3).map(|_| client.get("/").into_future());
            let responses = join([first].into_iter().chain(others)).await;
            assert!(responses[0].error().is_some_and(HttpError::is_timeout), "{responses:?}");
            assert!(responses[1..].iter().all(|response| response.text() == "2"), "{responses:?}");
        }
    });
    let failure = "TimedOut: not connected within 100ms";
    recorded.check(&["GET /first 1/1", "GET / 3/0"], &[failure]);
    assert_eq!(n_connections.load(Ordering::Relaxed), 2);
}
