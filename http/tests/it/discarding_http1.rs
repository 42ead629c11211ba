//! Throwing bodies away where HTTP/1.1 has its own ways to frame and to break them.

use crate::{
    discarding::discarding,
    harness::{Server, answer, read_head, read_request, with_session},
    tls,
};
use hatchery_http::SessionOptions;
use std::{
    io::{BufReader, Write},
    os::unix::net::UnixListener,
    thread,
    time::Duration,
};

/// A server that says the first text, then that many bytes, then the last, and is silent.
fn saying(head: &'static str, n_bytes: usize, last: &'static str, closes: bool) -> Server {
    Server::raw(move |i, stream| {
        let mut reader = BufReader::new(stream);
        while read_request(i, &mut reader).is_some() {
            let body = vec![b'x'; n_bytes];
            let stream = reader.get_mut();
            let said = [head.as_bytes(), &body, last.as_bytes()].concat();
            if stream.write_all(&said).is_err() || closes {
                return;
            }
        }
    })
}

#[test]
fn a_body_that_ends_early_stalls_or_runs_over_is_one_failure_each() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 500000\r\n\r\n";
    let cases = [
        (
            saying(HEAD, 300_000, "", true),
            "IncompleteBody: connection closed in the middle of the body",
        ),
        (saying(HEAD, 300_000, "", false), "TimedOut: response stalled, nothing read for 200ms"),
        (saying(HEAD, 500_000, "HTTP/1.1 200 OK\r\n\r\n", false), "MalformedResponse"),
    ];
    for (server, why) in cases {
        let recorded = with_session(&server.url, discarding(), |_, client| async move {
            for _ in 0..2 {
                client.get("/").read_timeout(Duration::from_millis(200)).await;
            }
        });
        assert_eq!((recorded.entries[0].2, recorded.entries[0].3), (2, 2), "{why}");
        assert!(recorded.errors[0].0.contains(why), "{why}: {:?}", recorded.errors);
    }
}

#[test]
fn chunks_and_bodies_that_end_with_the_connection_are_counted() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n186a0\r\n";
    let server = saying(chunked, 100_000, "\r\n0\r\n\r\n", false);
    let recorded = with_session(&server.url, discarding(), |_, client| async move {
        for _ in 0..3 {
            assert_eq!(client.get("/").await.content(), b"");
        }
    });
    assert_eq!((recorded.entries[0].3, recorded.entries[0].4), (0, 300_000));
    let server = saying("HTTP/1.1 200 OK\r\n\r\n", 200_000, "", true);
    let recorded = with_session(&server.url, discarding(), |_, client| async move {
        client.get("/").await;
    });
    assert_eq!((recorded.entries[0].3, recorded.entries[0].4), (0, 200_000));
}

#[test]
fn large_bodies_are_thrown_away_over_tls_too() {
    let body = "x".repeat(700_000);
    let server =
        tls::server("localhost", move |_, tls| tls.write_all(&answer("200 OK", "", &body)).is_ok());
    let options = SessionOptions { ca_file: tls::trusting(&server).ca_file, ..discarding() };
    let recorded = with_session(&server.url, options, |_, client| async move {
        for _ in 0..2 {
            assert_eq!(client.get("/").await.content(), b"");
        }
    });
    recorded.check(&["GET / 2/0"], &[]);
    assert_eq!(recorded.entries[0].4, 1_400_000);
}

#[test]
fn large_bodies_are_thrown_away_over_unix_sockets_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    thread::spawn(move || {
        let body = "x".repeat(700_000);
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            while read_head(&mut reader).is_some() {
                let _ = reader.get_mut().write_all(&answer("200 OK", "", &body));
            }
        }
    });
    let url = format!("http+unix://{}", path.to_str().expect("text").replace('/', "%2F"));
    let recorded = with_session(&url, discarding(), |_, client| async move {
        for _ in 0..2 {
            client.get("/").await;
        }
    });
    recorded.check(&["GET / 2/0"], &[]);
    assert_eq!(recorded.entries[0].4, 1_400_000);
}
