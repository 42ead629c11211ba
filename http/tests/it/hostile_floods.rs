//! Servers that send without end: what is taken in is bounded, and the server is left standing.

use crate::{
    harness::{LEAN, Server, answer, on_shard, options, read_request, with_client},
    hostile::server,
};
use hatchery_http::{HttpError, HttpSession, SessionOptions};
use std::{
    io::{BufReader, Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// More than the sockets of both sides and the ring's buffers hold: what is sent beyond a limit and
/// this must have been taken in by somebody.
const IN_FLIGHT_BYTES_MAX: u64 = 40 << 20;

/// Counts what a server could send.
#[derive(Clone, Default)]
struct Sent(Arc<AtomicU64>);

impl Sent {
    /// Sends `start`, and `again` for as long as the other side takes it.
    fn flood(&self, stream: &mut TcpStream, start: &str, again: &[u8]) {
        if stream.write_all(start.as_bytes()).is_err() {
            return;
        }
        while let Ok(n) = stream.write(again) {
            self.0.fetch_add(n as u64, Ordering::Relaxed);
        }
    }

    #[track_caller]
    fn check(&self, limit: u64) {
        let n_bytes = self.0.load(Ordering::Relaxed);
        assert!(n_bytes < limit + IN_FLIGHT_BYTES_MAX, "{n_bytes} bytes were taken in");
    }
}

/// A body whose length is not known before its end, and comes at once.
#[test]
fn a_body_that_comes_as_one_piece_is_no_larger_than_the_limit_either() {
    let server = Server::answering(|request| match &*request.line {
        "GET /ok HTTP/1.1" => answer("200 OK", "", "0123456789"),
        "GET /close HTTP/1.1" => b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n01234567890".into(),
        _ => b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n"
            .into(),
    });
    let url = server.url;
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let options = SessionOptions { body_bytes_max: 10, ..options() };
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            for path in ["/chunked", "/close"] {
                let response = client.get(path).name("large").await;
                assert!(response.error().is_some_and(HttpError::is_too_large), "{response:?}");
            }
            assert_eq!(client.get("/ok").await.content().len(), 10);
        }
    });
    let failure = "BodyTooLarge: response body has more than 10 bytes";
    recorded.check(&["GET large 2/2", "GET /ok 1/0"], &[failure]);
}

/// Requests `/bad` of a server that floods, which must fail with this text, and `/ok`.
#[track_caller]
fn flooded(start: &'static str, again: Vec<u8>, failure: &str) {
    let sent = Sent::default();
    let counted = sent.clone();
    let url = server(move |stream| counted.flood(stream, start, &again)).url;
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let options = SessionOptions { body_bytes_max: 1_000_000, ..options() };
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            let response = client.get("/bad").timeout(Duration::from_secs(10)).await;
            assert_eq!((response.status_code(), response.content().len()), (0, 0));
            assert_eq!(client.get("/ok").await.text(), "fine");
        }
    });
    recorded.check(&["GET /bad 1/1", "GET /ok 1/0"], &[failure]);
    sent.check(1_000_000);
}

const TOO_LARGE: &str = "BodyTooLarge: response body has more than 1000000 bytes";
const HEAD_TOO_LARGE: &str = "HeadTooLarge: response head is too large";

#[test]
fn bodies_without_end_are_cut_off_however_they_are_framed() {
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(65_536)).into_bytes();
    flooded("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", chunk, TOO_LARGE);
    flooded("HTTP/1.1 200 OK\r\n\r\n", vec![b'x'; 65_536], TOO_LARGE);
    let promise = "HTTP/1.1 200 OK\r\ncontent-length: 9223372036854775807\r\n\r\n";
    flooded(promise, vec![b'x'; 65_536], TOO_LARGE);
}

#[test]
fn heads_and_trailers_without_end_are_cut_off() {
    flooded("HTTP/1.1 200 OK\r\n", b"a: b\r\n".repeat(10_000), HEAD_TOO_LARGE);
    flooded("HTTP/1.1 200 OK\r\na: ", vec![b'x'; 65_536], HEAD_TOO_LARGE);
    let trailers = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n";
    let failure = match LEAN {
        true => "MalformedResponse: endless trailers or chunk extensions",
        false => "MalformedResponse: chunk trailers bytes over limit",
    };
    flooded(trailers, b"abcdefgh".repeat(10_000), failure);
    let extension = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;";
    let failure = match LEAN {
        true => "MalformedResponse: endless trailers or chunk extensions",
        false => "MalformedResponse: chunk extensions over limit",
    };
    flooded(extension, vec![b'x'; 65_536], failure);
}

#[test]
fn interim_responses_without_end_are_cut_off() {
    // hyper skips them all, so that only a limit of time ends it.
    if LEAN {
        let failure = "MalformedResponse: an interim response that was not asked for";
        flooded("", b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1_000), failure);
    }
}

#[test]
fn a_small_body_that_decodes_to_a_huge_one_is_cut_off() {
    // A gigabyte of zeros.
    let bomb = zstd::encode_all(std::io::repeat(0).take(1 << 30), 3).expect("memory");
    assert!(bomb.len() < 200_000);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: zstd\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    );
    let response = [head.as_bytes(), &bomb].concat();
    let url = server(move |stream| drop(stream.write_all(&response))).url;
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let options = SessionOptions { body_bytes_max: 1_000_000, ..options() };
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            assert!(client.get("/bad").await.error().is_some_and(HttpError::is_too_large));
            assert_eq!(client.get("/ok").await.text(), "fine");
        }
    });
    recorded.check(&["GET /bad 1/1", "GET /ok 1/0"], &[TOO_LARGE]);
}

#[test]
fn a_stream_that_nobody_reads_is_held_back() {
    let sent = Sent::default();
    let counted = sent.clone();
    let url = server(move |stream| {
        counted.flood(stream, "HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 65_536]);
    })
    .url;
    on_shard(move |shard| {
        let (url, sent) = (url.clone(), sent.clone());
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            let mut stream = client.get("/bad").stream().await;
            assert!(stream.next_piece().await.expect("more").is_some());
            // Until the server cannot send any more: its count stands still.
            let mut n_before = 0;
            loop {
                shard.sleep(Duration::from_millis(200)).await;
                sent.check(0);
                let n_sent = sent.0.load(Ordering::Relaxed);
                if n_sent == n_before {
                    break;
                }
                n_before = n_sent;
            }
            drop(stream);
            assert_eq!(client.get("/ok").await.text(), "fine");
        }
    });
}

#[test]
fn a_flood_on_an_idle_connection_is_held_back() {
    let sent = Sent::default();
    let counted = sent.clone();
    let server = Server::raw(move |i, stream| {
        let mut reader = BufReader::new(stream);
        while read_request(i, &mut reader).is_some() {
            let _ = reader.get_mut().write_all(&answer("200 OK", "", "fine"));
            if i == 0 {
                counted.flood(reader.get_mut(), "", &[b'x'; 65_536]);
            }
        }
    });
    let url = server.url;
    on_shard(move |shard| {
        let (url, sent) = (url.clone(), sent.clone());
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            client.get("/").await;
            for _ in 0..5 {
                shard.sleep(Duration::from_millis(100)).await;
                sent.check(0);
            }
            assert_eq!(client.get("/").await.text(), "fine");
        }
    });
}

#[test]
fn cookies_are_bounded_in_number_and_size() {
    let server = Server::answering(|request| {
        let page = request.line.split(['/', ' ']).nth(2).unwrap_or_default().to_owned();
        let mut flood: String = (0..60).map(|i| format!("set-cookie: c{page}x{i}=1\r\n")).collect();
        flood += &format!("set-cookie: large={}\r\n", "x".repeat(5_000));
        flood += &format!("set-cookie: first={page}\r\n");
        answer("200 OK", &flood, "")
    });
    with_client(&server.url, |_, client| async move {
        for page in 0..30 {
            client.get(format!("/{page}")).await;
        }
        // What is there already may still change.
        assert_eq!(client.cookie("first").as_deref(), Some("29"));
        assert_eq!(client.cookie("large"), None);
        client.get("/last").await;
    });
    let sent = server.seen().last().and_then(|seen| seen.header("cookie").map(str::to_owned));
    let sent = sent.expect("there are cookies");
    assert_eq!(sent.split(';').count(), 64);
    assert!(sent.len() < 1_000, "{}", sent.len());
}

#[test]
fn a_loop_of_redirects_with_growing_addresses_ends() {
    let server = Server::answering(|request| {
        let path = request.line.split(' ').nth(1).unwrap_or_default();
        answer("302 Found", &format!("location: {path}{}\r\n", "x".repeat(1_000)), "")
    });
    let recorded = with_client(&server.url, |_, client| async move {
        assert!(client.get("/").await.error().is_some_and(HttpError::is_too_many_redirects));
    });
    recorded.check(&["GET / 1/1"], &["TooManyRedirects: exceeded 30 redirects"]);
}

#[test]
fn an_address_of_a_redirect_that_is_far_too_long_is_a_failure() {
    let location = format!("HTTP/1.1 302 Found\r\nlocation: /{}\r\n", "x".repeat(100_000));
    let text = format!("{location}content-length: 0\r\n\r\n");
    let url = server(move |stream| drop(stream.write_all(text.as_bytes()))).url;
    let recorded = with_client(&url, |_, client| async move {
        assert_eq!(client.get("/bad").await.status_code(), 0);
        assert_eq!(client.get("/ok").await.text(), "fine");
    });
    let (text, n) = &recorded.errors[0];
    assert!(text.starts_with("InvalidURL: ") && *n == 1, "{text}");
    assert!(text.len() < 1_000, "{}", text.len());
}
