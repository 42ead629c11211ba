//! Bodies in every coding, bodies far larger than memory ought to hold, and lines without end.

use crate::{
    harness::{Server, on_shard, options},
    pieces,
};
use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use hatchery_core::ring::{Listener, listen};
use hatchery_http::{
    HttpSession, SessionOptions,
    server::{ContentType, Request, StatusCode, serve},
};
use std::{
    env, fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::Command,
};

const TEXT: &[u8] = b"hello hello hello";

/// The text in a coding, and the name of that.
fn coded(path: &str) -> (&'static str, Vec<u8>) {
    match path {
        "/gzip" => {
            let mut encoder = GzEncoder::new(vec![], Compression::default());
            encoder.write_all(TEXT).expect("memory");
            ("gzip", encoder.finish().expect("memory"))
        }
        "/zlib" => {
            let mut encoder = ZlibEncoder::new(vec![], Compression::default());
            encoder.write_all(TEXT).expect("memory");
            ("deflate", encoder.finish().expect("memory"))
        }
        "/deflate" => {
            let mut encoder = DeflateEncoder::new(vec![], Compression::default());
            encoder.write_all(TEXT).expect("memory");
            ("deflate", encoder.finish().expect("memory"))
        }
        "/br" => ("br", b"\x0b\x08\x80hello hello hello\x03".to_vec()),
        "/zstd" => ("zstd", zstd::encode_all(TEXT, 3).expect("memory")),
        "/two" => ("zstd, gzip", {
            let mut encoder = GzEncoder::new(vec![], Compression::default());
            encoder.write_all(&zstd::encode_all(TEXT, 3).expect("memory")).expect("memory");
            encoder.finish().expect("memory")
        }),
        _ => ("unheard-of", TEXT.to_vec()),
    }
}

#[test]
fn a_body_of_any_coding_is_decoded_whole_and_as_it_comes() {
    const PATHS: [&str; 7] = ["/gzip", "/zlib", "/deflate", "/br", "/zstd", "/two", "/none"];
    let server = Server::answering(|request| {
        let (coding, body) = coded(request.line.split(' ').nth(1).unwrap_or_default());
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {length}\r\n\r\n"
        );
        [head.as_bytes(), &body].concat()
    });
    let url = server.url.clone();
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            for path in PATHS {
                let response = client.get(path).await;
                assert_eq!(response.content(), TEXT, "{path}");
                let stream = client.get(path).name("streamed").stream().await;
                assert_eq!(stream.read_all().await.expect("whole"), TEXT, "{path}");
                let mut stream = client.get(path).name("raw").stream().await;
                let mut raw = vec![];
                while let Some(piece) = stream.raw().await.expect("whole") {
                    raw.extend_from_slice(&piece);
                }
                assert_eq!(raw, coded(path).1, "{path}");
            }
        }
    });
    for path in PATHS {
        let entry = recorded.entries.iter().find(|entry| entry.1 == path).expect("recorded");
        assert_eq!(entry.4, TEXT.len() as u64, "{path}: as Locust counts");
    }
    assert_eq!(recorded.errors, []);
}

#[test]
fn a_line_without_end_is_an_error_of_whoever_reads_it_and_the_session_goes_on() {
    let server = pieces::server(&[], || Box::new(std::iter::repeat_n(vec![b'x'; 100_000], 30)));
    let url = server.url;
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            let mut response = client.get("/").stream().await;
            let error = response.next_line().await.expect_err("no line");
            assert_eq!(error.text(), "LineTooLong: a line of the body has more than 1048576 bytes");
            assert_eq!(response.next_line().await.expect("given up").map(|line| line.len()), None);
            let mut response = client.get("/").stream().await;
            assert!(response.iter_lines().delimiter("|").next().await.is_err());
            let all = client.get("/").stream().await.read_all().await.expect("whole");
            assert_eq!(all.len(), 3_000_000);
        }
    });
    recorded.check(&["GET / 3/0"], &[]);
}

/// The most memory that this process ever had, in bytes.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux");
    let number = line.split_whitespace().next().and_then(|text| text.parse::<usize>().ok());
    number.expect("kibibytes") * 1024
}

/// Whether this process runs nothing but this test. If not, another one runs it: memory is counted
/// by the process, and what other tests need of it is not to be blamed on this one.
#[track_caller]
fn is_alone(test: &str) -> bool {
    const ALONE: &str = "HATCHERY_TEST_ALONE";
    if env::var_os(ALONE).is_some() {
        return true;
    }
    let binary = env::current_exe().expect("this one");
    let run = Command::new(binary).args(["--exact", test]).env(ALONE, "1").output();
    let run = run.expect("it runs");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains(" 1 passed"), "{said}");
    false
}

#[test]
fn a_body_far_larger_than_memory_ought_to_hold_is_streamed_in_little_of_it() {
    const N_BYTES: u64 = 512 << 20;
    const NAME: &str = "a_body_far_larger_than_memory_ought_to_hold_is_streamed_in_little_of_it";
    if !is_alone(&format!("bodies::{NAME}")) {
        return;
    }
    let before = peak();
    let recorded = on_shard(|shard| async move {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::from(listen(any).expect("a port"));
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let listener = Listener::from_fd(shard.ring(), listener.into());
        serve(&shard, listener, |request: Request| async move {
            let answer = request.answer(StatusCode::OK);
            answer.repeated(ContentType::Octets, &[b'x'; 65_536], N_BYTES)
        });
        let options = SessionOptions { body_bytes_max: 1_000_000, ..options() };
        let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
        let mut response = client.get("/").stream().await;
        let mut n_bytes = 0;
        while let Some(piece) = response.next_piece().await.expect("whole") {
            n_bytes += piece.len() as u64;
        }
        assert_eq!(n_bytes, N_BYTES);
    });
    recorded.check(&["GET / 1/0"], &[]);
    assert_eq!(recorded.entries[0].4, N_BYTES);
    let grown = peak() - before;
    assert!(grown < N_BYTES as usize / 8, "{grown} bytes more than before");
}
