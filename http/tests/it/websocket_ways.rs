//! The ways to a WebSocket: through proxies, and with a trust of its own.

use crate::{
    harness::{Recorded, Server, answer, on_shard, options, with_client},
    proxies::tunnelling,
    trust::Certificates,
    websockets::echo,
};
use hatchery_http::{HttpError, HttpSession, Proxies, SessionOptions};
use rustls::{ServerConnection, StreamOwned};
use std::{
    io::{Read, Write},
    sync::{Arc, Mutex},
};
use tungstenite::accept;

/// Who showed a certificate on each connection, by its number of bytes; 0 is nobody.
type Shown = Arc<Mutex<Vec<usize>>>;

/// A server of WebSockets over TLS.
fn secure(certificates: &Certificates) -> (String, Shown) {
    let config = Arc::clone(&certificates.config);
    let shown = Shown::default();
    let log = Arc::clone(&shown);
    let server = Server::raw(move |_, mut stream| {
        let mut session = ServerConnection::new(Arc::clone(&config)).expect("a session");
        while session.is_handshaking() {
            if session.complete_io(&mut stream).is_err() {
                return;
            }
        }
        let chain = session.peer_certificates().unwrap_or_default();
        log.lock().expect("no panic").push(chain.first().map_or(0, |cert| cert.len()));
        if let Ok(socket) = accept(StreamOwned::new(session, stream)) {
            echo(socket);
        }
    });
    (server.url.replace("http://127.0.0.1", "wss://localhost"), shown)
}

#[test]
fn an_upgrade_says_itself_whom_it_trusts_and_what_it_shows() {
    let certificates = Certificates::new();
    let (url, shown) = secure(&certificates);
    let (ca, clerk) = (certificates.path("ca.pem"), certificates.path("clerk-both.pem"));
    let recorded = on_shard(move |shard| {
        let (url, ca, clerk) = (url.clone(), ca.clone(), clerk.clone());
        async move {
            let client = HttpSession::with_options(&shard, &url, options()).expect("a URL");
            let mut socket = client.websocket("/a").verify(false).await.expect("upgraded");
            assert_eq!(socket.call("hello").await.expect("open").text(), Some("hello"));
            socket.close().await.expect("orderly");
            let socket = client.websocket("/a").verify(&ca).cert(&clerk).await;
            socket.expect("upgraded").close().await.expect("orderly");
            assert!(client.websocket("/a").await.is_err_and(|error| error.is_tls()));
            let missing = client.websocket("/a").verify("/no/such.pem").await;
            assert!(missing.is_err_and(|error| error.is_tls()));
        }
    });
    let failures = [
        "TlsError: invalid peer certificate: UnknownIssuer",
        "TlsError: read /no/such.pem: No such file or directory (os error 2)",
    ];
    recorded.check(&["WS /a 4/2", "WSC /a 1/0"], &failures);
    let shown: Vec<_> = shown.lock().expect("no panic").iter().map(|&n| n > 0).collect();
    assert_eq!(shown, [false, true]);
}

/// Says one word over a WebSocket, through what these options say.
#[track_caller]
fn say_hello(url: String, options: SessionOptions) -> Recorded {
    on_shard(move |shard| {
        let (url, options) = (url.clone(), options.clone());
        async move {
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            let mut socket = client.websocket("/chat").await.expect("upgraded");
            assert_eq!(socket.call("hello").await.expect("open").text(), Some("hello"));
            socket.close().await.expect("orderly");
        }
    })
}

const SAID: [&str; 2] = ["WS /chat 1/0", "WSC /chat 1/0"];

#[test]
fn a_websocket_over_tls_goes_through_a_tunnel() {
    let certificates = Certificates::new();
    let (url, _) = secure(&certificates);
    let (proxy, log) = tunnelling();
    let proxies = Proxies::default().with("https", &proxy.url).expect("a URL");
    let ca_file = Some(certificates.path("ca.pem"));
    say_hello(url.clone(), SessionOptions { proxies, ca_file, ..options() }).check(&SAID, &[]);
    let authority = url.strip_prefix("wss://").expect("wss");
    let lines: Vec<_> =
        log.lock().expect("no panic").iter().map(|(line, _)| line.clone()).collect();
    assert_eq!(lines, [format!("CONNECT {authority} HTTP/1.1")]);
}

#[test]
fn a_websocket_without_tls_goes_through_a_tunnel_too() {
    let target = Server::raw(|_, stream| {
        if let Ok(socket) = accept(stream) {
            echo(socket);
        }
    });
    let (proxy, log) = tunnelling();
    let with_password = proxy.url.replace("http://", "http://user:pass@");
    let proxies = Proxies::default().with("http", &with_password).expect("a URL");
    let url = target.url.replace("http:", "ws:");
    say_hello(url.clone(), SessionOptions { proxies, ..options() }).check(&SAID, &[]);
    let authority = url.strip_prefix("ws://").expect("ws");
    let (line, authorization) = (format!("CONNECT {authority} HTTP/1.1"), "Basic dXNlcjpwYXNz");
    assert_eq!(*log.lock().expect("no panic"), [(line, Some(authorization.to_owned()))]);
}

#[test]
fn an_upgrade_chooses_its_own_proxy_or_none() {
    let target = Server::raw(|_, stream| {
        if let Ok(socket) = accept(stream) {
            echo(socket);
        }
    });
    let (proxy, log) = tunnelling();
    let (url, own) = (target.url.clone(), proxy.url.clone());
    let recorded = on_shard(move |shard| {
        let proxies = Proxies::all("http://127.0.0.1:1").expect("a URL");
        let (url, own) = (url.clone(), own.clone());
        async move {
            let options = SessionOptions { proxies, ..options() };
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            let direct = client.websocket("/").no_proxy().await.expect("upgraded");
            direct.close().await.expect("orderly");
            let tunnelled = client.websocket("/").proxy(&own).await.expect("upgraded");
            tunnelled.close().await.expect("orderly");
        }
    });
    recorded.check(&["WS / 2/0"], &[]);
    assert_eq!(log.lock().expect("no panic").len(), 1);
}

#[test]
fn a_proxy_that_refuses_a_websocket_is_one_failure() {
    let proxy = Server::answering(|_| answer("403 Forbidden", "", "no sockets here"));
    let url = proxy.url.clone();
    let recorded = on_shard(move |shard| {
        let proxies = Proxies::all(&url).expect("a URL");
        async move {
            let options = SessionOptions { proxies, ..options() };
            let client =
                HttpSession::with_options(&shard, "ws://shop.test", options).expect("a URL");
            assert!(client.websocket("/").await.is_err_and(|error: HttpError| error.is_proxy()));
        }
    });
    let failure = "it refused to connect to shop.test:80: 403 Forbidden";
    recorded.check(&["WS / 1/1"], &[&format!("ProxyError: {}: {failure}", proxy.url)]);
    assert_eq!(proxy.seen()[0].line, "CONNECT shop.test:80 HTTP/1.1");
}

#[test]
fn a_challenge_is_answered_on_another_connection_and_at_once_from_then_on() {
    let asked = Arc::<Mutex<Vec<bool>>>::default();
    let log = Arc::clone(&asked);
    let server = Server::raw(move |_, mut stream| {
        let mut bytes = vec![0; 4096];
        let n = stream.peek(&mut bytes).expect("open");
        let is_answered = String::from_utf8_lossy(&bytes[..n]).contains("uri=\"/ws\"");
        log.lock().expect("no panic").push(is_answered);
        if is_answered {
            echo(accept(stream).expect("a handshake"));
            return;
        }
        let _ = stream.read(&mut bytes);
        let challenge = "www-authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n";
        let _ = stream.write_all(&answer("401 Unauthorized", challenge, "no"));
    });
    let recorded = with_client(&server.url, |_, client| async move {
        for _ in 0..2 {
            let socket = client.websocket("/ws").digest_auth("u", "p").await.expect("upgraded");
            socket.close().await.expect("orderly");
        }
        let refused = client.websocket("/other").digest_auth("u", "p").await;
        assert_eq!(refused.err().and_then(|error| error.status()), Some(401));
        // Nobody has credentials for it.
        let refused = client.websocket("/other").await;
        assert_eq!(refused.err().and_then(|error| error.status()), Some(401));
    });
    let failure = "HTTPError: 401 Client Error: Unauthorized for url: /other";
    recorded.check(&["WS /ws 2/0", "WS /other 2/2"], &[failure]);
    assert_eq!(*asked.lock().expect("no panic"), [false, true, true, false, false, false]);
}
