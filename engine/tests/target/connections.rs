//! What connections do: those that behave, and those that do not.

use crate::client::{Client, address, start};
use hatchery::target::Pattern;
use std::{
    io::{Read, Write},
    net::TcpStream,
};

#[test]
fn connections_are_kept_until_the_client_says_otherwise() {
    let target = start();
    let client = &mut Client::connect(&target);
    for _ in 0..100 {
        assert_eq!(client.get("/").text(), "hello");
    }
    // A body that nobody asked for is read all the same, or it would look like a request.
    assert_eq!(client.ask("POST", "/", "", &"GET / HTTP/1.1\r\n\r\n".repeat(9_000)).status, 200);
    let last = client.ask("GET", "/", "Connection: close\r\n", "");
    assert_eq!((last.text(), last.header("connection")), ("hello", Some("close")));
    assert!(client.is_closed());

    let client = &mut Client::connect(&target);
    client.send("GET /bytes/100000 HTTP/1.0\r\n\r\n");
    assert_eq!(client.reply(true).body.len(), 100_000);
    assert!(client.is_closed());
    assert_eq!(target.served().total(), 103);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let target = start();
    let client = &mut Client::connect(&target);
    let paths = ["/bytes/7", "/delay/30", "/bytes/200000", "/", "/status/404"];
    client.send(paths.map(|path| format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n")).concat());
    let lengths = paths.map(|_| client.reply(true).body.len());
    assert_eq!(lengths, [7, 5, 200_000, 5, 11]);
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let target = start();
    let client = &mut Client::connect(&target);
    for path in ["/", "/bytes/9", "/bytes/1073741824", "/echo", "/item/1", "/nothing"] {
        let head = client.ask("HEAD", path, "", "");
        let length: u64 = head.header("content-length").unwrap().parse().unwrap();
        assert!(length > 0, "{path}");
    }
    // Were there a body, it would stand here.
    assert_eq!(client.get("/").text(), "hello");
    assert_eq!(target.served().total(), 7);
}

#[test]
fn what_is_not_http_is_told_so_and_closed() {
    let target = start();
    let nonsense = ["rubbish\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /\x01 HTTP/1.1\r\n\r\n"];
    let twice = "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n";
    for bytes in nonsense.into_iter().chain([twice]) {
        let client = &mut Client::connect(&target);
        client.send(bytes);
        assert_eq!(client.reply(true).status, 400, "{bytes}");
        assert!(client.is_closed(), "{bytes}");
    }
    let client = &mut Client::connect(&target);
    client.send("GET / HTTP/1.1\r\nX: ");
    // It is told off before it has finished; then the rest cannot be sent, and the answer may be
    // lost on the way. What counts is that this ends.
    let _ = client.0.get_mut().write_all("y".repeat(1 << 20).as_bytes());
    let _ = client.0.read_to_end(&mut vec![]);
    assert_eq!(target.served().total(), 0, "none of them was a request");
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let target = start();
    let client = &mut Client::connect(&target);
    client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999\r\n\r\n");
    assert_eq!(client.reply(true).status, 413);
    assert!(client.is_closed());
    assert_eq!(target.served().of(Pattern::Echo), 1);
}

#[test]
fn a_client_that_leaves_early_is_not_counted() {
    let target = start();
    let mut leaving = Client::connect(&target);
    leaving.send("GET /delay/1000 HTTP/1.1\r\nHost: t\r\n\r\n");
    let staying = &mut Client::connect(&target);
    assert_eq!(staying.get("/delay/50").status, 200);
    drop(leaving);
    // Longer than the other would have waited, had it stayed.
    assert_eq!(staying.get("/delay/1200").status, 200);
    assert_eq!(target.served().of(Pattern::Delay), 2);
}

#[test]
fn a_thousand_connections_come_and_go() {
    let target = start();
    for round in 0..1_000 {
        let mut stream = TcpStream::connect(address(&target)).unwrap();
        match round % 4 {
            // Says nothing, half a request, a request whose answer nobody reads, or all of it.
            0 => {}
            1 => stream.write_all(b"GET / HT").unwrap(),
            2 => stream.write_all(b"GET /bytes/900000 HTTP/1.1\r\nHost: t\r\n\r\n").unwrap(),
            _ => {
                stream.write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
                let mut all = vec![];
                stream.read_to_end(&mut all).unwrap();
                assert!(all.ends_with(b"\r\n\r\nhello"));
            }
        }
    }
    let client = &mut Client::connect(&target);
    assert_eq!(client.get("/").text(), "hello");
    let served = target.served();
    assert_eq!(served.of(Pattern::Hello), 251);
    assert!(served.of(Pattern::Bytes) <= 250);
    target.stop();
}

#[test]
fn many_connections_at_once_are_all_served() {
    let target = start();
    let mut clients: Vec<_> = (0..400).map(|_| Client::connect(&target)).collect();
    for _ in 0..5 {
        clients.iter_mut().for_each(|client| client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n"));
        clients.iter_mut().for_each(|client| assert_eq!(client.reply(true).text(), "hello"));
    }
    assert_eq!(target.stop().total(), 2_000);
}
