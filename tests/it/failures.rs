//! Requests that fail: one request, one failure, a readable reason, and the user goes on.

use hatchery_tests::programs::{Finished, Program, target};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

const HATCHERY: &str = env!("CARGO_BIN_EXE_hatchery-under-test");

/// Loads a URL for a second with two users and checks that each request is one failure.
#[track_caller]
fn check(url: &str, expected: &str) -> Finished {
    let args = [url, "-u", "2", "-t", "1s", "--only-summary"];
    let finished = Program::start(HATCHERY, &args).finish();
    let both = format!("{}{}", finished.stdout, finished.stderr);
    assert_eq!(finished.code(), 1, "{both}");
    assert!(both.contains("Error report"), "{both}");
    assert!(both.contains(expected), "{expected}: {both}");
    let json = Program::start(HATCHERY, &[&args[..], &["--json"]].concat()).finish();
    let n_requests = json.sum("num_requests");
    assert!(n_requests > 2, "the users go on: {both}");
    assert_eq!(json.sum("num_failures"), n_requests, "{both}");
    finished
}

/// A server that does the same to each connection, after it has read something.
fn server(answer: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            // So that a run of a second makes thousands and not millions.
            thread::sleep(Duration::from_millis(1));
            answer(stream);
        }
    });
    url
}

#[test]
fn a_refused_connection() {
    // A port that was given out and returned would be the next test's.
    check("http://127.0.0.1:9/", "ConnectionRefused: Connection refused (os error 111)");
}

#[test]
fn a_name_that_does_not_resolve() {
    check("http://does-not-exist.invalid/", "does-not-exist.invalid");
}

#[test]
fn a_reset_in_the_middle_of_a_body() {
    let url = server(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    });
    check(&url, "IncompleteBody");
}

#[test]
fn an_answer_that_is_not_http() {
    let url = server(|mut stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n");
    });
    check(&url, "MalformedResponse");
}

#[test]
fn a_status_that_says_so() {
    let target = target();
    check(&format!("{}/status/500", target.url()), "500 Server Error");
}
