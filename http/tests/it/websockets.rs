//! WebSockets, against tungstenite's server.

use crate::{
    harness::{Server, answer, on_shard, with_client},
    identity::Identity,
};
use hatchery_http::{
    HeaderMap, HeaderName, HeaderValue, HttpSession, SessionOptions, WebSocketMessage,
};
use rustls::{ServerConnection, StreamOwned};
use std::{
    io::{Read, Write},
    sync::Arc,
    time::Duration,
};
use tungstenite::{
    Message, WebSocket, accept, accept_hdr,
    handshake::server::{Request, Response},
};

/// Answers until the other side leaves: `quit` with a goodbye, `twice` twice, anything else once.
pub(crate) fn echo<S: Read + Write>(mut socket: WebSocket<S>) {
    while let Ok(message) = socket.read() {
        let said = match message {
            Message::Text(text) if text == "quit" => socket.close(None),
            Message::Text(text) if text == "twice" => {
                socket.send("first".into()).and_then(|()| socket.send("second".into()))
            }
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message),
            _ => socket.flush(),
        };
        if said.is_err() {
            return;
        }
    }
}

pub(crate) fn echo_server() -> Server {
    Server::raw(|_, stream| {
        if let Ok(socket) = accept(stream) {
            echo(socket);
        }
    })
}

#[test]
fn messages_go_both_ways_as_samples() {
    let recorded = with_client(&echo_server().url, |_, client| async move {
        let mut socket = client.websocket("/feed").await.expect("upgraded");
        assert_eq!(socket.subprotocol(), None);
        socket.send_text("hello").await.expect("open");
        let message = socket.recv().await.expect("open").expect("a message");
        assert_eq!((message.text(), message.content()), (Some("hello"), &b"hello"[..]));
        socket.send_binary(vec![1, 2]).await.expect("open");
        let message = socket.recv().await.expect("open").expect("a message");
        assert_eq!(message.text(), None);
        assert_eq!(&message.into_content()[..], [1, 2]);
        socket.set_name("ask");
        let answer = socket.call(r#"{"a": 1}"#).await.expect("open");
        assert_eq!(answer.json::<serde_json::Value>().expect("JSON")["a"], 1);
        assert!(socket.ping().await.expect("open") > Duration::ZERO);
        let is_second = |answer: &WebSocketMessage| answer.text() == Some("second");
        socket.call_matching("twice", is_second).await.expect("open");
        let kept = socket.recv().await.expect("open").expect("kept");
        assert_eq!(kept.text(), Some("first"));
        socket.close().await.expect("orderly");
    });
    let entries = [
        "WS /feed 1/0",
        "WSS /feed 2/0",
        "WSR /feed 2/0",
        "WSC ask 2/0",
        "WSP ask 1/0",
        "WSR ask 1/0",
    ];
    recorded.check(&entries, &[]);
    let n_bytes: Vec<_> = recorded.entries.iter().map(|entry| entry.4).collect();
    assert_eq!(n_bytes, [0, 7, 7, 14, 0, 5]);
}

#[test]
fn large_messages_arrive_whole_and_those_beyond_the_limit_end_the_session() {
    let recorded = with_client(&echo_server().url, |_, client| async move {
        let mut socket = client.websocket("/").message_bytes_max(3_000_000).await.expect("open");
        let large = "x".repeat(3_000_000);
        assert!(socket.call(large.clone()).await.expect("open").text() == Some(&large));
        let error = socket.call(large + "x").await.expect_err("too large");
        assert!(error.is_too_large(), "{error}");
        // The session has ended, and that is said and not recorded again.
        assert!(socket.send_text("more").await.is_err());
        assert!(socket.recv().await.is_err());
    });
    let failure = "MessageTooLarge: Message too long: 3000001 > 3000000";
    recorded.check(&["WS / 1/0", "WSC / 2/1"], &[failure]);
}

#[test]
fn the_upgrade_carries_headers_cookies_and_credentials_and_chooses_a_protocol() {
    let server = Server::raw(|_, stream| {
        #[expect(clippy::result_large_err, reason = "tungstenite's signature")]
        let shake = |request: &Request, mut response: Response| {
            let get = |name: &str| {
                let value = request.headers().get(name);
                value.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
            };
            assert_eq!(request.uri().to_string(), "/room?id=7");
            assert_eq!((&*get("x-own"), &*get("cookie")), ("yes", "who=me"));
            assert_eq!(&*get("authorization"), "Bearer key");
            assert_eq!(&*get("x-signature"), "GET");
            assert_eq!(&*get("sec-websocket-protocol"), "v2, v1");
            let headers = response.headers_mut();
            headers.insert("sec-websocket-protocol", "v1".parse().expect("a value"));
            headers.insert("set-cookie", "seen=1".parse().expect("a value"));
            Ok(response)
        };
        if let Ok(socket) = accept_hdr(stream, shake) {
            echo(socket);
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        client.set_cookie("who", "me").expect("a site");
        let request = client.websocket("/room").params(&[("id", 7)]).name("room");
        let request = request.header("x-own", "yes").bearer_auth("key").subprotocols(["v2", "v1"]);
        let name = HeaderName::from_static("x-signature");
        let request = request.auth(move |request| {
            let method = HeaderValue::try_from(request.method().as_str()).expect("a word");
            HeaderMap::from_iter([(name.clone(), method)])
        });
        let socket = request.await.expect("upgraded");
        assert_eq!(socket.subprotocol(), Some("v1"));
        assert_eq!(client.cookie("seen").as_deref(), Some("1"));
        drop(socket);
    });
    recorded.check(&["WS room 1/0"], &[]);
}

/// A server that answers the upgrade with these bytes: one failure with this text.
#[track_caller]
fn check_refused(answer: &'static str, failure: &str) {
    let server = Server::answering(move |_| answer.into());
    let recorded = with_client(&server.url, |_, client| async move {
        client.websocket("/ws").await.expect_err("refused");
    });
    recorded.check(&["WS /ws 1/1"], &[failure]);
}

#[test]
fn a_server_that_does_not_upgrade_is_one_failure() {
    let failure = "HTTPError: 403 Client Error: Forbidden for url: /ws";
    check_refused("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", failure);
    let failure = "HTTPError: 403 Client Error: Not You for url: /ws";
    check_refused("HTTP/1.1 403 Not You\r\ncontent-length: 0\r\n\r\n", failure);
    let failure = "WebSocketRefused: the server answers 200 OK";
    check_refused("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", failure);
    let failure = "WebSocketRefused: the server upgrades to something else";
    check_refused("HTTP/1.1 101 Fine\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n", failure);
    let failure = "WebSocketRefused: Sec-WebSocket-Accept does not fit the key";
    check_refused(
        "HTTP/1.1 101 Fine\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-accept: abc\r\n\r\n",
        failure,
    );
}

#[test]
fn a_refusal_has_the_name_of_the_request() {
    let server = Server::answering(|_| answer("404 Not Found", "", ""));
    let recorded = with_client(&server.url, |_, client| async move {
        for i in 0..3 {
            let request = client.websocket(format!("/room/{i}")).name("/room/[id]");
            request.subprotocols([]).await.expect_err("refused");
        }
    });
    let failure = "HTTPError: 404 Client Error: Not Found for url: /room/[id]";
    recorded.check(&["WS /room/[id] 3/3"], &[failure]);
    assert_eq!(server.seen()[0].header("sec-websocket-protocol"), None);
}

#[test]
fn mistakes_are_errors_and_not_recorded() {
    let recorded = on_shard(|shard| async move {
        let url = "http://localhost:1";
        let client = HttpSession::with_base_url(&shard, url).expect("a URL");
        let error = client.websocket("/").subprotocols(["a\nb"]).await.expect_err("no header");
        assert!(error.is_invalid_request());
        assert!(client.websocket("ftp://x/").await.is_err_and(|error| error.is_invalid_url()));
    });
    recorded.check(&[], &[]);
}

#[test]
fn a_peer_that_nobody_answers_at_is_one_failure() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}", port.local_addr().expect("bound"));
    drop(port);
    let recorded = on_shard(move |shard| {
        let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
        async move {
            assert!(client.websocket("/").await.is_err_and(|error| error.is_connect()));
        }
    });
    recorded.check(&["WS / 1/1"], &["ConnectionRefused: Connection refused (os error 111)"]);
}

#[test]
fn websockets_go_over_tls_by_wss_and_by_https_urls() {
    let Identity { config, ca_file } = Identity::of("localhost");
    let server = Server::raw(move |_, stream| {
        let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
        if let Ok(socket) = accept(StreamOwned::new(session, stream)) {
            echo(socket);
        }
    });
    let url = server.url.replace("http://127.0.0.1", "wss://localhost");
    let ca_file = ca_file.into_temp_path().keep().expect("kept");
    let file = ca_file.clone();
    let recorded = on_shard(move |shard| {
        let (url, ca_file) = (url.clone(), file.clone());
        async move {
            let options = SessionOptions { ca_file: Some(ca_file), ..SessionOptions::default() };
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            let mut socket = client.websocket("/a").await.expect("upgraded");
            let large = "s".repeat(1_000_000);
            assert!(socket.call(large.clone()).await.expect("open").text() == Some(&large));
            socket.close().await.expect("orderly");
            let https = format!("{}/b", url.replace("wss:", "https:"));
            client.websocket(https).await.expect("upgraded").close().await.expect("orderly");
            let wss = format!("{url}/c?d");
            client.websocket(wss).await.expect("upgraded").close().await.expect("orderly");
        }
    });
    std::fs::remove_file(ca_file).expect("it is ours");
    recorded.check(&["WS /a 1/0", "WSC /a 1/0", "WS /b 1/0", "WS /c?d 1/0"], &[]);
}
