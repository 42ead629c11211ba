//! Streams of one connection.

use crate::{
    frames::{
        ACK, CANCEL, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, OK, PING, RST_STREAM, join,
        server,
    },
    harness::{Server, answer, on_shard, options, with_client, with_session},
};
use hatchery_http::{HttpError, HttpSession, SessionOptions};
use std::{collections::VecDeque, future::IntoFuture, time::Duration};

const MAX_CONCURRENT_STREAMS: u16 = 3;

#[test]
fn requests_that_are_joined_share_a_connection_from_the_first_on() {
    let server = Server::answering(|request| answer("200 OK", "", &request.line));
    let recorded = with_client(&server.url, |_, client| async move {
        let requests = (0..50).map(|i| client.get(format!("/{i}")).name("/[i]").into_future());
        for (i, response) in join(requests).await.into_iter().enumerate() {
            assert_eq!(response.text(), format!("GET /{i} HTTP/1.1"));
        }
    });
    recorded.check(&["GET /[i] 50/0"], &[]);
    assert!(server.seen().iter().all(|request| request.connection == 0));
}

#[test]
fn no_more_streams_are_open_than_the_server_takes_and_the_rest_wait_in_line() {
    let server = server(&[(MAX_CONCURRENT_STREAMS, 3)], |_, peer| {
        let Some(first) = peer.next_request() else { return };
        peer.answer(first, b"first");
        let mut open = VecDeque::new();
        let mut n_answered = 0;
        while n_answered < 10 {
            // Whatever the client means to send is sent before it answers this.
            peer.send(PING, 0, 0, &[0; 8]);
            loop {
                let Some(frame) = peer.next() else { return };
                match frame.kind {
                    HEADERS => open.push_back(frame.stream),
                    PING => break,
                    _ => {}
                }
            }
            assert!(open.len() <= 3, "{open:?}");
            if let Some(stream) = open.pop_front() {
                peer.answer(stream, b"next");
                n_answered += 1;
            }
        }
        assert_eq!(peer.next_request(), None);
    });
    let recorded = with_client(&server.url, |_, client| async move {
        assert_eq!(client.get("/").await.text(), "first");
        for response in join((0..10).map(|_| client.get("/").into_future())).await {
            assert_eq!(response.text(), "next");
        }
    });
    recorded.check(&["GET / 11/0"], &[]);
}

#[test]
fn streams_refused_because_the_first_settings_were_late_are_sent_once_more() {
    let server = Server::raw(|_, stream| {
        use tokio_io::{net, runtime, task::LocalSet, task::spawn_local};
        let runtime = runtime::Builder::new_current_thread().enable_io().build().expect("one");
        runtime.block_on(LocalSet::new().run_until(async move {
            stream.set_nonblocking(true).expect("a socket");
            let stream = net::TcpStream::from_std(stream).expect("a socket");
            let mut builder = h2::server::Builder::new();
            builder.max_concurrent_streams(2);
            let Ok(mut connection) = builder.handshake::<_, bytes::Bytes>(stream).await else {
                return;
            };
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                spawn_local(async move {
                    let _ = respond.send_response(http::Response::new(()), true);
                });
            }
        }));
    });
    let recorded = with_client(&server.url, |_, client| async move {
        for response in join((0..20).map(|_| client.get("/").into_future())).await {
            response.raise_for_status().expect("200");
        }
    });
    recorded.check(&["GET / 20/0"], &[]);
}

#[test]
fn a_request_that_is_given_up_resets_its_stream_and_leaves_the_connection() {
    let server = server(&[], |i, peer| {
        assert_eq!(i, 0);
        let mut n_reset = 0;
        while let Some(frame) = peer.next() {
            match frame.kind {
                // The first two are left without an answer, the third without its end.
                HEADERS if n_reset == 2 => {
                    peer.send(HEADERS, END_HEADERS, frame.stream, OK);
                    peer.send(DATA, 0, frame.stream, b"begin");
                }
                HEADERS if n_reset == 3 => peer.answer(frame.stream, b"fine"),
                RST_STREAM => {
                    assert_eq!(frame.code(), CANCEL);
                    n_reset += 1;
                }
                _ => {}
            }
        }
    });
    let recorded = with_client(&server.url, |shard, client| async move {
        let limit = Duration::from_millis(50);
        let late = client.get("/late").timeout(limit).await;
        assert!(late.error().is_some_and(HttpError::is_timeout), "{late:?}");
        let killed = client.get("/killed").into_future();
        shard.timeout(limit, killed).await.expect_err("never answered");
        // What was given up is not sent before the shard runs the connection's task.
        shard.sleep(limit).await;
        let mut left = client.get("/left").stream().await;
        assert_eq!(left.next_piece().await.expect("a piece").as_deref(), Some(&b"begin"[..]));
        drop(left);
        shard.sleep(limit).await;
        assert_eq!(client.get("/fine").await.text(), "fine");
    });
    let failure = "TimedOut: no response within 50ms";
    recorded.check(&["GET /late 1/1", "GET /left 1/0", "GET /fine 1/0"], &[failure]);
    assert_eq!(recorded.n_abandoned, 1);
}

#[test]
fn an_idle_connection_answers_pings_and_says_goodbye_with_its_session() {
    let (said, heard) = crossbeam_channel::unbounded();
    let server = server(&[], move |_, peer| {
        let Some(stream) = peer.next_request() else { return };
        peer.answer(stream, b"");
        peer.send(PING, 0, 0, b"12345678");
        while let Some(frame) = peer.next() {
            said.send((frame.kind, frame.flags)).expect("the test waits");
        }
        said.send((0, 0)).expect("the test waits");
    });
    let url = server.url;
    let pong = heard.clone();
    on_shard(move |shard| {
        let (url, pong) = (url.clone(), pong.clone());
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            client.get("/").await.raise_for_status().expect("200");
            while pong.is_empty() {
                shard.sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(pong.try_recv(), Ok((PING, ACK)));
            drop(client);
            while pong.len() < 2 {
                shard.sleep(Duration::from_millis(5)).await;
            }
        }
    });
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [(GOAWAY, 0), (0, 0)]);
}

#[test]
fn without_keep_alive_each_request_has_a_connection_of_its_own() {
    let server = Server::answering(|_| answer("200 OK", "", "hello"));
    let options = SessionOptions { requests_per_connection: 1, ..options() };
    with_session(&server.url, options, |_, client| async move {
        for _ in 0..3 {
            assert_eq!(client.get("/").await.text(), "hello");
        }
    });
    let connections: Vec<_> = server.seen().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 1, 2]);
    assert_eq!(server.seen()[0].header("connection"), None);
}

#[test]
fn large_bodies_flow_both_ways_at_a_time_and_one_that_nobody_reads_holds_up_none() {
    const N_BYTES: usize = 20_000_000;
    let server = Server::answering(move |request| match request.line.contains("/large") {
        true => answer("200 OK", "", &"x".repeat(N_BYTES)),
        false => answer("200 OK", "", &request.body.len().to_string()),
    });
    let recorded = with_client(&server.url, |_, client| async move {
        let mut slow = client.get("/large").name("slow").stream().await;
        let first = slow.next_piece().await.expect("a piece").expect("not the end");
        let down = async { client.get("/large").await.content().len() };
        let up = async { client.post("/up").body(vec![b'y'; N_BYTES]).await.text().into_owned() };
        let lengths = join([boxed(async { down.await.to_string() }), boxed(up)]).await;
        assert_eq!(lengths, [N_BYTES.to_string(), N_BYTES.to_string()]);
        let rest = slow.read_all().await.expect("whole");
        assert_eq!(first.len() + rest.len(), N_BYTES);
    });
    recorded.check(&["GET slow 1/0", "GET /large 1/0", "POST /up 1/0"], &[]);
    assert!(server.seen().iter().all(|request| request.connection == 0));
}

fn boxed<'f, T>(
    future: impl Future<Output = T> + 'f,
) -> std::pin::Pin<Box<dyn Future<Output = T> + 'f>> {
    Box::pin(future)
}

#[test]
fn an_answer_may_come_before_the_body_was_sent() {
    let server = server(&[], |_, peer| {
        while let Some(frame) = peer.next() {
            // No window is opened beyond the first 64 KiB.
            if frame.kind == HEADERS {
                peer.answer(frame.stream, b"enough");
                if frame.stream == 1 {
                    peer.reset(frame.stream, 0);
                }
            }
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        for _ in 0..2 {
            let response = client.post("/").body(vec![b'x'; 1_000_000]).await;
            assert_eq!(response.text(), "enough", "{response:?}");
        }
    });
    recorded.check(&["POST / 2/0"], &[]);
}

#[test]
fn a_head_response_has_no_body_whatever_its_length_says() {
    let server = server(&[], |_, peer| {
        while let Some(stream) = peer.next_request() {
            // `content-length: 999999999`, by its name's number in the static table; and its end.
            let head = [OK, b"\x0f\x0d\x09999999999"].concat();
            peer.send(HEADERS, END_HEADERS, stream, &head);
            peer.send(DATA, END_STREAM, stream, b"");
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        let response = client.head("/").await;
        assert_eq!((response.status_code(), response.content()), (200, &b""[..]));
        assert_eq!(response.header("content-length"), Some("999999999"));
    });
    recorded.check(&["HEAD / 1/0"], &[]);
}

#[test]
fn trailers_and_interim_responses_are_passed_over() {
    let server = server(&[], |_, peer| {
        while let Some(stream) = peer.next_request() {
            // `:status: 103`, written out.
            peer.send(HEADERS, END_HEADERS, stream, b"\x08\x03103");
            peer.send(HEADERS, END_HEADERS, stream, OK);
            peer.send(DATA, 0, stream, b"body");
            peer.send(HEADERS, END_HEADERS | END_STREAM, stream, b"\x00\x01a\x01b");
        }
    });
    with_client(&server.url, |_, client| async move {
        assert_eq!(client.get("/").await.text(), "body");
        assert_eq!(&client.get("/").stream().await.read_all().await.expect("whole")[..], b"body");
    });
}

#[test]
fn the_response_time_ends_with_the_last_byte_and_elapsed_with_the_head() {
    const PAUSE: Duration = Duration::from_millis(200);
    let server = server(&[], |_, peer| {
        while let Some(stream) = peer.next_request() {
            peer.send(HEADERS, END_HEADERS, stream, OK);
            std::thread::sleep(PAUSE);
            peer.send(DATA, END_STREAM, stream, b"late");
        }
    });
    let recorded = with_client(&server.url, |shard, client| async move {
        let begin = shard.now_ns();
        let response = client.get("/").await;
        assert!(shard.now_ns() - begin >= PAUSE.as_nanos() as u64);
        assert!(response.elapsed() < PAUSE, "{:?}", response.elapsed());
        // Bytes that keep coming keep the read timeout away; none do, for longer than that.
        let stalled = client.get("/").read_timeout(PAUSE / 4).await;
        assert!(stalled.error().is_some_and(HttpError::is_timeout));
    });
    let failure = "TimedOut: response stalled, nothing read for 50ms";
    recorded.check(&["GET / 2/1"], &[failure]);
}
