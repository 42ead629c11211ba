//! Responses read piece by piece.

use crate::harness::{Server, answer, on_shard, read_request};
use hatchery_http::{HttpError, HttpSession};
use std::{
    io::{BufReader, Write},
    thread,
    time::Duration,
};

#[test]
fn lines_come_as_they_are_sent_and_the_sample_is_the_head() {
    let server = Server::raw(|i, stream| {
        let mut reader = BufReader::new(stream);
        while read_request(i, &mut reader).is_some() {
            let mut say = |text: &str| reader.get_mut().write_all(text.as_bytes()).expect("open");
            say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
            for piece in ["3\r\na\r\n\r\n", "1\r\nb\r\n", "4\r\n\n\ncd\r\n", "0\r\n\r\n"] {
                thread::sleep(Duration::from_millis(30));
                say(piece);
            }
        }
    });
    let url = server.url;
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            for _ in 0..2 {
                let mut response = client.get("/").stream().await;
                assert_eq!(response.status_code(), 200);
                let mut lines = vec![];
                while let Some(line) = response.next_line().await.expect("whole") {
                    lines.push(line);
                }
                assert_eq!(lines, ["a", "b", "", "cd"]);
            }
            let all = client.get("/").stream().await.read_all().await.expect("whole");
            assert_eq!(&all[..], b"a\r\nb\n\ncd");
            let early = client.get("/early").stream().await;
            assert!(early.ok());
        }
    });
    recorded.check(&["GET / 3/0", "GET /early 1/0"], &[]);
}

#[test]
fn a_stream_that_breaks_off_is_an_error_of_the_call_and_failures_are_recorded() {
    let server = Server::answering(|request| match request.line.contains("/cut") {
        true => {
            let mut bytes = answer("200 OK", "", &"x".repeat(100));
            bytes.truncate(bytes.len() - 50);
            bytes
        }
        false => answer("503 Busy", "", "later"),
    });
    let url = server.url;
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            let limit = Duration::from_millis(200);
            let mut cut = client.get("/cut").read_timeout(limit).stream().await;
            assert_eq!(cut.next_piece().await.expect("a piece").map(|piece| piece.len()), Some(50));
            assert!(cut.next_piece().await.is_err_and(|error| HttpError::is_timeout(&error)));
            assert_eq!(cut.next_piece().await.expect("ended"), None);
            let busy = client.get("/busy").stream().await;
            assert_eq!(busy.status_code(), 503);
            assert_eq!(&busy.read_all().await.expect("whole")[..], b"later");
        }
    });
    let failure = "HTTPError: 503 Server Error: Busy for url: /busy";
    recorded.check(&["GET /cut 1/0", "GET /busy 1/1"], &[failure]);
    assert_eq!((recorded.entries[0].4, recorded.entries[1].4), (100, 5));
}
