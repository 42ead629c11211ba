//! Where the time of requests goes.

use crate::harness::{HTTP2, Recorded, Server, answer, on_shard_of, options, read_head};
use hatchery_core::{
    shard::{Common, Shard},
    stats::{Phase, PhaseStats},
};
use hatchery_http::{BodyStream, HttpSession, Response, SessionOptions};
use std::{
    future::Future,
    io::{BufRead, BufReader, Read, Write},
    rc::Rc,
    thread,
    time::Duration,
};

/// What a server makes its client wait for.
const PAUSE: Duration = Duration::from_millis(200);

/// What a phase that is not waited for stays below, on a machine that does much else.
const SOON: Duration = Duration::from_millis(100);

fn measured<F>(test: impl Fn(Rc<Shard>) -> F + Send + Sync + 'static) -> Recorded
where
    F: Future<Output = ()> + 'static,
{
    on_shard_of(Common { phases: true, ..Common::default() }, test)
}

fn phases_of<'r>(recorded: &'r Recorded, name: &str) -> Option<&'r PhaseStats> {
    recorded.snapshot.entry("GET", name).expect("recorded").total.phases.as_deref()
}

/// Requests with each phase, in the phases' order, and connections opened.
#[track_caller]
fn check(recorded: &Recorded, name: &str, counts: [u64; 5], n_connections: u64) {
    let stats = phases_of(recorded, name).expect("measured");
    assert_eq!(Phase::ALL.map(|phase| stats.n(phase)), counts, "{name}");
    assert_eq!(stats.n_connections(), n_connections, "{name}");
}

/// A request whose phases fit into its response time.
async fn get(client: &HttpSession, path: &'static str) -> Response {
    let caught = client.get(path).catch_response().await;
    let phases = caught.phases();
    assert!(phases.sum() <= caught.response_time(), "{phases:?} of {:?}", caught.response_time());
    drop(caught);
    client.get(path).name("again").await
}

#[test]
fn kept_connections_have_no_samples_of_how_they_were_made() {
    let server = Server::answering(|_| answer("200 OK", "", "hello"));
    let url = server.url.clone();
    let recorded = measured(move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            for i in 0..3 {
                let again = get(&client, "/").await.phases();
                assert_eq!((again.dns(), again.connect(), again.tls()), (None, None, None));
                assert!(again.first_byte().is_some() && again.last_byte().is_some());
                assert_eq!(again.n_connections(), 0, "{i}");
            }
        }
    });
    check(&recorded, "/", [0, 1, 0, 3, 3], 1);
    check(&recorded, "again", [0, 0, 0, 3, 3], 0);
    let all = recorded.snapshot.aggregated();
    assert_eq!(all.total.phases.expect("measured").n(Phase::LastByte), all.total.n_requests);
}

#[test]
fn a_name_is_resolved_once() {
    let server = Server::answering(|_| answer("200 OK", "", ""));
    let url = server.url.replace("127.0.0.1", "localhost");
    let recorded = measured(move |shard| {
        let url = url.clone();
        async move {
            for name in ["first", "second"] {
                let options = SessionOptions { requests_per_connection: 1, ..options() };
                let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
                let phases = client.get("/").name(name).await.phases();
                assert_eq!(phases.dns().is_some(), name == "first");
            }
        }
    });
    check(&recorded, "first", [1, 1, 0, 1, 1], 1);
    check(&recorded, "second", [0, 1, 0, 1, 1], 1);
}

#[test]
fn the_first_byte_counts_when_it_comes_and_not_when_the_head_is_whole() {
    if HTTP2 {
        return;
    }
    let server = Server::raw(|_, mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let mut send = |bytes: &[u8]| {
            stream.write_all(bytes).expect("sent");
            thread::sleep(PAUSE);
        };
        send(b"HTTP/1.1 200 OK\r\n");
        send(b"content-length: 2\r\n\r\n");
        send(b"ab");
    });
    let url = server.url.clone();
    measured(move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            let response = client.get("/").await;
            let phases = response.phases();
            assert!(phases.first_byte().expect("it came") < SOON, "{phases:?}");
            assert!(phases.last_byte().expect("it came") > PAUSE + SOON, "{phases:?}");
        }
    });
}

#[test]
fn a_first_byte_is_one_of_the_response_and_none_of_what_was_sent() {
    if HTTP2 {
        return;
    }
    let server = Server::raw(|_, stream| {
        let mut reader = BufReader::new(stream);
        while let Some((line, _)) = read_head(&mut reader) {
            let mut last = String::new();
            while line.starts_with("POST") && last != "0\r\n" {
                last.clear();
                reader.read_line(&mut last).expect("a chunk");
            }
            // What is left of the body's end.
            let _ = line.starts_with("POST").then(|| reader.read_line(&mut last));
            thread::sleep(PAUSE);
            for part in answer("200 OK", "", "").chunks(20) {
                reader.get_mut().write_all(part).expect("sent");
                thread::sleep(Duration::from_millis(10));
            }
        }
    });
    let url = server.url.clone();
    measured(move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            let body = BodyStream::pieces(["one\n", "two\n"]);
            for request in [client.get("/"), client.post("/").body_stream(body)] {
                let phases = request.await.phases();
                assert!(phases.first_byte().expect("it came") >= PAUSE, "{phases:?}");
            }
        }
    });
}

#[test]
fn requests_count_for_the_phases_that_they_got_through() {
    let redirect = |to: &str| answer("302 Found", &format!("location: {to}\r\n"), "");
    let server = Server::answering(move |request| match request.line.split(' ').nth(1) {
        Some("/moved") => redirect("/here"),
        Some("/lost") => redirect("/ended"),
        Some("/ended") => vec![],
        Some("/cut") => b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort".to_vec(),
        _ => answer("200 OK", "", "hello"),
    });
    let url = server.url.clone();
    let recorded = measured(move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            client.get("http://127.0.0.1:1/").name("refused").await;
            assert!(client.get("nowhere:/").name("unsent").await.phases().is_empty());
            client.get("/moved").await;
            assert!(client.get("/lost").await.error().is_some());
            let mut streamed = client.get("/streamed").stream().await;
            assert!(streamed.phases().first_byte().is_some());
            while streamed.next_piece().await.expect("the body").is_some() {}
            assert_eq!(streamed.phases().last_byte(), None);
            drop(streamed);
            if !HTTP2 {
                // The server keeps the connection, and its client waits for the rest.
                let limit = Duration::from_millis(50);
                assert!(client.get("/cut").read_timeout(limit).await.error().is_some());
            }
        }
    });
    assert!(phases_of(&recorded, "refused").is_none());
    check(&recorded, "/moved", [0, 1, 0, 1, 1], 1);
    // The connection is found closed, so that a second one is tried.
    let lost = phases_of(&recorded, "/lost").map_or(0, |stats| stats.n(Phase::FirstByte));
    assert_eq!(lost, 0);
    assert_eq!(phases_of(&recorded, "/streamed").expect("measured").n(Phase::LastByte), 0);
    if !HTTP2 {
        let cut = phases_of(&recorded, "/cut").expect("measured");
        assert_eq!((cut.n(Phase::FirstByte), cut.n(Phase::LastByte)), (1, 0));
    }
}

#[test]
fn without_phases_nothing_is_measured() {
    let server = Server::answering(|_| answer("200 OK", "", ""));
    let url = server.url.clone();
    let recorded = on_shard_of(Common::default(), move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            assert!(client.get("/").await.phases().is_empty());
        }
    });
    assert!(phases_of(&recorded, "/").is_none());
}
