//! Request bodies that are made while they are sent, on streams of HTTP/2.

use crate::harness::{Server, answer, with_client};
use hatchery_http::{BodyStream, HttpError};

#[test]
fn streamed_bodies_go_as_the_windows_allow_and_fail_alone() {
    let server = Server::answering(|request| match &request.line {
        line if line.contains("/keep") => answer("307 Temporary", "location: /a\r\n", ""),
        _ => answer("200 OK", "", &request.body.len().to_string()),
    });
    let recorded = with_client(&server.url, |_, client| async move {
        let pieces = || std::iter::repeat_with(|| vec![b'h'; 100_000]).take(30);
        let response = client.post("/a").body_stream(BodyStream::pieces(pieces())).await;
        assert_eq!(response.text(), "3000000");
        let body = BodyStream::pieces(pieces()).length(3_000_000);
        assert_eq!(client.post("/a").body_stream(body).await.text(), "3000000");
        let body = BodyStream::pieces(pieces()).length(4);
        let response = client.post("/bad").body_stream(body).await;
        assert!(response.error().is_some_and(HttpError::is_upload), "{response:?}");
        let body = BodyStream::pieces(pieces());
        let response = client.post("/keep").body_stream(body).await;
        assert!(response.error().is_some_and(HttpError::is_upload), "{response:?}");
    });
    let failures = [
        "UnrewindableBodyError: a streamed body cannot be sent again; make it by \
         BodyStream::repeatable or BodyStream::file",
        "UploadError: the body was to have 4 bytes, and its stream has more",
    ];
    recorded.check(&["POST /a 2/0", "POST /bad 1/1", "POST /keep 1/1"], &failures);
    let seen = server.seen();
    assert_eq!((seen[0].header("content-length"), seen[0].connection), (None, 0));
    assert_eq!(seen[1].header("content-length"), Some("3000000"));
    assert!(seen.iter().all(|request| request.connection == 0));
}
