//! The embedded target as clients see it: real sockets against real shards.

#[cfg(test)] // So that lints know it for a test's: helpers may unwrap.
#[path = "target/client.rs"]
mod client;

use client::{Client, address, start};
use hatchery::target::{Pattern, Target, TargetOptions};
use hatchery_core::ring::Address;
use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant},
};

#[test]
fn each_route_answers_and_is_counted_once() {
    let target = start();
    let client = &mut Client::connect(&target);

    let hello = client.get("/");
    assert_eq!((hello.status, hello.text()), (200, "hello"));
    assert_eq!(hello.header("content-type"), Some("text/plain; charset=utf-8"));

    assert_eq!(client.get("/bytes/0").header("content-length"), Some("0"));
    assert_eq!(client.get("/bytes/1024").text(), "x".repeat(1024));
    assert_eq!(client.get("/bytes/3000000").body, vec![b'x'; 3_000_000]);
    let bad = client.get("/bytes/1073741825");
    assert_eq!((bad.status, bad.text()), (400, "want a number of bytes from 0 to 1073741824\n"));

    let asked = Instant::now();
    assert_eq!(client.get("/delay/80").text(), "hello");
    assert!(asked.elapsed() >= Duration::from_millis(80));

    assert_eq!(client.get("/status/503").status, 503);
    assert_eq!(client.get("/status/204").status, 204);
    assert_eq!(client.get("/status/304").status, 304);
    assert_eq!(client.get("/status/205").status, 205);
    assert_eq!(client.get("/status/101").status, 400);

    let hop = client.get("/redirect/2");
    assert_eq!((hop.status, hop.header("location")), (302, Some("/redirect/1")));
    assert_eq!(client.get("/redirect/1").header("location"), Some("/"));

    assert_eq!(client.get("/item/7").json()["id"], 7);
    assert_eq!(client.get("/item/10000").status, 404);
    assert_eq!(client.get("/nothing").status, 404);

    let page = client.get("/served").json();
    assert_eq!(client.get("/served").json(), page, "asking for the counts is not counted");
    for (pattern, n) in [
        (Pattern::Hello, 1),
        (Pattern::Bytes, 4),
        (Pattern::Delay, 1),
        (Pattern::Status, 5),
        (Pattern::Redirect, 2),
        (Pattern::Item, 2),
        (Pattern::Unknown, 1),
        (Pattern::Echo, 0),
    ] {
        assert_eq!(page[pattern.as_str()], n, "{pattern}");
        assert_eq!(target.served().of(pattern), n, "{pattern}");
    }
    assert_eq!(page["total"], 16);
    assert_eq!(target.stop().total(), 16);
}

#[test]
fn cookies_are_shown_and_set() {
    let target = start();
    let client = &mut Client::connect(&target);
    let shown = client.ask("GET", "/cookies", "Cookie: a=1; b=2\r\nCookie: c=3\r\n", "").json();
    assert_eq!(shown, serde_json::json!({ "a": "1", "b": "2", "c": "3" }));

    let set = client.get("/cookies/set?taste=sweet&n=2");
    assert_eq!((set.status, set.header("location")), (302, Some("/cookies")));
    let all = set.headers.iter().filter(|(name, _)| name == "set-cookie");
    let all: Vec<_> = all.map(|(_, value)| value.as_str()).collect();
    assert_eq!(all, ["taste=sweet; Path=/", "n=2; Path=/"]);
    assert_eq!(client.get("/cookies/set").status, 400);
    assert_eq!(client.get("/cookies/set?a=b;Path=/x").status, 400);
}

#[test]
fn the_shop_wants_a_login() {
    let target = start();
    let client = &mut Client::connect(&target);
    assert_eq!(client.ask("POST", "/pay", "", "").status, 401);
    assert_eq!(client.ask("POST", "/cart", "Cookie: session=\r\n", "").status, 401);
    let get = client.get("/login");
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    assert_eq!(client.ask("POST", "/login", "", "name=anna").status, 400);
    let login = client.ask("POST", "/login", "", "user=anna&password=x");
    assert_eq!(login.status, 200);
    assert_eq!(login.header("set-cookie"), Some("session=anna; Path=/; HttpOnly"));
    for path in ["/cart", "/pay", "/receipt"] {
        let reply = client.ask("POST", path, "Cookie: x=y; session=anna\r\n", "item=7");
        assert_eq!((reply.status, &reply.json()["user"]), (200, &"anna".into()), "{path}");
        assert_eq!(client.get(path).status, 405, "{path}");
    }
}

#[test]
fn an_echo_shows_the_request() {
    let target = start();
    let client = &mut Client::connect(&target);
    let echo = client.ask("PUT", "/echo?q=1", "X-Two: a\r\nX-Two: b\r\n", "some \"text\"").json();
    assert_eq!(echo["method"], "PUT");
    assert_eq!(echo["path"], "/echo");
    assert_eq!(echo["query"], "q=1");
    assert_eq!(echo["headers"]["x-two"], "a, b");
    assert_eq!(echo["body_length"], 11);
    assert_eq!(echo["body"], "some \"text\"");

    let octets = "Content-Type: application/octet-stream\r\n";
    let reply = client.ask("POST", "/echo", octets, &"z".repeat(500_000));
    assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
    assert_eq!(reply.text(), "z".repeat(500_000));

    client.send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    assert_eq!(client.reply(true).json()["body"], "abcde");
}

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

#[test]
fn a_stop_closes_what_is_open() {
    let target = start();
    let address = address(&target);
    let mut idle: Vec<_> = (0..50).map(|_| Client::connect(&target)).collect();
    idle.iter_mut().for_each(|client| assert_eq!(client.get("/").status, 200));
    let mut waiting = Client::connect(&target);
    waiting.send("GET /delay/600000 HTTP/1.1\r\nHost: t\r\n\r\n");
    let mut blocked = Client::connect(&target);
    blocked.send("GET /bytes/1073741824 HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(blocked.reply(false).status, 200);

    let asked = Instant::now();
    let served = target.stop();
    assert!(asked.elapsed() < Duration::from_millis(900), "took {:?}", asked.elapsed());
    assert_eq!((served.of(Pattern::Hello), served.of(Pattern::Delay)), (50, 0));
    assert!(idle.iter_mut().all(Client::is_closed));
    assert!(waiting.is_closed());
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn a_client_that_leaves_early_is_not_counted() {
    let target = start();
    let mut client = Client::connect(&target);
    client.send("GET /delay/300 HTTP/1.1\r\nHost: t\r\n\r\n");
    thread::sleep(Duration::from_millis(100));
    drop(client);
    thread::sleep(Duration::from_millis(400));
    assert_eq!(target.served().total(), 0);
}

#[test]
fn an_address_in_use_is_an_error_that_says_so() {
    let target = start();
    let listen = target.local_addr().clone();
    let error = Target::start(&TargetOptions { listen, ..TargetOptions::loopback() }).unwrap_err();
    assert!(error.is_address_in_use(), "{error}");
    assert!(error.to_string().contains("choose another port"), "{error}");
    let error = Target::start(&TargetOptions { cpus: vec![], ..TargetOptions::loopback() });
    assert_eq!(error.unwrap_err().to_string(), "start the target: no CPU was given for it");
    let cpus = vec![4_095];
    let options = TargetOptions { cpus, unpinned: false, ..TargetOptions::loopback() };
    assert!(Target::start(&options).unwrap_err().to_string().contains("4095"));
}

#[test]
fn a_target_can_start_again_where_it_was() {
    let target = start();
    let listen = target.local_addr().clone();
    let mut client = Client::connect(&target);
    assert_eq!(client.get("/").status, 200);
    target.stop();
    let options = TargetOptions { listen, cpus: vec![0, 0], unpinned: true };
    let target = Target::start(&options).unwrap();
    assert_eq!(Client::connect(&target).get("/").status, 200);
}

#[test]
fn a_unix_socket_serves_and_is_removed() {
    let path = std::env::temp_dir().join(format!("hatchery-target-{}", std::process::id()));
    let options =
        TargetOptions { listen: Address::Unix(path.clone()), cpus: vec![0, 1], unpinned: true };
    let target = Target::start(&options).unwrap();
    assert!(Target::start(&options).unwrap_err().is_address_in_use());
    for _ in 0..20 {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        assert!(all.ends_with("\r\n\r\nhello"));
    }
    assert_eq!(target.stop().of(Pattern::Hello), 20);
    assert!(!path.exists());

    // What a killed process leaves behind does not stand in the way.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    drop(Target::start(&options).unwrap());
    assert!(!path.exists());
}
