//! Servers that break HTTP/2, or connections: one failure for each request, and the session goes
//! on.

use crate::{
    frames::{
        CONTINUATION, DATA, END_HEADERS, ENHANCE_YOUR_CALM, HEADERS, INTERNAL_ERROR, OK, Peer,
        REFUSED_STREAM, join, server,
    },
    harness::{NOBODY, Server, with_client},
};
use hatchery_http::HttpError;
use std::{
    future::IntoFuture,
    io::{Read, Write},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// Requests `/bad`, which must fail with this text, and `/ok`, which must not. The first request of
/// the first connection is answered as `misbehave` says.
#[track_caller]
fn check(misbehave: impl Fn(u32, &mut Peer) + Send + Sync + 'static, failure: &str) {
    let is_first = AtomicUsize::new(0);
    let server = server(&[], move |_, peer| {
        while let Some(stream) = peer.next_request() {
            match is_first.fetch_add(1, Ordering::Relaxed) {
                0 => misbehave(stream, peer),
                _ => peer.answer(stream, b"fine"),
            }
        }
    });
    check_url(&server.url, failure);
}

#[track_caller]
fn check_url(url: &str, failure: &str) {
    let recorded = with_client(url, |_, client| async move {
        let limit = Duration::from_millis(500);
        let response = client.get("/bad").read_timeout(limit).await;
        assert_eq!(response.status_code(), 0, "{response:?}");
        assert!(response.content().is_empty());
        assert_eq!(client.get("/ok").await.text(), "fine");
    });
    recorded.check(&["GET /bad 1/1", "GET /ok 1/0"], &[failure]);
}

/// A server whose first connection is served so, and the others well.
fn first_raw(serve: impl Fn(&mut std::net::TcpStream) + Send + Sync + 'static) -> Server {
    Server::raw(move |i, mut stream| {
        if i == 0 {
            return serve(&mut stream);
        }
        let Some(mut peer) = Peer::start(stream, &[]) else { return };
        while let Some(stream) = peer.next_request() {
            peer.answer(stream, b"fine");
        }
    })
}

#[test]
fn a_stream_that_is_reset_is_one_failure() {
    let failure = "StreamReset: server reset the stream: INTERNAL_ERROR";
    check(|stream, peer| peer.reset(stream, INTERNAL_ERROR), failure);
}

#[test]
fn a_stream_that_is_reset_in_its_body_is_one_failure() {
    let misbehave = |stream, peer: &mut Peer| {
        peer.send(HEADERS, END_HEADERS, stream, OK);
        peer.send(DATA, 0, stream, b"begin");
        peer.reset(stream, INTERNAL_ERROR);
    };
    check(misbehave, "StreamReset: server reset the stream: INTERNAL_ERROR");
}

#[test]
fn garbage_instead_of_settings() {
    let server = first_raw(|stream| {
        let _ = stream.write_all(&[0xff; 64]);
        let _ = stream.read(&mut [0; 4096]);
    });
    check_url(&server.url, "MalformedResponse: HTTP/2 FRAME_SIZE_ERROR");
}

#[test]
fn a_server_that_speaks_http_1_only() {
    let server = first_raw(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
        let _ = stream.read(&mut [0; 4096]);
    });
    check_url(&server.url, "MalformedResponse: the server speaks HTTP/1.1, not HTTP/2");
}

#[test]
fn garbage_after_a_good_beginning() {
    let misbehave = |_, peer: &mut Peer| assert!(peer.send(DATA, 0, 0, b"on no stream"));
    check(misbehave, "MalformedResponse: HTTP/2 PROTOCOL_ERROR");
}

#[test]
fn a_head_that_is_too_large() {
    // 20 headers of 15,000 bytes: `x: aaa…`, written out.
    let misbehave = |stream, peer: &mut Peer| {
        peer.send(HEADERS, 0, stream, OK);
        // 15,000 as HPACK writes it: 127 + 14,873, seven bits at a time.
        let line = [&b"\x00\x01x\x7f\x99\x74"[..], &[b'a'; 15_000]].concat();
        for i in 0..20 {
            let flags = if i == 19 { END_HEADERS } else { 0 };
            peer.send(CONTINUATION, flags, stream, &line);
        }
    };
    check(misbehave, "HeadTooLarge: response head is too large");
}

#[test]
fn a_head_without_end() {
    let misbehave = |stream, peer: &mut Peer| {
        peer.send(HEADERS, 0, stream, OK);
        while peer.send(CONTINUATION, 0, stream, b"\x00\x01x\x01y") {}
    };
    check(misbehave, "MalformedResponse: HTTP/2 ENHANCE_YOUR_CALM");
}

#[test]
fn interim_responses_without_end() {
    let misbehave = |stream, peer: &mut Peer| {
        for _ in 0..1000 {
            peer.send(HEADERS, END_HEADERS, stream, b"\x08\x03103");
        }
    };
    let failure = "MalformedResponse: an interim response that was not asked for";
    check(misbehave, failure);
}

#[test]
fn a_body_longer_or_shorter_than_promised() {
    for body in [&b"much too long"[..], b"s"] {
        let misbehave = move |stream, peer: &mut Peer| {
            // `content-length: 5`, by its name's number in the static table.
            peer.send(HEADERS, END_HEADERS, stream, &[OK, b"\x0f\x0d\x015"].concat());
            peer.send(DATA, 1, stream, body);
        };
        check(misbehave, "MalformedResponse: HTTP/2 PROTOCOL_ERROR");
    }
}

#[test]
fn a_window_that_stays_shut_ends_with_the_timeout() {
    let server = server(&[], |_, peer| {
        while let Some(stream) = peer.next_request() {
            // The second request has no body, and is answered.
            if stream > 1 {
                peer.answer(stream, b"fine");
            }
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        let limit = Duration::from_millis(100);
        let stuck = client.post("/").body(vec![b'x'; 10_000_000]).timeout(limit).await;
        assert!(stuck.error().is_some_and(HttpError::is_timeout), "{stuck:?}");
        let stuck = client.get("/ok").await;
        assert_eq!(stuck.text(), "fine");
    });
    let failure = "TimedOut: no response within 100ms";
    recorded.check(&["POST / 1/1", "GET /ok 1/0"], &[failure]);
}

#[test]
fn a_connection_that_breaks_is_one_failure_for_each_of_its_requests() {
    let server = server(&[], |i, peer| {
        for n in 0.. {
            let Some(stream) = peer.next_request() else { return };
            if i > 0 {
                peer.answer(stream, b"fine");
            } else if n == 4 {
                // All five are there.
                return;
            }
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        for response in join((0..5).map(|_| client.get("/").into_future())).await {
            assert!(response.error().is_some_and(HttpError::is_closed), "{response:?}");
        }
        assert_eq!(client.get("/ok").await.text(), "fine");
    });
    // Closed with bytes unread (the window updates and acknowledgements), so by a reset.
    let texts: Vec<_> = recorded.errors.iter().map(|(text, n)| (text.as_str(), *n)).collect();
    let closed = "ConnectionClosed: connection closed before a response came";
    let reset = "ConnectionReset: Connection reset by peer (os error 104)";
    assert!(texts == [(closed, 5)] || texts == [(reset, 5)], "{texts:?}");
    recorded.check(&["GET / 5/5", "GET /ok 1/0"], &[texts[0].0]);
}

#[test]
fn a_connect_that_fails_is_one_failure_for_each_that_waited() {
    let recorded = with_client(NOBODY, |_, client| async move {
        for response in join((0..5).map(|_| client.get("/").into_future())).await {
            assert!(response.error().is_some_and(HttpError::is_connect), "{response:?}");
        }
    });
    let failure = "ConnectionRefused: Connection refused (os error 111)";
    recorded.check(&["GET / 5/5"], &[failure]);
}

#[test]
fn requests_that_the_server_did_not_look_at_are_sent_once_more() {
    let server = server(&[], |i, peer| {
        match i {
            // Of two streams the first is served, and the second sent away.
            0 => {
                let (first, _second) = (peer.next_request(), peer.next_request());
                peer.go_away(1, 0);
                peer.answer(first.expect("two requests"), b"first");
            }
            // Refused, and taken when it comes again.
            _ => {
                let mut n_refused = 0;
                while let Some(stream) = peer.next_request() {
                    if n_refused < 1 && stream > 1 {
                        n_refused += 1;
                        peer.reset(stream, REFUSED_STREAM);
                    } else {
                        peer.answer(stream, b"second");
                    }
                }
            }
        }
        while peer.next().is_some() {}
    });
    let recorded = with_client(&server.url, |_, client| async move {
        let responses = join((0..2).map(|_| client.get("/").into_future())).await;
        let texts: Vec<_> = responses.iter().map(|response| response.text()).collect();
        assert_eq!(texts, ["first", "second"]);
        assert_eq!(client.get("/refused").await.text(), "second");
    });
    recorded.check(&["GET / 2/0", "GET /refused 1/0"], &[]);
}

#[test]
fn a_request_that_is_refused_twice_has_failed() {
    let server = server(&[], |_, peer| {
        while let Some(stream) = peer.next_request() {
            peer.reset(stream, REFUSED_STREAM);
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        assert!(client.get("/").await.error().is_some_and(HttpError::is_closed));
    });
    recorded.check(&["GET / 1/1"], &["StreamReset: server reset the stream: REFUSED_STREAM"]);
}

#[test]
fn a_server_that_has_had_enough_is_a_failure_and_a_new_connection() {
    let misbehave = |stream, peer: &mut Peer| peer.go_away(stream, ENHANCE_YOUR_CALM);
    // It said that it had looked at the request, and then closes.
    let server = server(&[], move |i, peer| {
        while let Some(stream) = peer.next_request() {
            match i {
                0 => return misbehave(stream, peer),
                _ => peer.answer(stream, b"fine"),
            }
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        let response = client.get("/bad").await;
        assert!(response.error().is_some_and(HttpError::is_closed), "{response:?}");
        assert_eq!(client.get("/ok").await.text(), "fine");
    });
    assert_eq!(recorded.errors.len(), 1, "{recorded:?}");
}

#[test]
fn an_answer_is_read_though_the_connection_is_reset_after_it() {
    let server = server(&[], |_, peer| {
        let Some(stream) = peer.next_request() else { return };
        peer.answer(stream, b"too much");
        // Closed with most of the body unread, which resets it.
    });
    let recorded = with_client(&server.url, |_, client| async move {
        for _ in 0..10 {
            let response = client.post("/").body(vec![b'x'; 1_000_000]).await;
            assert_eq!(response.text(), "too much", "{response:?}");
        }
    });
    recorded.check(&["POST / 10/0"], &[]);
}

#[test]
fn a_connection_closed_while_idle_is_replaced() {
    let server = server(&[], |_, peer| {
        let Some(stream) = peer.next_request() else { return };
        peer.answer(stream, b"fine");
    });
    let recorded = with_client(&server.url, |_, client| async move {
        for _ in 0..20 {
            let response = client.get("/").await;
            assert_eq!(response.text(), "fine", "{response:?}");
        }
    });
    recorded.check(&["GET / 20/0"], &[]);
}

#[test]
fn frames_of_no_known_kind_are_passed_over_and_a_push_is_not() {
    let misbehave = |stream: u32, peer: &mut Peer| {
        peer.send(0xfa, 0, stream, b"unknown");
        // PUSH_PROMISE, which the client has forbidden.
        peer.send(5, END_HEADERS, stream, b"\0\0\0\x02\x82\x86\x84");
    };
    check(misbehave, "MalformedResponse: HTTP/2 PROTOCOL_ERROR");
}
