//! Responses of ambiguous or broken shape, as are used to smuggle one response into another.

use crate::{
    harness::{LEAN, Server, answer, with_client},
    hostile::{check, says},
};

/// A whole response to `/bad` that must fail with the text of the path under test.
#[track_caller]
fn refused(response: &str, by_lean: &str, by_hyper: &str) {
    let failure = if LEAN { by_lean } else { by_hyper };
    check(says(response), &format!("MalformedResponse: {failure}"));
}

/// A response that is taken as this body, and how many connections two requests make.
#[track_caller]
fn taken(response: &'static str, body: &'static str, n_connections: usize) {
    let server = Server::answering(move |request| match request.line.contains(" /odd ") {
        true => response.into(),
        false => answer("200 OK", "", "next"),
    });
    let recorded = with_client(&server.url, move |_, client| async move {
        assert_eq!(client.get("/odd").await.text(), body, "{response}");
        assert_eq!(client.get("/next").await.text(), "next", "{response}");
    });
    recorded.check(&["GET /odd 1/0", "GET /next 1/0"], &[]);
    assert_eq!(server.seen()[1].connection + 1, n_connections, "{response}");
}

#[test]
fn lengths_that_are_no_lengths() {
    for length in ["-1", "+5", "0x5", "5 5", "99999999999999999999", "five", "5;q=1"] {
        let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nabcde");
        let failure = format!("the content-length '{length}'");
        refused(&response, &failure, "invalid content-length parsed");
    }
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n\r\nabcdef";
    refused(response, "two content-lengths that differ", "invalid content-length parsed");
    let response = "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nabcdef";
    refused(response, "the content-length ''", "invalid content-length parsed");
}

#[test]
fn the_same_length_twice_is_one_length() {
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc";
    taken(response, "abc", 1);
}

#[test]
fn chunks_beat_a_length_and_the_connection_is_not_trusted_after_both() {
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n\
                    5\r\nabcde\r\n0\r\n\r\n";
    // hyper forgets the length and goes on.
    taken(response, "abcde", if LEAN { 2 } else { 1 });
}

#[test]
fn headers_that_go_on_in_the_next_line() {
    let response = "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 1\r\n\r\nx";
    refused(response, "invalid header name", "invalid HTTP header parsed");
}

#[test]
fn bytes_that_no_header_may_have() {
    for line in ["x: a\0b", "x\0: a", "x : a", ": a", "x: a\rb", "x", "x y: a"] {
        let response = format!("HTTP/1.1 200 OK\r\n{line}\r\ncontent-length: 1\r\n\r\nx");
        let failure = match line {
            "x: a\0b" | "x: a\rb" => "invalid header value",
            _ => "invalid header name",
        };
        refused(&response, failure, "invalid HTTP header parsed");
    }
}

#[test]
fn line_feeds_alone_end_lines_as_browsers_have_it() {
    taken("HTTP/1.1 200 OK\ncontent-length: 1\n\nx", "x", 1);
    taken("\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx", "x", 1);
}

#[test]
fn line_feeds_alone_do_not_end_the_lines_of_chunks() {
    let response = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\nx\n0\n\n";
    let failure = "a chunk that does not end where its length says";
    refused(response, failure, "Invalid chunk size line: Invalid Size");
}

#[test]
fn chunks_of_odd_lengths() {
    let bad_end = "a chunk that does not end where its length says";
    for (chunk, by_lean, by_hyper) in [
        ("-1\r\nx", "a chunk without a length", "Invalid chunk size line: missing size digit"),
        ("0x1\r\nx", bad_end, "Invalid chunk size line: Invalid Size"),
        (
            "fffffffffffffffff\r\nx",
            "a chunk's length of more than 16 digits",
            "invalid chunk size: overflow",
        ),
        ("1\r\nxyz", bad_end, "Invalid chunk body CR"),
    ] {
        let response = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}\r\n");
        refused(&response, by_lean, by_hyper);
    }
}

#[test]
fn codings_that_do_not_end_in_chunks_last_to_the_end_of_the_connection() {
    let server = crate::hostile::server(says(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\ncontent-length: 1\r\n\r\nabc",
    ));
    let recorded = with_client(&server.url, |_, client| async move {
        assert_eq!(client.get("/odd").await.text(), "abc");
        assert_eq!(client.get("/ok").await.text(), "fine");
    });
    recorded.check(&["GET /odd 1/0", "GET /ok 1/0"], &[]);
}

#[test]
fn status_lines_that_are_none() {
    for (line, by_lean, by_hyper) in [
        ("HTTP/1.1 20 OK", "invalid response status", "invalid HTTP status-code parsed"),
        ("HTTP/1.1 2000 OK", "invalid response status", "invalid HTTP status-code parsed"),
        ("HTTP/1.1 abc", "invalid response status", "invalid HTTP status-code parsed"),
        ("HTTP/2.0 200 OK", "invalid HTTP version", "invalid HTTP version parsed"),
        ("HTTP/1.2 200 OK", "invalid HTTP version", "invalid HTTP version parsed"),
        ("ICY 200 OK", "invalid HTTP version", "invalid HTTP version parsed"),
        ("<html>", "invalid HTTP version", "invalid HTTP version parsed"),
    ] {
        let response = format!("{line}\r\ncontent-length: 1\r\n\r\nx");
        refused(&response, by_lean, by_hyper);
    }
}

#[test]
fn a_second_response_behind_the_first_is_nobodys() {
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx\
                    HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled";
    let server = Server::answering(move |request| match request.line.contains(" /odd ") {
        true => response.into(),
        false => answer("200 OK", "", "next"),
    });
    with_client(&server.url, |_, client| async move {
        client.get("/odd").await;
        assert_eq!(client.get("/next").await.text(), "next");
    });
}
