//! Servers that do not behave: one sample, one readable failure, and the session goes on.

use crate::harness::{LEAN, Recorded, Server, answer, on_shard, read_request, with_client};
use hatchery_http::{HttpError, HttpSession, SessionOptions};
use std::{
    io::{BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// A server that answers `/ok` well and does everything else as `misbehave` says.
pub(crate) fn server(misbehave: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Server {
    Server::raw(move |i, stream| {
        let mut reader = BufReader::new(stream);
        while let Some(request) = read_request(i, &mut reader) {
            if !request.line.contains(" /ok ") {
                return misbehave(reader.get_mut());
            }
            if reader.get_mut().write_all(&answer("200 OK", "", "fine")).is_err() {
                return;
            }
        }
    })
}

/// Closes so that the peer sees a reset.
pub(crate) fn reset(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("a socket");
}

/// Requests `/bad`, which must fail with this text, and `/ok`, which must not.
#[track_caller]
pub(crate) fn check(
    misbehave: impl Fn(&mut TcpStream) + Send + Sync + 'static,
    failure: &str,
) -> Recorded {
    let url = server(misbehave).url;
    let is_timed = failure.starts_with("TimedOut");
    // Where it is not what is tested, nothing is to run into it, however busy the machine.
    let limit = Duration::from_millis(if is_timed { 300 } else { 15_000 });
    let recorded = with_client(&url, move |_, client| async move {
        let response = client.get("/bad").read_timeout(limit).await;
        assert_eq!(response.status_code(), 0);
        assert!(response.content().is_empty());
        assert!(response.raise_for_status().is_err());
        assert_eq!(client.get("/ok").await.text(), "fine");
    });
    recorded.check(&["GET /bad 1/1", "GET /ok 1/0"], &[failure]);
    // Without a limit, once more on a connection that was used before.
    if !is_timed {
        with_client(&url, |_, client| async move {
            assert_eq!(client.get("/ok").await.text(), "fine");
            assert_eq!(client.get("/bad").await.status_code(), 0);
            assert_eq!(client.get("/ok").await.text(), "fine");
        })
        .check(&["GET /ok 2/0", "GET /bad 1/1"], &[failure]);
    }
    recorded
}

pub(crate) fn says(text: &str) -> impl Fn(&mut TcpStream) + Send + Sync + use<> {
    let text = text.to_owned();
    move |stream| {
        let _ = stream.write_all(text.as_bytes());
    }
}

#[test]
fn a_server_that_closes_without_a_word() {
    check(|_| (), "ConnectionClosed: connection closed before a response came");
}

#[test]
fn a_server_that_closes_in_the_middle_of_the_head() {
    let failure = "ConnectionClosed: connection closed before a response came";
    check(says("HTTP/1.1 200 OK\r\nconte"), failure);
}

#[test]
fn a_reset_before_the_response() {
    check(|stream| reset(stream), "ConnectionReset: Connection reset by peer (os error 104)");
}

#[test]
fn a_reset_in_the_middle_of_the_body() {
    let misbehave = |stream: &mut TcpStream| {
        says("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc")(stream);
        thread::sleep(Duration::from_millis(50));
        reset(stream);
    };
    check(misbehave, "ConnectionReset: Connection reset by peer (os error 104)");
}

#[test]
fn a_body_shorter_than_promised() {
    let failure = "IncompleteBody: connection closed in the middle of the body";
    check(says("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc"), failure);
}

#[test]
fn a_chunked_body_without_its_end() {
    let failure = "IncompleteBody: connection closed in the middle of the body";
    check(says("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n"), failure);
}

#[test]
fn a_chunk_of_no_length() {
    let failure = match LEAN {
        true => "MalformedResponse: a chunk without a length",
        false => "MalformedResponse: Invalid chunk size line: missing size digit",
    };
    check(says("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"), failure);
}

#[test]
fn garbage_instead_of_http() {
    let failure = match LEAN {
        true => "MalformedResponse: invalid HTTP version",
        false => "MalformedResponse: invalid HTTP version parsed",
    };
    check(says("SSH-2.0-OpenSSH_9.6\r\n\r\n"), failure);
}

#[test]
fn two_lengths_that_differ() {
    let text = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd";
    let failure = match LEAN {
        true => "MalformedResponse: two content-lengths that differ",
        false => "MalformedResponse: invalid content-length parsed",
    };
    check(says(text), failure);
}

#[test]
fn a_header_without_end() {
    let misbehave = |stream: &mut TcpStream| {
        says("HTTP/1.1 200 OK\r\nx: ")(stream);
        while stream.write_all(&[b'a'; 65_536]).is_ok() {}
    };
    check(misbehave, "HeadTooLarge: response head is too large");
}

#[test]
fn headers_without_end() {
    let misbehave = |stream: &mut TcpStream| {
        says("HTTP/1.1 200 OK\r\n")(stream);
        while stream.write_all(b"x: y\r\n").is_ok() {}
    };
    check(misbehave, "HeadTooLarge: response head is too large");
}

#[test]
fn silence_ends_with_the_read_timeout() {
    let misbehave = |stream: &mut TcpStream| {
        let _ = stream.read(&mut [0]);
    };
    check(misbehave, "TimedOut: no response, nothing read for 300ms");
}

#[test]
fn a_stall_in_the_body_ends_with_the_read_timeout() {
    let misbehave = |stream: &mut TcpStream| {
        says("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc")(stream);
        let _ = stream.read(&mut [0]);
    };
    check(misbehave, "TimedOut: response stalled, nothing read for 300ms");
}

#[test]
fn a_body_that_drips_ends_with_the_total_timeout_and_not_with_the_read_timeout() {
    let url = server(|stream| {
        says("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")(stream);
        while stream.write_all(b"a").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    })
    .url;
    let recorded = with_client(&url, |_, client| async move {
        let start = Instant::now();
        let (total, read) = (Duration::from_millis(400), Duration::from_millis(200));
        let response = client.get("/bad").timeout(total).read_timeout(read).await;
        assert!(response.error().is_some_and(HttpError::is_timeout));
        assert!(start.elapsed() >= total && start.elapsed() < 3 * total);
    });
    recorded.check(&["GET /bad 1/1"], &["TimedOut: response not complete within 400ms"]);
}

#[test]
fn a_tls_handshake_that_stalls_ends_with_the_connect_timeout() {
    let url =
        Server::raw(|_, mut stream| while stream.read(&mut [0; 512]).is_ok_and(|n| n > 0) {}).url;
    let url = url.replace("http:", "https:");
    let recorded = with_client(&url, |_, client| async move {
        let response = client.get("/").connect_timeout(Duration::from_millis(100)).await;
        assert!(response.error().is_some_and(HttpError::is_timeout));
    });
    recorded.check(&["GET / 1/1"], &["TimedOut: not connected within 100ms"]);
}

#[test]
fn nobody_listens() {
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let recorded = on_shard(move |shard| async move {
        let client = HttpSession::with_base_url(&shard, &format!("http://{port}")).expect("a URL");
        let response = client.get("/").await;
        assert!(response.error().is_some_and(HttpError::is_connect));
    });
    recorded.check(&["GET / 1/1"], &["ConnectionRefused: Connection refused (os error 111)"]);
}

#[test]
fn a_name_without_an_address() {
    let recorded = on_shard(|shard| async move {
        let url = "http://no-such-host.invalid";
        let client = HttpSession::with_base_url(&shard, url).expect("a URL");
        let response = client.get("/").await;
        assert!(response.error().is_some_and(HttpError::is_resolve));
    });
    let text = &recorded.errors[0].0;
    assert!(text.starts_with("NameResolution: no-such-host.invalid: "), "{text}");
}

#[test]
fn a_redirect_to_itself_ends_after_thirty() {
    let server = Server::answering(|_| answer("302 Found", "location: /loop\r\n", ""));
    let recorded = with_client(&server.url, |_, client| async move {
        let response = client.get("/loop").await;
        assert!(response.error().is_some_and(HttpError::is_too_many_redirects));
    });
    recorded.check(&["GET /loop 1/1"], &["TooManyRedirects: exceeded 30 redirects"]);
    assert_eq!(server.seen().len(), 31);
}

#[test]
fn a_redirect_to_nowhere_is_a_failure_of_that_request() {
    let server = Server::answering(|_| answer("302 Found", "location: http://[bad\r\n", ""));
    let recorded = with_client(&server.url, |_, client| async move {
        assert_eq!(client.get("/").await.status_code(), 0);
    });
    let failure = "InvalidURL: 'http://[bad': invalid IPv6 address";
    recorded.check(&["GET / 1/1"], &[failure]);
}

#[test]
fn an_endless_body_ends_at_the_limit() {
    let url = server(|stream| {
        says("HTTP/1.1 200 OK\r\n\r\n")(stream);
        while stream.write_all(&[b'a'; 65_536]).is_ok() {}
    })
    .url;
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let options = SessionOptions { body_bytes_max: 1_000_000, ..SessionOptions::default() };
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            let response = client.get("/bad").await;
            assert!(response.error().is_some_and(HttpError::is_too_large));
        }
    });
    let failure = "BodyTooLarge: response body has more than 1000000 bytes";
    recorded.check(&["GET /bad 1/1"], &[failure]);
}

#[test]
fn an_idle_connection_that_is_closed_is_not_used_again() {
    let server = Server::raw(|i, stream| {
        let mut reader = BufReader::new(stream);
        if read_request(i, &mut reader).is_some() {
            let _ = reader.get_mut().write_all(&answer("200 OK", "", &i.to_string()));
        }
    });
    let recorded = with_client(&server.url, |shard, client| async move {
        for i in 0..3 {
            assert_eq!(client.get("/").await.text(), i.to_string());
            shard.sleep(Duration::from_millis(30)).await;
        }
    });
    recorded.check(&["GET / 3/0"], &[]);
}

#[test]
fn a_connection_closed_under_a_request_is_replaced_once_as_one_sample() {
    // Each connection serves one request and takes the next one without an answer.
    let server = Server::raw(|i, stream| {
        let mut reader = BufReader::new(stream);
        if read_request(i, &mut reader).is_some() {
            let _ = reader.get_mut().write_all(&answer("200 OK", "", &i.to_string()));
            read_request(i, &mut reader);
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        for i in 0..3 {
            let response = client.post("/").body("again").await;
            assert_eq!(response.text(), i.to_string());
        }
    });
    recorded.check(&["POST / 3/0"], &[]);
}

#[test]
fn a_request_whose_user_is_killed_is_abandoned_and_its_connection_closed() {
    let (closed, is_closed) = crossbeam_channel::unbounded();
    let url = server(move |stream| {
        let n_read = stream.read(&mut [0]);
        closed.send(n_read.is_ok_and(|n| n == 0)).expect("the test waits");
    })
    .url;
    let recorded = on_shard(move |shard| {
        let (url, is_closed) = (url.clone(), is_closed.clone());
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            let request = async { client.get("/bad").await };
            shard.timeout(Duration::from_millis(50), request).await.expect_err("dropped");
            assert_eq!(client.get("/ok").await.status_code(), 200);
            let deadline = Instant::now() + Duration::from_secs(5);
            while is_closed.is_empty() && Instant::now() < deadline {
                shard.sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(is_closed.try_recv(), Ok(true));
        }
    });
    recorded.check(&["GET /ok 1/0"], &[]);
    assert_eq!(recorded.n_abandoned, 1);
}

#[test]
fn a_flood_of_cookies_is_cut() {
    let flood: String = (0..90).map(|i| format!("set-cookie: c{i}=1\r\n")).collect();
    let server = Server::answering(move |_| answer("200 OK", &flood, ""));
    with_client(&server.url, |_, client| async move {
        let response = client.get("/").await;
        assert_eq!(response.cookies().count(), 90);
        client.get("/").await;
    });
    let sent = server.seen()[1].header("cookie").map(|line| line.split(';').count());
    assert_eq!(sent, Some(64));
}
