//! Request bodies that are made while they are sent.

use crate::{
    harness::{Server, answer, on_shard, read_head, with_client},
    upload_peers::{Ticks, read_body, server},
};
use futures_core::Stream;
use hatchery_http::{BodyStream, HttpError, HttpSession, Multipart};
use std::{
    cell::Cell,
    io::{BufReader, Write},
    net::TcpStream,
    pin::Pin,
    rc::Rc,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

#[test]
fn a_stream_of_unknown_length_is_chunked_and_one_of_known_length_is_not() {
    let (url, seen) = server(|_| answer("200 OK", "", ""));
    let recorded = with_client(&url, |shard, client| async move {
        let body = BodyStream::new(Ticks::new(&shard, 3));
        client.post("/ticks").body_stream(body).await.raise_for_status().expect("200");
        let body = BodyStream::pieces(["a", "", "bc"]).length(3);
        let put = client.put("/known").header("content-length", "99").body_stream(body);
        put.await.raise_for_status().expect("200");
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(&[b'x'; 100_000]).expect("written");
        let body = BodyStream::file(file.path()).expect("it is there");
        client.post("/file").body_stream(body).await.raise_for_status().expect("200");
        let body = BodyStream::reader(std::io::Cursor::new("read"));
        let post = client.post("/reader").header("content-type", "text/x").body_stream(body);
        post.await.raise_for_status().expect("200");
        let body = BodyStream::pieces(Vec::<String>::new());
        client.post("/nothing").body_stream(body).await.raise_for_status().expect("200");
    });
    let entries = [
        "POST /ticks 1/0",
        "PUT /known 1/0",
        "POST /file 1/0",
        "POST /reader 1/0",
        "POST /nothing 1/0",
    ];
    recorded.check(&entries, &[]);
    let seen = seen.lock().expect("no panic").clone();
    assert_eq!(seen[0].chunks, [b"tick 2\n", b"tick 1\n", b"tick 0\n"]);
    assert_eq!(seen[0].header("content-length"), None);
    assert_eq!((seen[1].body(), seen[1].header("content-length")), (b"abc".to_vec(), Some("3")));
    assert_eq!(seen[1].header("transfer-encoding"), None);
    assert_eq!(seen[2].header("content-length"), Some("100000"));
    assert!(seen[2].body() == [b'x'; 100_000]);
    assert_eq!(
        (seen[3].body(), seen[3].header("content-type")),
        (b"read".to_vec(), Some("text/x"))
    );
    assert!(seen[4].body().is_empty());
    assert!(seen.iter().all(|upload| upload.connection == 0), "one connection serves them all");
}

/// A stream that is no good is one failure with this text, and the session goes on.
#[track_caller]
fn check_failing(make: impl Fn() -> BodyStream + Send + Sync + 'static, failure: &str) {
    let (url, _) = server(|_| answer("200 OK", "", "fine"));
    let make = Arc::new(make);
    let recorded = on_shard(move |shard| {
        let (url, make) = (url.clone(), Arc::clone(&make));
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            assert_eq!(client.get("/before").await.text(), "fine");
            let response = client.post("/bad").body_stream(make()).await;
            assert_eq!(response.status_code(), 0);
            assert!(response.error().is_some_and(HttpError::is_upload), "{response:?}");
            assert_eq!(client.get("/ok").await.text(), "fine");
        }
    });
    recorded.check(&["GET /before 1/0", "POST /bad 1/1", "GET /ok 1/0"], &[failure]);
}

/// Pieces, the last of which is an error.
struct Failing(u32);

impl Stream for Failing {
    type Item = Result<&'static str, &'static str>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0 += 1;
        Poll::Ready(Some(if self.0 > 3 { Err("the tape is torn") } else { Ok("piece") }))
    }
}

#[test]
fn a_stream_that_fails_is_one_failure() {
    check_failing(|| BodyStream::new(Failing(0)), "UploadError: the tape is torn");
}

#[test]
fn a_stream_that_is_shorter_or_longer_than_it_says_is_one_failure() {
    let failure = "UploadError: the body was to have 9 bytes, and its stream has 4";
    check_failing(|| BodyStream::pieces(["ab", "cd"]).length(9), failure);
    let failure = "UploadError: the body was to have 3 bytes, and its stream has more";
    check_failing(|| BodyStream::pieces(["ab", "cd"]).length(3), failure);
}

#[test]
fn a_stream_is_asked_for_no_more_than_the_server_takes() {
    const PIECE: usize = 64 * 1024;
    const N_PIECES: usize = 1024;
    let (go, may_go) = crossbeam_channel::bounded::<()>(1);
    let (url, seen) = {
        let log = Arc::<Mutex<usize>>::default();
        let seen = Arc::clone(&log);
        let server = Server::raw(move |_, stream| {
            let mut reader = BufReader::new(stream);
            let (_, headers) = read_head(&mut reader).expect("a request");
            may_go.recv().expect("the test says when");
            let chunks = read_body(&headers, &mut reader).expect("whole");
            *log.lock().expect("no panic") = chunks.iter().map(Vec::len).sum();
            reader.get_mut().write_all(&answer("200 OK", "", "")).expect("open");
        });
        (server.url, seen)
    };
    on_shard(move |shard| {
        let (url, go) = (url.clone(), go.clone());
        async move {
            let n_asked = Rc::new(Cell::new(0));
            let count = Rc::clone(&n_asked);
            let pieces = (0..N_PIECES).map(move |i| {
                count.set(i + 1);
                vec![b'p'; PIECE]
            });
            let watch = (Rc::clone(&shard), Rc::clone(&n_asked));
            shard.spawn(async move {
                let (shard, n_asked) = watch;
                // Until it stands still.
                let mut last = 0;
                while last == 0 || n_asked.get() != last {
                    last = n_asked.get();
                    shard.sleep(Duration::from_millis(100)).await;
                }
                // What the sockets' buffers hold, and not all of it.
                assert!(last < N_PIECES / 2, "{last} pieces were asked for");
                go.send(()).expect("the server waits");
            });
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            let response = client.post("/").body_stream(BodyStream::pieces(pieces)).await;
            response.raise_for_status().expect("200");
            assert_eq!(n_asked.get(), N_PIECES);
        }
    });
    assert_eq!(*seen.lock().expect("no panic"), PIECE * N_PIECES);
}

/// A server that answers before it has read the body, and then does `after` with the connection.
#[track_caller]
fn check_early(after: impl Fn(&mut BufReader<TcpStream>) + Send + Sync + 'static) {
    let server = Server::raw(move |_, stream| {
        let mut reader = BufReader::new(stream);
        while let Some((line, _)) = read_head(&mut reader) {
            if line.contains("/ok") {
                reader.get_mut().write_all(&answer("200 OK", "", "fine")).expect("open");
                continue;
            }
            let refusal = answer("413 Payload Too Large", "connection: close\r\n", "too much");
            reader.get_mut().write_all(&refusal).expect("open");
            return after(&mut reader);
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        let endless = BodyStream::pieces(std::iter::repeat_with(|| vec![b'e'; 16 * 1024]));
        let response = client.post("/large").body_stream(endless).await;
        assert_eq!((response.status_code(), &*response.text()), (413, "too much"));
        assert_eq!(client.get("/ok").await.text(), "fine");
    });
    let failure = "HTTPError: 413 Client Error: Payload Too Large for url: /large";
    recorded.check(&["POST /large 1/1", "GET /ok 1/0"], &[failure]);
}

#[test]
fn a_server_that_answers_early_and_reads_no_more_is_reported_with_its_status() {
    check_early(|reader| {
        // Until the client is gone.
        while reader.get_mut().write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

#[test]
fn a_server_that_answers_early_and_reads_on_is_reported_with_its_status() {
    check_early(|reader| {
        let _ = std::io::copy(reader, &mut std::io::sink());
    });
}

#[test]
fn an_early_answer_that_is_no_refusal_does_not_end_the_body() {
    let (all, is_all) = crossbeam_channel::unbounded();
    let server = Server::raw(move |_, stream| {
        let mut reader = BufReader::new(stream);
        while let Some((_, headers)) = read_head(&mut reader) {
            reader.get_mut().write_all(&answer("200 OK", "", "welcome")).expect("open");
            let body = read_body(&headers, &mut reader);
            all.send(body.map(|chunks| chunks.len())).expect("the test waits");
        }
    });
    let recorded = with_client(&server.url, |shard, client| async move {
        for _ in 0..2 {
            let body = BodyStream::new(Ticks::new(&shard, 20));
            let response = client.post("/").body_stream(body).await;
            assert_eq!(response.text(), "welcome");
        }
    });
    recorded.check(&["POST / 2/0"], &[]);
    // The server may still be reading when the answer is there.
    let next = || is_all.recv_timeout(Duration::from_secs(10)).expect("the server reads on");
    assert_eq!([next(), next()], [Some(20), Some(20)]);
}

#[test]
fn redirects_that_keep_the_body_need_a_stream_that_can_be_sent_again() {
    let (url, seen) = server(|upload| match &upload.line {
        line if line.contains("/see") => answer("303 See Other", "location: /there\r\n", ""),
        line if line.contains("/keep") => answer("307 Temporary", "location: /there\r\n", ""),
        _ => answer("200 OK", "", "there"),
    });
    let recorded = with_client(&url, |shard, client| async move {
        let once = || BodyStream::pieces(["on", "ce"]);
        assert_eq!(client.post("/see").body_stream(once()).await.text(), "there");
        let response = client.post("/keep").body_stream(once()).await;
        assert!(response.error().is_some_and(HttpError::is_upload), "{response:?}");
        let shard = Rc::clone(&shard);
        let again = BodyStream::repeatable(move || Ticks::new(&shard, 2));
        let response = client.post("/keep2").body_stream(again).await;
        assert_eq!((&*response.text(), response.history().len()), ("there", 1));
    });
    let failure = "UnrewindableBodyError: a streamed body cannot be sent again; make it by \
                   BodyStream::repeatable or BodyStream::file";
    recorded.check(&["POST /see 1/0", "POST /keep 1/1", "POST /keep2 1/0"], &[failure]);
    let seen = seen.lock().expect("no panic").clone();
    let lines: Vec<_> = seen.iter().map(|upload| upload.line.split(" HTTP").next()).collect();
    let expected = ["POST /see", "GET /there", "POST /keep", "POST /keep2", "POST /there"];
    assert_eq!(lines, expected.map(Some));
    assert!(seen[1].body().is_empty() && seen[1].header("transfer-encoding").is_none());
    assert_eq!(seen[4].body(), b"tick 1\ntick 0\n");
}

#[test]
fn files_of_a_form_may_be_streams() {
    let (url, seen) = server(|_| answer("200 OK", "", ""));
    with_client(&url, |shard, client| async move {
        let part = BodyStream::pieces(["sau", "sage"]).length(7);
        let form = Multipart::new()
            .text("title", "menu")
            .stream("f", "s.txt", "text/plain", part)
            .file("g", "t.txt", "text/plain", "toast");
        client.post("/").multipart(&form).await.raise_for_status().expect("200");
        let part = BodyStream::new(Ticks::new(&shard, 2));
        let form = Multipart::new().stream("f", "s.txt", "text/plain", part);
        client.post("/").multipart(&form).await.raise_for_status().expect("200");
        // Its stream is spent.
        let again = client.post("/").multipart(&form).await;
        assert!(again.error().is_some_and(HttpError::is_upload), "{again:?}");
    });
    let seen = seen.lock().expect("no panic").clone();
    assert_eq!(seen.len(), 2);
    let text = String::from_utf8(seen[0].body()).expect("text");
    let content_type = seen[0].header("content-type").expect("set");
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").expect("a form");
    let head = "Content-Disposition: form-data; name=";
    assert_eq!(
        text,
        format!(
            "--{boundary}\r\n{head}\"title\"\r\n\r\nmenu\r\n\
             --{boundary}\r\n{head}\"f\"; filename=\"s.txt\"\r\n\
             Content-Type: text/plain\r\n\r\nsausage\r\n\
             --{boundary}\r\n{head}\"g\"; filename=\"t.txt\"\r\n\
             Content-Type: text/plain\r\n\r\ntoast\r\n--{boundary}--\r\n"
        )
    );
    assert_eq!(seen[0].header("content-length"), Some(&*text.len().to_string()));
    assert_eq!(seen[1].header("transfer-encoding"), Some("chunked"));
    assert!(
        String::from_utf8(seen[1].body()).expect("text").contains("\r\n\r\ntick 1\ntick 0\n\r\n--")
    );
}

#[test]
fn an_upload_that_nobody_takes_ends_with_the_read_timeout() {
    let (hold, is_held) = crossbeam_channel::bounded::<()>(0);
    let server = Server::raw(move |_, stream| {
        let mut reader = BufReader::new(stream);
        let _ = read_head(&mut reader);
        // Until the test is over.
        let _ = is_held.recv();
    });
    let recorded = with_client(&server.url, |_, client| async move {
        let endless = BodyStream::pieces(std::iter::repeat_with(|| vec![b'e'; 16 * 1024]));
        let limit = Duration::from_millis(300);
        let response = client.post("/").read_timeout(limit).body_stream(endless).await;
        assert!(response.error().is_some_and(HttpError::is_timeout));
    });
    recorded.check(&["POST / 1/1"], &["TimedOut: no response, nothing read for 300ms"]);
    drop(hold);
}
