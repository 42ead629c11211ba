//! Servers that break off, close one half, or stall, at every stage of a response.

use crate::{
    harness::{LEAN, Server, answer, read_request, with_client},
    hostile::{check, reset, says},
};
use std::{
    io::{BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

const RESET: &str = "ConnectionReset: Connection reset by peer (os error 104)";
const CLOSED: &str = "ConnectionClosed: connection closed before a response came";
const INCOMPLETE: &str = "IncompleteBody: connection closed in the middle of the body";

/// Where a response may break off, the text until then, and whether its head was complete.
const STAGES: [(&str, bool); 9] = [
    ("", false),
    ("HTTP/1.1 2", false),
    ("HTTP/1.1 200 OK\r\ncontent-le", false),
    ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", true),
    ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", true),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1", true),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", true),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0", true),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: y", true),
];

#[test]
fn a_reset_at_any_stage_is_one_failure_that_says_so() {
    for (text, _) in STAGES {
        let say = says(text);
        let misbehave = move |stream: &mut TcpStream| {
            say(stream);
            reset(stream);
        };
        check(misbehave, RESET);
    }
}

#[test]
fn an_end_at_any_stage_is_one_failure_that_says_so() {
    for (text, has_head) in STAGES {
        check(says(text), if has_head { INCOMPLETE } else { CLOSED });
    }
}

#[test]
fn a_half_closed_socket_at_any_stage_is_an_end() {
    for (text, has_head) in STAGES {
        let say = says(text);
        let misbehave = move |stream: &mut TcpStream| {
            say(stream);
            stream.shutdown(Shutdown::Write).expect("open");
            // Until the other side has closed too.
            let _ = stream.read_to_end(&mut Vec::new());
        };
        check(misbehave, if has_head { INCOMPLETE } else { CLOSED });
    }
}

#[test]
fn a_stall_at_any_stage_ends_with_the_read_timeout() {
    for (text, has_head) in STAGES {
        let say = says(text);
        let misbehave = move |stream: &mut TcpStream| {
            say(stream);
            let _ = stream.read(&mut [0]);
        };
        let what = if has_head { "response stalled" } else { "no response" };
        check(misbehave, &format!("TimedOut: {what}, nothing read for 300ms"));
    }
}

#[test]
fn a_whole_response_on_a_half_closed_socket_counts() {
    let server = Server::raw(|i, stream| {
        let mut reader = BufReader::new(stream);
        if read_request(i, &mut reader).is_some() {
            let stream = reader.get_mut();
            stream.write_all(&answer("200 OK", "", &i.to_string())).expect("open");
            stream.shutdown(Shutdown::Write).expect("open");
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        for i in 0..3 {
            assert_eq!(client.get("/").await.text(), i.to_string());
        }
    });
    recorded.check(&["GET / 3/0"], &[]);
}

#[test]
fn a_head_that_drips_in_is_read() {
    let server = Server::raw(|i, stream| {
        stream.set_nodelay(true).expect("a socket");
        let mut reader = BufReader::new(stream);
        while read_request(i, &mut reader).is_some() {
            for byte in answer("200 OK", "x: y\r\n", "fine") {
                reader.get_mut().write_all(&[byte]).expect("open");
            }
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        for _ in 0..20 {
            assert_eq!(client.get("/").await.text(), "fine");
        }
    });
    recorded.check(&["GET / 20/0"], &[]);
}

#[test]
fn a_kept_connection_that_is_reset_under_each_request_is_tried_anew_once() {
    let server = Server::raw(|i, stream| {
        let mut reader = BufReader::new(stream);
        if i == 0 && read_request(i, &mut reader).is_some() {
            let _ = reader.get_mut().write_all(&answer("200 OK", "", "fine"));
        }
        // The next request on it, or the first one of any other, is not answered.
        if read_request(i, &mut reader).is_some() && i < 2 {
            reset(reader.get_mut());
        } else {
            let _ = reader.get_mut().write_all(&answer("200 OK", "", "again"));
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        assert_eq!(client.get("/a").await.text(), "fine");
        assert_eq!(client.get("/b").await.status_code(), 0);
        let limit = Duration::from_secs(10);
        assert_eq!(client.get("/c").timeout(limit).await.text(), "again");
    });
    recorded.check(&["GET /a 1/0", "GET /b 1/1", "GET /c 1/0"], &[RESET]);
}

#[test]
fn a_response_that_comes_before_the_request_is_refused_or_not_used() {
    let server = Server::raw(|i, mut stream| {
        if i == 0 {
            let _ = stream.write_all(&answer("200 OK", "", "early"));
        }
        let mut reader = BufReader::new(stream);
        while read_request(i, &mut reader).is_some() {
            let _ = reader.get_mut().write_all(&answer("200 OK", "", "asked"));
        }
    });
    with_client(&server.url, |_, client| async move {
        // It may come before or after the request, which nobody can tell.
        let first = client.get("/").await;
        assert!(["early", "asked", ""].contains(&&*first.text()), "{LEAN} {first:?}");
        client.close();
        assert_eq!(client.get("/").await.text(), "asked");
    });
}
