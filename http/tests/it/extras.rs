//! The rarer things that a session can do.

use crate::harness::{Server, answer, on_shard, options, read_request, with_client};
use hatchery_core::{
    ring::{Address, SocketOptions, Stream},
    shard::Shard,
};
use hatchery_http::{HttpError, HttpSession, Multipart, SessionOptions};
use std::{
    future::poll_fn,
    io::{BufReader, Read, Write},
    net::IpAddr,
    time::Duration,
};

#[test]
fn files_are_sent_as_a_form() {
    let server = Server::answering(|_| answer("200 OK", "", ""));
    with_client(&server.url, |_, client| async move {
        let form = Multipart::new().text("a", "1").file("f", "x.txt", "text/plain", "body");
        client.post("/").multipart(&form).await.raise_for_status().expect("200");
    });
    let seen = &server.seen()[0];
    let content_type = seen.header("content-type").expect("set");
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").expect("a form");
    let body = String::from_utf8_lossy(&seen.body);
    assert!(body.starts_with(&format!("--{boundary}\r\n")) && body.contains("\r\n\r\nbody\r\n"));
}

#[test]
fn requests_can_be_renamed_for_a_while() {
    let server = Server::answering(|_| answer("200 OK", "link: </b>; rel=next\r\n", ""));
    let recorded = with_client(&server.url, |_, client| async move {
        let renamed = client.rename_request("all");
        assert_eq!(client.get("/a").await.links()[0].url, "/b");
        client.get("/b").name("own").await;
        drop(renamed);
        client.get("/c").await;
    });
    recorded.check(&["GET all 1/0", "GET own 1/0", "GET /c 1/0"], &[]);
}

#[test]
fn an_api_is_expected_to_answer_json() {
    let server = Server::answering(|request| match request.line.contains("/json") {
        true => answer("200 OK", "", "{\"a\": [1, 2]}"),
        false => answer("200 OK", "", "<html>"),
    });
    let recorded = with_client(&server.url, |_, client| async move {
        assert_eq!(client.get("/json").rest().await.js()["a"][1], 2);
        let mut response = client.get("/json/bad").rest().await;
        response.failure("wrong");
        drop(response);
        assert!(client.get("/html").rest().await.js().is_null());
    });
    let failure = "Could not parse response as JSON. <html>, response code 200, error expected \
                   value at line 1 column 1";
    recorded.check(&["GET /json 1/0", "GET /json/bad 1/1", "GET /html 1/1"], &[failure, "wrong"]);
    assert_eq!(server.seen()[0].header("accept"), Some("application/json"));
}

#[test]
fn a_name_may_be_resolved_by_the_options_and_bodies_decoded() {
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\
                 \xcbH\xcd\xc9\xc9\x07\x00\x86\xa6\x106\x05\x00\x00\x00";
    let server = Server::answering(move |_| {
        let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 25\r\n\r\n";
        [head.as_bytes(), &gzip[..]].concat()
    });
    let port: u16 = server.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("one");
    let recorded = on_shard(move |shard| async move {
        let resolve = vec![("shop.test".to_owned(), port, IpAddr::from([127, 0, 0, 1]))];
        let options = SessionOptions { resolve, ..options() };
        let url = format!("http://shop.test:{port}");
        let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
        assert_eq!(client.get("/").await.text(), "hello");
    });
    recorded.check(&["GET / 1/0"], &[]);
    assert_eq!(recorded.entries[0].4, 5);
    let host = format!("shop.test:{port}");
    assert_eq!(server.seen()[0].header("host"), Some(&*host));
}

#[test]
fn digest_challenges_are_answered_as_one_sample_and_at_once_from_then_on() {
    let server = Server::answering(|request| match request.header("authorization") {
        Some(value) if value.starts_with("Digest username=\"u\"") => answer("200 OK", "", "in"),
        _ => {
            let challenge = "www-authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n";
            answer("401 Unauthorized", challenge, "out")
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        let response = client.post("/a").body("x").digest_auth("u", "p").await;
        assert_eq!((response.text().as_ref(), response.history().len()), ("in", 1));
        let response = client.get("/b").digest_auth("u", "p").await;
        assert_eq!((response.text().as_ref(), response.history().len()), ("in", 0));
        assert_eq!(client.get("/c").digest_auth("nobody", "p").await.status_code(), 401);
    });
    let failure = "HTTPError: 401 Client Error: Unauthorized for url: /c";
    recorded.check(&["POST /a 1/0", "GET /b 1/0", "GET /c 1/1"], &[failure]);
    assert_eq!(server.seen().len(), 5);
}

#[test]
fn sessions_take_source_addresses_in_turn() {
    let (peers, seen) = crossbeam_channel::unbounded();
    let server = Server::raw(move |i, stream| {
        peers.send(stream.peer_addr().expect("connected").ip()).expect("the test waits");
        let mut reader = BufReader::new(stream);
        while read_request(i, &mut reader).is_some() {
            reader.get_mut().write_all(&answer("200 OK", "", "")).expect("open");
        }
    });
    let url = server.url;
    on_shard(move |shard| {
        let url = url.clone();
        async move {
            let sources = vec![IpAddr::from([127, 0, 0, 2]), IpAddr::from([127, 0, 0, 3])];
            let options = SessionOptions { sources, ..SessionOptions::default() };
            let mut clients = vec![];
            for i in 0..4 {
                let options = options.clone();
                let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
                client.get("/").await.raise_for_status().expect("200");
                clients.push(client);
                if i == 2 {
                    // Its address is the next one's.
                    clients.remove(1);
                }
            }
        }
    });
    let last: Vec<_> = seen.try_iter().map(|ip| ip.to_string()).collect();
    assert_eq!(last, ["127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"]);
}

fn address(server: &Server) -> Address {
    let address = server.url.strip_prefix("http://").and_then(|it| it.parse().ok());
    Address::Tcp(address.expect("an address"))
}

/// A stream without HTTP.
async fn connect(shard: &Shard, address: &Address) -> Stream {
    let options = SocketOptions::default();
    Stream::connect(shard.ring(), address, &options).await.expect("it listens")
}

#[test]
fn one_small_write_after_the_other_waits_for_nothing_but_the_kernel() {
    let server =
        Server::raw(|_, mut stream| while stream.read(&mut [0; 512]).is_ok_and(|n| n > 0) {});
    let address = address(&server);
    on_shard(move |shard| {
        let address = address.clone();
        async move {
            let mut stream = connect(&shard, &address).await;
            let begin_ns = shard.now_ns();
            // One that slept until the shard's next pulse would cost up to a second.
            for _ in 0..50 {
                stream.write_all(b"small").await.expect("open");
            }
            let took_ns = shard.now_ns() - begin_ns;
            assert!(took_ns < 5_000_000_000, "{took_ns} ns");
        }
    });
}

#[test]
fn a_stream_may_be_dropped_with_a_small_write_that_fails() {
    // What is left unread makes the kernel reset the connection.
    let server = Server::raw(|_, mut stream| drop(stream.read_exact(&mut [0])));
    let address = address(&server);
    on_shard(move |shard| {
        let address = address.clone();
        async move {
            for _ in 0..10 {
                let mut stream = connect(&shard, &address).await;
                stream.write_all(b"two").await.expect("open");
                let read = poll_fn(|cx| stream.poll_read_with(cx, |bytes| (bytes.len(), ())));
                assert!(read.await.is_err(), "it was reset");
                let written = poll_fn(|cx| stream.poll_write_with(cx, |into| into.push(0)));
                written.await.expect("nothing was sent before");
                drop(stream);
                shard.sleep(Duration::from_millis(1)).await;
            }
        }
    });
}

#[test]
fn digest_challenges_are_answered_where_redirects_lead_and_count_up() {
    let server = Server::answering(|request| {
        let authorization = request.header("authorization").unwrap_or_default();
        let challenge = "www-authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"\r\n";
        match &request.line {
            line if line.contains("/start") => answer("307 There", "location: /inner\r\n", ""),
            _ if authorization.contains("uri=\"/inner\"") => answer("200 OK", "", "in"),
            _ => answer("401 Unauthorized", challenge, "out"),
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        let response = client.post("/start").body("x").digest_auth("u", "p").await;
        assert_eq!(response.text(), "in");
        let history: Vec<_> =
            response.history().iter().map(hatchery_http::Response::status_code).collect();
        assert_eq!(history, [307, 401]);
        assert_eq!(client.post("/inner").digest_auth("u", "p").await.status_code(), 200);
    });
    recorded.check(&["POST /start 1/0", "POST /inner 1/0"], &[]);
    let seen = server.seen();
    let counts: Vec<_> =
        seen.iter().filter_map(|request| request.header("authorization")).collect();
    assert_eq!(counts.len(), 2);
    assert!(counts[0].contains("qop=auth-int, nc=00000001"), "{counts:?}");
    assert!(counts[1].contains("qop=auth-int, nc=00000002"), "{counts:?}");
    assert_eq!(seen[2].body, b"x");
}

#[test]
fn the_time_for_a_request_spans_both_rounds_of_digest() {
    let server = Server::answering(|_| {
        std::thread::sleep(Duration::from_millis(200));
        answer("401 Unauthorized", "www-authenticate: Digest realm=\"r\", nonce=\"n\"\r\n", "")
    });
    let recorded = with_client(&server.url, |_, client| async move {
        let limit = Duration::from_millis(300);
        let response = client.get("/").timeout(limit).digest_auth("u", "p").await;
        assert!(response.error().is_some_and(HttpError::is_timeout), "{response:?}");
    });
    recorded.check(&["GET / 1/1"], &["TimedOut: no response within 300ms"]);
}

#[test]
fn an_api_is_asked_past_its_caches_and_checked() {
    let server = Server::answering(|_| answer("200 OK", "", "{\"price\": 4}"));
    let recorded = with_client(&server.url, |_, client| async move {
        let mut response = client.get("/item?id=1").rest_().await;
        let price = response.js()["price"].as_u64();
        assert!(response.check(price == Some(4), "wrong price"));
        drop(response);
        let mut response = client.get("/item").name("item").rest_().await;
        assert!(!response.check(price == Some(3), "wrong price,"));
    });
    let failure = "wrong price, response was {\"price\": 4}";
    recorded.check(&["GET /item?id=1&_=... 1/0", "GET item 1/1"], &[failure]);
    let line = server.seen()[0].line.clone();
    let ms = line.strip_prefix("GET /item?id=1&_=").and_then(|rest| rest.split(' ').next());
    assert!(ms.is_some_and(|ms| ms.len() == 13 && ms.parse::<u64>().is_ok()), "{line}");
}
