//! WebSockets, judged by Python's `websockets`.

use super::{Recorded, on_both_paths};
use hatchery::HttpSession;
use hatchery_http::SessionOptions;
use hatchery_tests::servers::WebSockets;
use serde_json::Value;
use std::time::Duration;

/// Runs a test against it on both paths; nothing comes of it where it is missing.
fn with_websockets(test: impl AsyncFn(HttpSession) + Send + Sync + 'static) -> Vec<Recorded> {
    match WebSockets::start() {
        Some(server) => on_both_paths(&server.url(""), &SessionOptions::default(), test),
        None => vec![],
    }
}

#[test]
fn texts_and_bytes_come_back_as_they_were_sent() {
    let all = with_websockets(async |client| {
        let mut socket = client.websocket("/echo").await.expect("upgraded");
        for text in ["hello", "", "Grüße, 世界 \u{1f600}"] {
            let answer = socket.call(text).await.expect("open");
            assert_eq!(answer.text(), Some(text));
        }
        let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        for bytes in [&bytes[..], &[], &[0], &bytes[..126], &bytes[..65_536]] {
            let answer = socket.call(bytes.to_vec()).await.expect("open");
            assert_eq!(answer.text(), None);
            assert!(answer.content() == bytes, "{} bytes", bytes.len());
        }
        let answer = socket.call(r#"{"price": 3}"#).await.expect("open");
        assert_eq!(answer.json::<Value>().expect("JSON")["price"], 3);
        socket.close().await.expect("orderly");
    });
    for recorded in all {
        recorded.check(&["WS /echo 1/0", "WSC /echo 9/0"], &[]);
    }
}

#[test]
fn large_messages_go_out_whole_and_come_in_in_frames() {
    let all = with_websockets(async |client| {
        let mut socket = client.websocket("/").await.expect("upgraded");
        let pieces = (0..20).map(|i| format!("piece {i}, äöü; ").repeat(5000));
        let whole: String = pieces.collect();
        let answer = socket.call("pieces").await.expect("open");
        assert!(answer.text() == Some(&whole), "{} bytes", answer.content().len());
        // The server's limit is four million bytes.
        let large = "x".repeat(4_000_000);
        let answer = socket.call(large.clone()).await.expect("open");
        assert!(answer.text() == Some(&large));
        assert!(socket.call(large + "x").await.is_err());
        assert_eq!(socket.close_code().map(|(code, _)| code), Some(1009));
    });
    for recorded in all {
        assert_eq!(recorded.0.n_failures(), 1);
        assert_eq!(recorded.n_bytes("WSC", "/"), 4_000_000 + 20 * 5000 * 17 + 10 * 5000);
    }
}

#[test]
fn each_side_answers_the_other_s_pings() {
    let all = with_websockets(async |client| {
        let mut socket = client.websocket("/").await.expect("upgraded");
        assert!(socket.ping().await.expect("open") > Duration::ZERO);
        let answer = socket.call("ping").await.expect("open");
        assert_eq!(answer.text(), Some("ponged"));
        socket.close().await.expect("orderly");
    });
    for recorded in all {
        recorded.check(&["WS / 1/0", "WSC / 1/0", "WSP / 1/0"], &[]);
    }
}

#[test]
fn a_server_that_leaves_says_why_and_one_that_is_left_is_told() {
    let all = with_websockets(async |client| {
        let mut socket = client.websocket("/").await.expect("upgraded");
        socket.send_text("leave").await.expect("open");
        assert!(socket.recv().await.expect("an orderly end").is_none());
        assert_eq!(socket.close_code(), Some((1000, "")));
        let mut socket = client.websocket("/").await.expect("upgraded");
        socket.send_text("fail").await.expect("open");
        assert!(socket.recv().await.is_err_and(|error| error.is_closed()));
        assert_eq!(socket.close_code(), Some((4001, "as you wish")));
        let socket = client.websocket("/").await.expect("upgraded");
        socket.close_with(3000, "enough").await.expect("its goodbye comes back");
    });
    for recorded in all {
        let entries = ["WS / 3/0", "WSR / 1/1", "WSS / 2/0"];
        recorded.check(&entries, &["WebSocketClosed: 4001 as you wish"]);
    }
}

#[test]
fn the_upgrade_carries_the_session_s_cookies_and_chooses_the_server_s_favourite() {
    let all = with_websockets(async |client| {
        client.set_cookie("room", "7").expect("a base URL");
        client.set_params(&[("key", "k")]).expect("pairs");
        for (asked, chosen) in [
            (&["v1.chat", "v2.chat"][..], Some("v2.chat")),
            (&["v1.chat"], Some("v1.chat")),
            (&["v9.chat"], None),
            (&[], None),
        ] {
            let request = client.websocket("/room").name("room");
            let mut socket = request.subprotocols(asked.iter().copied()).await.expect("upgraded");
            assert_eq!(socket.subprotocol(), chosen);
            let answer = socket.call("who").await.expect("open");
            let expected = format!("/room?key=k {} room=7", chosen.unwrap_or("None"));
            assert_eq!(answer.text(), Some(&*expected));
            socket.close().await.expect("orderly");
        }
        client.set_params(&()).expect("none");
        let refused = client.websocket("/refused").await;
        assert_eq!(refused.err().and_then(|error| error.status()), Some(403));
    });
    for recorded in all {
        let refused = "HTTPError: 403 Client Error: Forbidden for url: /refused";
        let entries = ["WS /refused 1/1", "WS room 4/0", "WSC room 4/0"];
        recorded.check(&entries, &[refused]);
    }
}

#[test]
fn a_challenge_of_digest_authentication_is_answered_and_known_from_then_on() {
    let all = with_websockets(async |client| {
        let socket = client.websocket("/digest?a=b").digest_auth("me", "pw").await;
        socket.expect("upgraded").close().await.expect("orderly");
        let refused = client.websocket("/digest").name("wrong").digest_auth("me", "no").await;
        assert_eq!(refused.err().and_then(|error| error.status()), Some(401));
        client.set_digest_auth("me", "pw");
        let mut socket = client.websocket("/digest").name("session").await.expect("upgraded");
        assert_eq!(socket.call("hello").await.expect("open").text(), Some("hello"));
        socket.close().await.expect("orderly");
    });
    for recorded in all {
        let entries = ["WS /digest?a=b 1/0", "WS session 1/0", "WS wrong 1/1", "WSC session 1/0"];
        let refused = "HTTPError: 401 Client Error: Unauthorized for url: wrong";
        recorded.check(&entries, &[refused]);
    }
}
