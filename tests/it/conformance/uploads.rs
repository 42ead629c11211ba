//! Bodies that are made while they are sent, to nginx and to httpbin under gunicorn: their length is
//! not known when the head goes out.

use super::{Recorded, on_all_paths, with_httpbin_and_http2};
use hatchery::HttpSession;
use hatchery_http::{BodyStream, HttpError, Multipart, SessionOptions};
use hatchery_tests::servers::Nginx;
use serde_json::Value;
use std::io::Write;

const SERVER: &str = "server {
    listen 127.0.0.1:PORT;
    listen 127.0.0.3:PORT http2;
    client_max_body_size 2m;
    location /store/ {
        root FOLDER; dav_methods PUT DELETE; create_full_put_path on;
        add_header X-Coding $http_transfer_encoding;
        add_header X-Length $http_content_length;
        add_header X-Connection $connection;
        add_header X-Protocol $server_protocol;
    }
}";

fn with_nginx(
    name: &str,
    test: impl AsyncFn(HttpSession) + Send + Sync + 'static,
) -> Vec<Recorded> {
    let Some(nginx) = Nginx::start(name, SERVER) else { return vec![] };
    let http2_url = format!("http://127.0.0.3:{}", nginx.port());
    on_all_paths((&nginx.url(""), &http2_url), &SessionOptions::default(), test)
}

/// Pieces of different lengths, some of them empty.
fn pieces(n: usize) -> impl Iterator<Item = String> {
    (0..n).map(|i| format!("{i};").repeat(i % 7 * 100))
}

#[test]
fn nginx_stores_a_stream_of_unknown_length_whole() {
    let all = with_nginx("chunked", async |client| {
        let mut connections = vec![];
        for n_pieces in [0, 1, 2, 300] {
            let stream = BodyStream::pieces(pieces(n_pieces));
            let put = client.put("/store/a").body_stream(stream).await;
            assert!(matches!(put.status_code(), 201 | 204), "{put:?}");
            // Over HTTP/2 the frames tell where the body ends; in neither case is a length given.
            let is_http1 = put.header("x-protocol") == Some("HTTP/1.1");
            assert_eq!(put.header("x-coding"), is_http1.then_some("chunked"));
            assert_eq!(put.header("x-length"), None);
            connections.push(put.header("x-connection").map(str::to_owned));
            let stored = client.get("/store/a").await;
            assert!(stored.text() == pieces(n_pieces).collect::<String>(), "{n_pieces} pieces");
        }
        // Nothing is left over on the connection, or the next request would be refused.
        connections.dedup();
        assert_eq!(connections.len(), 1);
    });
    for recorded in all {
        recorded.check(&["GET /store/a 4/0", "PUT /store/a 4/0"], &[]);
    }
}

#[test]
fn nginx_stores_a_stream_that_waits_for_its_go_ahead() {
    with_nginx("chunked-expect", async |client| {
        let stream = BodyStream::pieces(pieces(50));
        let put = client.put("/store/b").header("expect", "100-continue").body_stream(stream);
        let put = put.await;
        assert!(matches!(put.status_code(), 201 | 204), "{put:?}");
        assert!(client.get("/store/b").await.text() == pieces(50).collect::<String>());
    });
}

#[test]
fn nginx_refuses_a_stream_that_turns_out_too_long_while_it_is_sent() {
    let all = with_nginx("chunked-long", async |client| {
        let megabytes = std::iter::repeat_with(|| vec![b'x'; 1 << 20]).take(30);
        let put = client.put("/store/c").body_stream(BodyStream::pieces(megabytes)).await;
        assert_eq!(put.status_code(), 413, "{put:?}");
        assert_eq!(client.get("/store/c").await.status_code(), 404);
    });
    for recorded in all {
        assert_eq!((recorded.0.n_requests(), recorded.0.n_failures()), (2, 2));
    }
}

#[test]
fn httpbin_sees_a_stream_of_unknown_length_as_its_data() {
    with_httpbin_and_http2(async |client| {
        let all: String = pieces(200).collect();
        let post = client.post("/anything").header("content-type", "text/plain");
        let seen: Value = post.body_stream(BodyStream::pieces(pieces(200))).await.json().unwrap();
        assert!(seen["data"] == all.as_str());
        assert_eq!(seen["headers"]["Content-Length"], Value::Null);
        // As gunicorn sees it, also behind the nginx that speaks HTTP/2.
        assert_eq!(seen["headers"]["Transfer-Encoding"], "chunked");
        let form = Multipart::new().text("field", "value").stream(
            "file",
            "a.txt",
            "text/plain",
            BodyStream::pieces(pieces(200)),
        );
        let seen: Value = client.post("/post").multipart(&form).await.json().unwrap();
        assert!(seen["files"]["file"] == all.as_str());
        assert_eq!(seen["form"]["field"], "value");
        assert_eq!(client.get("/get").await.status_code(), 200);
    });
}

#[test]
fn a_file_is_sent_again_where_a_redirect_keeps_it_and_other_streams_are_not() {
    with_httpbin_and_http2(async |client| {
        let params = [("url", "/anything"), ("status_code", "307")];
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"from a file").unwrap();
        let stream = BodyStream::file(file.path()).unwrap();
        let post = client.post("/redirect-to").params(&params).body_stream(stream).await;
        assert_eq!(post.json::<Value>().unwrap()["data"], "from a file");
        let stream = BodyStream::pieces(pieces(20));
        let post = client.post("/redirect-to").params(&params).body_stream(stream).await;
        assert!(post.error().is_some_and(HttpError::is_upload), "{post:?}");
    });
}
