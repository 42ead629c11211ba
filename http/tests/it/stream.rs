//! Responses read piece by piece.

use crate::{
    harness::{Server, answer, on_shard, with_client},
    pieces,
};
use hatchery_http::{HttpError, HttpSession};
use std::{io::Write, thread, time::Duration};

#[test]
fn lines_come_as_they_are_sent_and_the_sample_is_the_head() {
    let server = pieces::server(&[], || {
        Box::new(["a\r\n", "b", "\n\nc", "d"].into_iter().map(|piece| {
            thread::sleep(Duration::from_millis(30));
            piece.into()
        }))
    });
    let recorded = with_client(&server.url, |_, client| async move {
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
        false => answer("503 Service Unavailable", "", "later"),
    });
    let recorded = with_client(&server.url, |_, client| async move {
        let limit = Duration::from_millis(200);
        let mut cut = client.get("/cut").read_timeout(limit).stream().await;
        assert_eq!(cut.next_piece().await.expect("a piece").map(|piece| piece.len()), Some(50));
        assert!(cut.next_piece().await.is_err_and(|error| HttpError::is_timeout(&error)));
        assert_eq!(cut.next_piece().await.expect("ended"), None);
        let busy = client.get("/busy").stream().await;
        assert_eq!(busy.status_code(), 503);
        assert_eq!(&busy.read_all().await.expect("whole")[..], b"later");
    });
    let failure = "HTTPError: 503 Server Error: Service Unavailable for url: /busy";
    recorded.check(&["GET /cut 1/0", "GET /busy 1/1"], &[failure]);
    assert_eq!((recorded.entries[0].4, recorded.entries[1].4), (100, 5));
}

/// A server of events: it says each as the test lets it, and never ends by itself.
fn event_server(
    headers: &'static [(&'static str, &'static str)],
) -> (String, crossbeam_channel::Sender<Vec<u8>>) {
    let (say, says) = crossbeam_channel::unbounded::<Vec<u8>>();
    let server = pieces::server(headers, move || Box::new(says.clone().into_iter()));
    (server.url, say)
}

/// Each event is read before the next one is sent.
#[track_caller]
fn check_events(
    headers: &'static [(&'static str, &'static str)],
    encode: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static,
) {
    let (url, say) = event_server(headers);
    let recorded = on_shard(move |shard| {
        let (url, say) = (url.clone(), say.clone());
        let events: Vec<_> = (0..3).map(&encode).collect();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            let limit = Duration::from_secs(5);
            let mut response = client.get("/events").read_timeout(limit).stream().await;
            for (i, event) in events.into_iter().enumerate() {
                say.send(event).expect("a server");
                let mut lines = response.iter_lines().decode_unicode();
                for expected in ["event: tick".to_owned(), format!("data: ü{i}"), String::new()] {
                    assert_eq!(lines.next().await.expect("a line"), Some(expected));
                }
            }
            // The stream goes on; whoever has enough of it closes it.
            response.close();
        }
    });
    recorded.check(&["GET /events 1/0"], &[]);
}

fn event(i: u32) -> String {
    format!("event: tick\r\ndata: ü{i}\r\n\r\n")
}

#[test]
fn server_sent_events_come_one_by_one() {
    check_events(&[("content-type", "text/event-stream")], |i| event(i).into());
}

#[test]
fn compressed_events_come_as_they_are_flushed() {
    use flate2::{Compression, write::GzEncoder};
    check_events(&[("content-encoding", "gzip")], |i| {
        // What the encoder has flushed after this event, less what it had flushed before.
        let mut encoder = GzEncoder::new(vec![], Compression::default());
        let mut n_before = 0;
        for earlier in 0..=i {
            n_before = encoder.get_ref().len();
            encoder.write_all(event(earlier).as_bytes()).expect("memory");
            encoder.flush().expect("memory");
        }
        encoder.get_ref()[if i == 0 { 0 } else { n_before }..].to_vec()
    });
}

#[test]
fn a_compressed_body_is_decoded_as_it_comes_and_bombs_stay_small() {
    let zeros = {
        use flate2::{Compression, write::GzEncoder};
        let mut encoder = GzEncoder::new(vec![], Compression::best());
        (0..64).for_each(|_| encoder.write_all(&[b'0'; 1 << 20]).expect("memory"));
        encoder.finish().expect("memory")
    };
    let n_sent = zeros.len();
    let server = Server::answering(move |request| {
        let body = if request.line.contains("/broken") { &b"\x1f\x8bnonsense"[..] } else { &zeros };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n"
        );
        [head.as_bytes(), body].concat()
    });
    let recorded = with_client(&server.url, move |_, client| async move {
        let mut response = client.get("/").stream().await;
        let mut n_bytes = 0;
        while let Some(piece) = response.next_piece().await.expect("whole") {
            assert!(piece.len() <= 128 * 1024 && piece.iter().all(|&byte| byte == b'0'));
            n_bytes += piece.len();
        }
        assert_eq!(n_bytes, 64 << 20);
        let mut raw = client.get("/").stream().await;
        let mut n_raw = 0;
        while let Some(piece) = raw.raw().await.expect("whole") {
            n_raw += piece.len();
        }
        assert_eq!(n_raw, n_sent);
        let mut broken = client.get("/broken").stream().await;
        let error = broken.next_piece().await.expect_err("broken");
        assert!(error.text().starts_with("ContentDecodingError: gzip: "), "{error}");
        assert_eq!(broken.next_piece().await.expect("given up"), None);
    });
    recorded.check(&["GET / 2/0", "GET /broken 1/0"], &[]);
    // The length is that of the head, as in Locust.
    assert_eq!(recorded.entries[0].4, 2 * n_sent as u64);
}

#[test]
fn pieces_and_lines_are_cut_as_asked_for() {
    let body = "a;b\nc;\u{e9}t\u{e9}\r\nlast".to_owned();
    let latin: Vec<u8> = body.chars().map(|char| char as u8).collect();
    let server = Server::answering(move |_| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=latin1\r\n";
        [format!("{head}content-length: {}\r\n\r\n", latin.len()).as_bytes(), &latin].concat()
    });
    let url = server.url;
    on_shard(move |shard| {
        let (url, body) = (url.clone(), body.clone());
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            let mut response = client.get("/").stream().await;
            let (mut chunks, mut all) = (response.iter_content(3), vec![]);
            while let Some(chunk) = chunks.next().await.expect("whole") {
                assert!((1..=3).contains(&chunk.len()));
                all.extend_from_slice(&chunk);
            }
            assert_eq!(all.len(), body.chars().count());

            let mut response = client.get("/").stream().await;
            let (mut chunks, mut text) = (response.iter_content(1).decode_unicode(), String::new());
            while let Some(chunk) = chunks.next().await.expect("whole") {
                text += &chunk;
            }
            assert_eq!(text, body);

            let mut response = client.get("/").stream().await;
            let mut lines = response.iter_lines().delimiter(";").decode_unicode();
            for expected in ["a", "b\nc", "été\r\nlast"] {
                assert_eq!(lines.next().await.expect("whole").as_deref(), Some(expected));
            }
            assert_eq!(lines.next().await.expect("whole"), None);

            let mut response = client.get("/").stream().await;
            assert_eq!(
                response.iter_lines().next().await.expect("whole").as_deref(),
                Some(&b"a;b"[..])
            );
            assert_eq!(
                response.next_piece().await.expect("whole").map(|rest| rest.len()),
                Some(11)
            );
        }
    });
}
