//! How WebSockets end: by a goodbye, by force, by time.

use crate::{
    harness::{Server, with_client},
    websockets::echo_server,
};
use hatchery_http::HttpError;
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};
use tungstenite::{
    WebSocket, accept,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// A server that upgrades, reads a message and then does this.
fn rude(end: impl Fn(WebSocket<TcpStream>) + Send + Sync + 'static) -> Server {
    Server::raw(move |_, stream| {
        if let Ok(mut socket) = accept(stream)
            && socket.read().is_ok()
        {
            end(socket);
        }
    })
}

#[test]
fn a_goodbye_that_cannot_be_said_is_named() {
    with_client(&echo_server().url, |_, client| async move {
        let bad = [(1005, String::new(), "1005: "), (1000, "x".repeat(124), ", and this one 124")];
        for (code, reason, named) in bad {
            let socket = client.websocket("/").await.expect("upgraded");
            let error = socket.close_with(code, &reason).await.expect_err("none may");
            assert!(error.is_invalid_request() && error.text().contains(named), "{error}");
        }
    });
}

#[test]
fn a_goodbye_that_is_talked_over_is_waited_for_no_longer_than_its_time() {
    let server = Server::raw(|_, stream| {
        let Ok(mut socket) = accept(stream) else { return };
        while socket.send("price".into()).is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        let socket = client.websocket("/").await.expect("upgraded");
        assert!(socket.close().await.is_err_and(|error| error.is_timeout()));
    });
    recorded.check(&["WS / 1/0"], &[]);
}

#[test]
fn a_message_that_nobody_takes_ends_with_the_read_timeout() {
    let (hold, is_held) = crossbeam_channel::bounded::<()>(0);
    let server = Server::raw(move |_, stream| {
        let _socket = accept(stream);
        // Until the test is over.
        let _ = is_held.recv();
    });
    let recorded = with_client(&server.url, |_, client| async move {
        let limit = Duration::from_millis(300);
        let mut socket = client.websocket("/").read_timeout(limit).await.expect("upgraded");
        let error = loop {
            match socket.send_binary(vec![0; 4_000_000]).await {
                Ok(()) => {}
                Err(error) => break error,
            }
        };
        assert!(error.is_timeout(), "{error}");
        assert!(socket.send_text("more").await.is_err_and(|error| error.is_closed()));
    });
    drop(hold);
    let failure = "TimedOut: no response, nothing read for 300ms";
    assert_eq!(recorded.errors, [(failure.to_owned(), 1)]);
}

#[test]
fn a_peer_that_vanishes_is_one_failure() {
    let recorded = with_client(&rude(drop).url, |_, client| async move {
        let mut socket = client.websocket("/").await.expect("upgraded");
        socket.send_text("bye").await.expect("open");
        assert!(socket.recv().await.is_err_and(|error| error.is_closed()));
        assert!(socket.recv().await.is_err() && socket.call("still there?").await.is_err());
    });
    recorded.check(&["WS / 1/0", "WSS / 1/0", "WSR / 1/1"], &["WebSocketClosed: 1006 no goodbye"]);
}

#[test]
fn a_peer_that_vanishes_under_a_call_is_one_failure() {
    let reset = |socket: WebSocket<TcpStream>| {
        let stream = socket.get_ref();
        socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("a socket");
    };
    let recorded = with_client(&rude(reset).url, |_, client| async move {
        let mut socket = client.websocket("/").await.expect("upgraded");
        assert!(socket.call("bye").await.is_err_and(|error| error.is_closed()));
        assert!(socket.close().await.is_err());
    });
    assert_eq!(recorded.errors.len(), 1, "{recorded:?}");
    recorded.check(&["WS / 1/0", "WSC / 1/1"], &[&recorded.errors[0].0]);
}

#[test]
fn a_goodbye_ends_the_messages_and_one_for_a_reason_is_a_failure() {
    let recorded = with_client(&echo_server().url, |_, client| async move {
        let mut socket = client.websocket("/").await.expect("upgraded");
        socket.send_text("quit").await.expect("open");
        assert_eq!(socket.recv().await.expect("orderly"), None);
        assert_eq!(socket.recv().await.expect("orderly"), None);
        assert_eq!(socket.close_code(), Some((1005, "")));
        assert!(socket.send_text("more").await.is_err_and(|error| error.is_closed()));
        socket.close().await.expect("it has left already");
    });
    recorded.check(&["WS / 1/0", "WSS / 1/0"], &[]);
    let broken = rude(|mut socket| {
        let frame = CloseFrame { code: CloseCode::Error, reason: "no disk".into() };
        let _ = socket.close(Some(frame));
        while socket.read().is_ok() {}
    });
    let recorded = with_client(&broken.url, |_, client| async move {
        let mut socket = client.websocket("/").await.expect("upgraded");
        socket.send_text("save").await.expect("open");
        socket.recv().await.expect_err("no disk");
        assert_eq!(socket.close_code(), Some((1011, "no disk")));
    });
    recorded.check(&["WS / 1/0", "WSS / 1/0", "WSR / 1/1"], &["WebSocketClosed: 1011 no disk"]);
}

#[test]
fn bytes_that_are_no_frames_are_one_failure() {
    let garbage = rude(|mut socket| {
        let _ = socket.get_mut().write_all(&b"HTTP/1.1 200 OK\r\n\r\n".repeat(9));
        let _ = socket.get_mut().read(&mut [0]);
    });
    let recorded = with_client(&garbage.url, |_, client| async move {
        let mut socket = client.websocket("/").await.expect("upgraded");
        socket.call("x").await.expect_err("garbage");
    });
    assert!(recorded.errors[0].0.starts_with("WebSocketError: "), "{recorded:?}");
    recorded.check(&["WS / 1/0", "WSC / 1/1"], &[&recorded.errors[0].0]);
}

#[test]
fn silence_ends_with_the_read_timeout_and_the_session_goes_on() {
    let recorded = with_client(&echo_server().url, |_, client| async move {
        let limit = Duration::from_millis(100);
        let mut socket = client.websocket("/").read_timeout(limit).await.expect("upgraded");
        assert!(socket.recv().await.is_err_and(|error: HttpError| error.is_timeout()));
        assert_eq!(socket.call("x").await.expect("open").text(), Some("x"));
    });
    let failure = "TimedOut: no response, nothing read for 100ms";
    recorded.check(&["WS / 1/0", "WSR / 1/1", "WSC / 1/0"], &[failure]);
}

#[test]
fn a_session_that_is_dropped_closes_its_connection() {
    let (gone, is_gone) = crossbeam_channel::unbounded();
    let server = Server::raw(move |_, stream| {
        let mut socket = accept(stream).expect("upgraded");
        gone.send(socket.read().is_err()).expect("the test waits");
    });
    with_client(&server.url, move |shard, client| {
        let is_gone = is_gone.clone();
        async move {
            let mut socket = client.websocket("/").await.expect("upgraded");
            // As when a user is killed while it waits.
            let waiting = shard.timeout(Duration::from_millis(20), socket.recv());
            waiting.await.expect_err("nothing came");
            drop(socket);
            let mut n_turns = 0;
            while is_gone.is_empty() && n_turns < 1_000 {
                shard.sleep(Duration::from_millis(5)).await;
                n_turns += 1;
            }
            assert_eq!(is_gone.try_recv(), Ok(true));
        }
    });
}
