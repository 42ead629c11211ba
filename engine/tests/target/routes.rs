//! What each route answers.

use crate::client::{Client, start};
use hatchery::target::Pattern;
use std::time::{Duration, Instant};

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
