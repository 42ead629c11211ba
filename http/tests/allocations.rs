//! A plain request in the steady state allocates nothing.

use crossbeam_channel::unbounded;
use hatchery_core::shard::{Common, Shard, ShardHandle};
use hatchery_http::{HttpDefaults, HttpSession, SessionOptions};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{
    alloc::System,
    io::{Read, Write},
    net::TcpListener,
    rc::Rc,
    sync::Arc,
    thread,
    time::Duration,
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const N_REQUESTS: usize = 10_000;

/// What the shard and this test may allocate beside the requests: hand-overs, once a second.
const N_BESIDE: usize = 200;

/// A server that allocates nothing itself.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut bytes = [0; 4096];
        while stream.read(&mut bytes).is_ok_and(|n| n > 0) {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nserver: test\r\n\r\nhello";
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    });
    url
}

/// Allocations per request, on the lean path or on hyper.
fn allocations_per_request(lean: bool) -> f64 {
    let url = server();
    let (done, is_done) = unbounded();
    let service = move |shard: &Rc<Shard>| {
        let (shard_too, url, done) = (Rc::clone(shard), url.clone(), done.clone());
        shard.spawn(async move {
            let client = HttpSession::with_base_url(&shard_too, &url).expect("a URL");
            let request = async || {
                let response = client.get("/").name("index").await;
                assert_eq!(response.content(), b"hello");
            };
            for _ in 0..N_REQUESTS {
                request().await;
            }
            let region = Region::new(ALLOCATOR);
            for _ in 0..N_REQUESTS {
                request().await;
            }
            let change = region.change();
            done.send(change.allocations + change.reallocations).expect("the test waits");
        });
    };
    let options = SessionOptions { lean, ..SessionOptions::default() };
    let common = Common {
        services: vec![Arc::new(service)],
        extensions: vec![Arc::new(HttpDefaults { session: options })],
        unpinned: true,
        ..Common::default()
    };
    let (shard, _reports) = ShardHandle::start_alone(common).expect("a shard");
    let n = is_done.recv_timeout(Duration::from_secs(60)).expect("the requests end");
    drop(shard);
    n.saturating_sub(N_BESIDE) as f64 / N_REQUESTS as f64
}

/// One test, because the allocator counts for the whole process.
#[test]
fn a_plain_request_allocates_nothing_on_the_lean_path() {
    let lean = allocations_per_request(true);
    let hyper = allocations_per_request(false);
    println!("allocations per request: lean {lean}, hyper {hyper}");
    assert_eq!(lean, 0.0);
    assert!(hyper > 0.0, "the counter counts");
}
