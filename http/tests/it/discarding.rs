//! Sessions that throw bodies away, of which large ones never leave the kernel.

use crate::harness::{HTTP2, Seen, Server, answer, options, with_session};
use flate2::{Compression, write::GzEncoder};
use hatchery_http::SessionOptions;
use std::io::Write;

pub(crate) fn discarding() -> SessionOptions {
    SessionOptions { discard_bodies: true, ..options() }
}

/// Lengths around those at which bodies are read in another way.
const LENGTHS: [usize; 10] =
    [0, 100_000, 1, 3_000_000, 4_096, 16_383, 16_384, 65_536, 40_000, 1_000_000];

/// So many bytes as the path says.
fn as_asked(request: &Seen) -> Vec<u8> {
    let path = request.line.split(' ').nth(1).unwrap_or_default();
    let length = path[1..].parse().expect("a length");
    answer("200 OK", "", &"x".repeat(length))
}

#[test]
fn lengths_are_recorded_and_the_connection_goes_on() {
    let server = Server::answering(as_asked);
    let recorded = with_session(&server.url, discarding(), |_, client| async move {
        for _ in 0..3 {
            for length in LENGTHS {
                let response = client.get(format!("/{length}")).await;
                assert_eq!((response.status_code(), response.content()), (200, &b""[..]));
            }
        }
    });
    assert_eq!(recorded.errors, []);
    assert_eq!(recorded.entries.len(), LENGTHS.len());
    for (_, name, n, failed, n_bytes) in &recorded.entries {
        let length: u64 = name[1..].parse().expect("a length");
        assert_eq!((*n, *failed, *n_bytes), (3, 0, 3 * length), "{name}");
    }
    assert!(server.seen().iter().all(|request| request.connection == 0), "one is enough");
}

#[test]
fn a_body_of_another_coding_counts_by_its_decoded_length() {
    let server = Server::answering(|_| {
        let mut encoder = GzEncoder::new(vec![], Compression::default());
        encoder.write_all(&[b'x'; 300_000]).expect("memory");
        let body = encoder.finish().expect("memory");
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {length}");
        [head.as_bytes(), b"\r\n\r\n", &body].concat()
    });
    let recorded = with_session(&server.url, discarding(), |_, client| async move {
        assert_eq!(client.get("/").await.content(), b"");
    });
    assert_eq!(recorded.entries[0].4, 300_000);
}

#[test]
fn a_body_that_is_too_large_is_a_failure_all_the_same() {
    let server = Server::answering(as_asked);
    let options = SessionOptions { body_bytes_max: 50_000, ..discarding() };
    let recorded = with_session(&server.url, options, |_, client| async move {
        for path in ["/50001", "/50000"] {
            client.get(path).name("/").await;
        }
    });
    let error = "BodyTooLarge: response body has more than 50000 bytes";
    recorded.check(&["GET / 2/1"], &[error]);
}

#[test]
fn a_caught_response_has_its_length_and_a_streamed_one_its_body() {
    let server = Server::answering(as_asked);
    let recorded = with_session(&server.url, discarding(), |_, client| async move {
        let mut caught = client.get("/70000").catch_response().await;
        assert_eq!(caught.content(), b"");
        caught.success();
        let body = client.get("/70000").name("streamed").stream().await.read_all().await;
        assert_eq!(body.expect("whole").len(), 70_000);
    });
    assert_eq!(recorded.entries[0].4, 70_000);
    assert!(HTTP2 || server.seen().iter().all(|request| request.connection == 0));
}
