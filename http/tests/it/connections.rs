//! How connections are used again, and what ends them.

use crate::harness::{LEAN, Server, answer, on_shard, read_request, with_client};
use crossbeam_channel::bounded;
use hatchery_http::{HttpError, HttpSession, Method, SessionOptions};
use std::io::{BufReader, Write};

/// What a request fails with whose response is followed by more.
const SURPLUS: &str = "MalformedResponse: the server sent bytes after the end of its response";

fn options() -> SessionOptions {
    SessionOptions { lean: LEAN, ..SessionOptions::default() }
}

/// A request for `/bad` is answered by `response`, which must be a failure of that request, and
/// the next one goes well on another connection.
#[track_caller]
fn check_surplus(method: &Method, response: &'static str) {
    let server = Server::answering(move |request| match request.line.contains("/bad") {
        true => response.into(),
        false => answer("200 OK", "", "fine"),
    });
    let (url, sent) = (server.url.clone(), method.clone());
    let recorded = on_shard(move |shard| {
        let (url, method) = (url.clone(), sent.clone());
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            let response = client.request(method, "/bad").await;
            assert!(response.error().is_some_and(HttpError::is_malformed), "{response:?}");
            assert_eq!(client.get("/ok").await.text(), "fine");
        }
    });
    recorded.check(&[&format!("{method} /bad 1/1"), "GET /ok 1/0"], &[SURPLUS]);
    assert_eq!(server.seen()[1].connection, 1);
}

#[test]
fn bytes_after_the_end_of_a_response_are_its_failure() {
    check_surplus(&Method::GET, "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxsurplus");
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nmore";
    check_surplus(&Method::GET, chunked);
    check_surplus(&Method::GET, "HTTP/1.1 204 No Content\r\n\r\nbody");
    check_surplus(&Method::HEAD, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody");
    let closing = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\nxsurplus";
    check_surplus(&Method::GET, closing);
    let two = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx\
               HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\ny";
    check_surplus(&Method::GET, two);
    let redirect =
        "HTTP/1.1 302 Found\r\nlocation: /ok\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n";
    check_surplus(&Method::GET, redirect);
}

#[test]
fn bytes_after_the_end_of_a_streamed_response_are_an_error_of_its_reader() {
    let server = Server::answering(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxy".to_vec());
    let recorded = with_client(&server.url, |_, client| async move {
        let mut response = client.get("/").stream().await;
        assert_eq!(response.next_piece().await.expect("a piece").as_deref(), Some(&b"x"[..]));
        assert!(response.next_piece().await.is_err_and(|error| error.is_malformed()));
    });
    recorded.check(&["GET / 1/0"], &[]);
}

#[test]
fn what_is_said_on_an_idle_connection_is_no_answer_to_the_next_request() {
    let (tell, told) = bounded::<()>(0);
    let (said, is_said) = bounded::<()>(0);
    let server = Server::raw(move |i, stream| {
        let mut reader = BufReader::new(stream);
        while read_request(i, &mut reader).is_some() {
            reader.get_mut().write_all(&answer("200 OK", "", "fine")).expect("open");
            if i == 0 {
                told.recv().expect("the test goes on");
                let late = answer("408 Request Timeout", "connection: close\r\n", "idle");
                reader.get_mut().write_all(&late).expect("open");
                return said.send(()).expect("the test waits");
            }
        }
    });
    let url = server.url;
    let recorded = on_shard(move |shard| {
        let (url, tell, is_said) = (url.clone(), tell.clone(), is_said.clone());
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            assert_eq!(client.get("/").await.text(), "fine");
            tell.send(()).expect("the server waits");
            is_said.recv().expect("the server speaks");
            // Whether the shard has seen it by now or reads it in place of a response.
            assert_eq!(client.get("/").await.text(), "fine");
        }
    });
    recorded.check(&["GET / 2/0"], &[]);
}

#[test]
fn a_request_that_is_too_late_for_its_connection_is_sent_on_a_new_one() {
    let server = Server::answering(|request| match (request.connection, &*request.line) {
        (0, "GET /first HTTP/1.1") => answer("200 OK", "", "fine"),
        (0, _) | (_, "GET /slow HTTP/1.1") => {
            answer("408 Request Timeout", "connection: close\r\n", "")
        }
        _ => answer("200 OK", "", "fine"),
    });
    let recorded = with_client(&server.url, |_, client| async move {
        client.get("/first").await;
        assert_eq!(client.get("/second").await.text(), "fine");
        client.close();
        // On a new connection it is what the server means.
        assert_eq!(client.get("/slow").await.status_code(), 408);
    });
    let failure = "HTTPError: 408 Client Error: Request Timeout for url: /slow";
    recorded.check(&["GET /first 1/0", "GET /second 1/0", "GET /slow 1/1"], &[failure]);
}

#[test]
fn a_request_is_sent_again_only_if_nothing_of_an_answer_came() {
    // Closes at the second request of the first connection, after a part of a response.
    let server = Server::raw(move |i, stream| {
        let mut reader = BufReader::new(stream);
        let mut n_requests = 0;
        while read_request(i, &mut reader).is_some() {
            n_requests += 1;
            if i == 0 && n_requests == 2 {
                let _ = reader.get_mut().write_all(b"HTTP/1.1 200");
                return;
            }
            reader.get_mut().write_all(&answer("200 OK", "", "fine")).expect("open");
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        client.get("/").await;
        assert!(client.get("/cut").await.error().is_some_and(HttpError::is_closed));
        assert_eq!(client.get("/").await.text(), "fine");
    });
    let failure = "ConnectionClosed: connection closed before a response came";
    recorded.check(&["GET / 2/0", "GET /cut 1/1"], &[failure]);
}

/// On which connections seven requests go, and which of them say that it is the last.
#[track_caller]
fn check_requests_per_connection(requests_per_connection: u32, expected: &str) {
    let server = Server::answering(|_| answer("200 OK", "", "fine"));
    let url = server.url.clone();
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let options = SessionOptions { requests_per_connection, ..options() };
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            for _ in 0..7 {
                assert_eq!(client.get("/").await.text(), "fine");
            }
        }
    });
    recorded.check(&["GET / 7/0"], &[]);
    let of = server.seen().into_iter().map(|seen| match seen.header("connection") {
        Some("close") => format!("{}!", seen.connection),
        _ => seen.connection.to_string(),
    });
    assert_eq!(of.collect::<Vec<_>>().join(" "), expected);
}

#[test]
fn a_connection_serves_as_many_requests_as_it_may_and_says_which_is_the_last() {
    check_requests_per_connection(0, "0 0 0 0 0 0 0");
    check_requests_per_connection(1, "0! 1! 2! 3! 4! 5! 6!");
    check_requests_per_connection(3, "0 0 0! 1 1 1! 2");
}

#[test]
fn a_host_header_of_ones_own_is_sent_in_the_place_of_the_urls() {
    let server = Server::answering(|_| answer("200 OK", "", ""));
    with_client(&server.url, |_, client| async move {
        client.get("/").header("host", "shop.test").await.raise_for_status().expect("200");
    });
    let hosts = |(name, _): &&(String, String)| name == "host";
    let seen = server.seen();
    assert_eq!(seen[0].headers.iter().filter(hosts).count(), 1);
    assert_eq!(seen[0].header("host"), Some("shop.test"));
}
