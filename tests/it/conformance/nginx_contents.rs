//! nginx: files whole, in part, compressed, unchanged, with trailers, and to the connection's end.

use super::{Recorded, on_all_paths};
use hatchery::HttpSession;
use hatchery_http::{HttpError, SessionOptions};
use hatchery_tests::servers::Nginx;
use std::{fs, path::Path, time::Duration};

const SERVER: &str = "server {
    listen 127.0.0.1:PORT;
    listen 127.0.0.3:PORT http2;
    root FOLDER;
    default_type text/plain;
    location /files/ { }
    location /gzip/ {
        alias FOLDER/files/; gzip on; gzip_min_length 1; gzip_types text/plain; gzip_vary on;
    }
    location /until-close/ {
        alias FOLDER/files/; gzip on; gzip_min_length 1; gzip_types text/plain;
        chunked_transfer_encoding off;
    }
    location /trailer/ { alias FOLDER/files/; add_trailer X-Late yes; }
    location /slow/ { alias FOLDER/files/; limit_rate 1k; }
    location /charset/ { alias FOLDER/files/; charset iso-8859-1; override_charset on; }
}";

fn text() -> String {
    (0..10_000).map(|line| format!("line {line}\n")).collect()
}

fn fill(folder: &Path) {
    let files = folder.join("files");
    fs::create_dir_all(&files).unwrap();
    fs::write(files.join("text"), text()).unwrap();
    fs::write(files.join("empty"), "").unwrap();
    fs::write(files.join("latin"), b"caf\xe9").unwrap();
    fs::write(files.join("large"), vec![b'z'; 5_000_000]).unwrap();
}

fn with_nginx(
    name: &str,
    test: impl AsyncFn(HttpSession) + Send + Sync + 'static,
) -> Vec<Recorded> {
    let Some(nginx) = Nginx::start_with(name, SERVER, fill) else { return vec![] };
    let http2_url = format!("http://127.0.0.3:{}", nginx.port());
    on_all_paths((&nginx.url(""), &http2_url), &SessionOptions::default(), test)
}

#[test]
fn files_come_whole_and_their_length_counts() {
    let all = with_nginx("whole", async |client| {
        assert!(client.get("/files/text").await.text() == text());
        assert_eq!(client.get("/files/empty").await.content(), b"");
        let large = client.get("/files/large").await;
        assert!(large.content().len() == 5_000_000 && large.content().iter().all(|&b| b == b'z'));
        let head = client.head("/files/large").await;
        assert_eq!(head.header("content-length"), Some("5000000"));
        assert!(head.content().is_empty());
        assert_eq!(client.get("/charset/latin").await.text(), "café");
    });
    for recorded in all {
        assert_eq!(recorded.n_bytes("GET", "/files/text"), text().len() as u64);
        assert_eq!(recorded.n_bytes("GET", "/files/large"), 5_000_000);
        assert_eq!(recorded.n_bytes("HEAD", "/files/large"), 0);
        assert_eq!(recorded.0.n_failures(), 0);
    }
}

#[test]
fn compressed_files_are_decoded_and_their_decoded_length_counts() {
    let all = with_nginx("gzip", async |client| {
        let response = client.get("/gzip/text").await;
        assert_eq!(response.header("content-encoding"), Some("gzip"));
        assert_eq!(response.header("content-length"), None);
        assert!(response.text() == text());
        let plain = client.get("/gzip/text").name("plain").header("accept-encoding", "identity");
        let plain = plain.await;
        assert_eq!(plain.header("content-encoding"), None);
        assert!(plain.text() == text());
    });
    for recorded in all {
        assert_eq!(recorded.n_bytes("GET", "/gzip/text"), text().len() as u64);
        assert_eq!(recorded.0.n_failures(), 0);
    }
}

#[test]
fn a_body_without_length_or_chunks_ends_with_its_connection() {
    let all = with_nginx("until-close", async |client| {
        for _ in 0..2 {
            let response = client.get("/until-close/text").await;
            assert_eq!(response.header("content-length"), None);
            assert_eq!(response.header("transfer-encoding"), None);
            assert!(response.text() == text());
        }
    });
    for recorded in all {
        recorded.check(&["GET /until-close/text 2/0"], &[]);
    }
}

#[test]
fn trailers_are_read_and_the_connection_goes_on() {
    let all = with_nginx("trailers", async |client| {
        for _ in 0..3 {
            let response = client.get("/trailer/text").header("te", "trailers").await;
            // In chunks, unless a trailer may follow a length, as it may over HTTP/2.
            let is_chunked = response.header("transfer-encoding") == Some("chunked");
            assert!(is_chunked != response.header("content-length").is_some());
            assert!(response.text() == text());
        }
    });
    for recorded in all {
        recorded.check(&["GET /trailer/text 3/0"], &[]);
    }
}

#[test]
fn parts_of_a_file_come_alone_or_together() {
    with_nginx("ranges", async |client| {
        let get = |range: &'static str| client.get("/files/text").header("range", range);
        let part = get("bytes=5-11").await;
        assert_eq!((part.status_code(), part.text().as_ref()), (206, "0\nline "));
        assert!(part.header("content-range").unwrap().starts_with("bytes 5-11/"));
        let last = get("bytes=-10").await;
        assert_eq!(last.text(), "line 9999\n");
        let parts = get("bytes=0-3,7-10").await;
        let content_type = parts.header("content-type").unwrap();
        assert!(content_type.starts_with("multipart/byteranges; boundary="), "{content_type}");
        assert_eq!(parts.text().matches("Content-Range: bytes ").count(), 2);
        assert_eq!(get("bytes=999999999-").await.status_code(), 416);
    });
}

#[test]
fn a_file_that_has_not_changed_is_not_sent_again() {
    let all = with_nginx("unchanged", async |client| {
        let first = client.get("/files/text").await;
        let (tag, date) = (first.header("etag").unwrap(), first.header("last-modified").unwrap());
        let same = client.get("/files/text").name("tag").header("if-none-match", tag).await;
        assert_eq!((same.status_code(), same.content().len()), (304, 0));
        assert_eq!(same.header("etag"), Some(tag));
        let same = client.get("/files/text").name("date").header("if-modified-since", date).await;
        assert_eq!(same.status_code(), 304);
        let other = client.get("/files/text").name("other").header("if-match", "\"x\"").await;
        assert_eq!(other.status_code(), 412);
    });
    for recorded in all {
        let failure = "HTTPError: 412 Client Error: Precondition Failed for url: other";
        let entries = ["GET /files/text 1/0", "GET date 1/0", "GET other 1/1", "GET tag 1/0"];
        recorded.check(&entries, &[failure]);
    }
}

#[test]
fn a_slow_file_can_be_read_in_pieces_or_given_up() {
    let all = with_nginx("slow", async |client| {
        let limit = Duration::from_millis(300);
        let late = client.get("/slow/large").timeout(limit).await;
        assert!(late.error().is_some_and(HttpError::is_timeout));
        let mut stream = client.get("/slow/large").name("stream").stream().await;
        assert!(stream.next_piece().await.unwrap().is_some());
        drop(stream);
        assert_eq!(client.get("/files/empty").await.status_code(), 200);
    });
    for recorded in all {
        let entries = ["GET /files/empty 1/0", "GET /slow/large 1/1", "GET stream 1/0"];
        recorded.check(&entries, &["TimedOut: response not complete within 300ms"]);
        assert_eq!(recorded.n_bytes("GET", "stream"), 5_000_000);
    }
}
