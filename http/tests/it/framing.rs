//! Responses that are unusual and right.

use crate::harness::{Server, answer, on_shard, read_request, with_client};
use hatchery_http::HttpSession;
use std::{
    io::{BufReader, Write},
    thread,
    time::Duration,
};

/// What a request for `/` yields, and how many connections two of them take.
#[track_caller]
fn check(response: &'static str, body: &'static str, n_connections: usize) {
    let server = Server::answering(move |_| response.into());
    let recorded = with_client(&server.url, move |_, client| async move {
        for _ in 0..2 {
            assert_eq!(client.get("/").await.text(), body);
        }
    });
    recorded.check(&["GET / 2/0"], &[]);
    assert_eq!(recorded.entries[0].4, 2 * body.len() as u64);
    let seen = server.seen();
    assert_eq!(seen[1].connection + 1, n_connections);
}

#[test]
fn interim_responses_are_skipped() {
    let text = "HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n\
                HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
    check(text, "hi", 1);
}

#[test]
fn no_content_has_none() {
    check("HTTP/1.1 204 No Content\r\n\r\n", "", 1);
}

#[test]
fn chunks_are_joined_and_trailers_read() {
    let text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: v\r\n\r\n";
    check(text, "abcde", 1);
}

#[test]
fn a_connection_that_is_told_to_close_is_not_used_again() {
    check("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx", "x", 2);
}

#[test]
fn http_1_0_closes_unless_told_otherwise() {
    check("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", "x", 2);
}

#[test]
fn a_body_may_end_with_its_connection() {
    let server = Server::raw(|i, stream| {
        let mut reader = BufReader::new(stream);
        read_request(i, &mut reader);
        let _ = reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\n\r\nall of it");
    });
    let recorded = with_client(&server.url, |_, client| async move {
        for _ in 0..2 {
            assert_eq!(client.get("/").await.text(), "all of it");
        }
    });
    recorded.check(&["GET / 2/0"], &[]);
}

#[test]
fn a_head_response_has_no_body_whatever_its_length_says() {
    let server = Server::answering(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n".to_vec());
    let recorded = with_client(&server.url, |_, client| async move {
        for _ in 0..2 {
            let response = client.head("/").await;
            assert_eq!((response.status_code(), response.content()), (200, &b""[..]));
            assert_eq!(response.header("content-length"), Some("99"));
        }
    });
    recorded.check(&["HEAD / 2/0"], &[]);
    assert_eq!(server.seen()[1].connection, 0);
}

#[test]
fn a_reason_of_the_servers_own_is_kept() {
    let server = Server::answering(|_| answer("599 All Gone Wrong", "", ""));
    let recorded = with_client(&server.url, |_, client| async move {
        assert_eq!(client.get("/").await.reason(), "All Gone Wrong");
    });
    recorded.check(&["GET / 1/1"], &["HTTPError: 599 Server Error: All Gone Wrong for url: /"]);
}

#[test]
fn a_large_body_arrives_whole() {
    let body: String = (0..400_000).map(|i| char::from(b'a' + (i % 23) as u8)).collect();
    let text = body.clone();
    let server = Server::answering(move |_| answer("200 OK", "x: y\r\n", &text));
    let url = server.url.clone();
    on_shard(move |shard| {
        let (url, body) = (url.clone(), body.clone());
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            for _ in 0..5 {
                assert!(client.get("/").await.text() == body);
            }
        }
    });
    assert_eq!(server.seen()[4].connection, 0);
}

#[test]
fn the_response_time_ends_with_the_last_byte_and_elapsed_with_the_head() {
    let server = Server::raw(|i, stream| {
        let mut reader = BufReader::new(stream);
        let _ = read_request(i, &mut reader);
        let mut say = |text: &str| reader.get_mut().write_all(text.as_bytes()).expect("open");
        let closes = i == 1;
        say(if closes {
            "HTTP/1.1 200 OK\r\n\r\nx"
        } else {
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n"
        });
        // Long for a head to be under way, also where many tests share a core.
        thread::sleep(Duration::from_millis(300));
        if !closes {
            say("x");
        }
    });
    with_client(&server.url, |_, client| async move {
        for _ in 0..2 {
            let response = client.get("/").catch_response().await;
            assert_eq!(response.text(), "x");
            assert!(response.response_time() >= Duration::from_millis(300));
            assert!(response.elapsed() < Duration::from_millis(300));
        }
    });
}
