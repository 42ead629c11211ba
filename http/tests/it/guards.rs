//! One sample, whatever happens to whoever waits for it; and no panic, whatever is asked for.

use crate::harness::{HTTP2, Server, answer, with_client};
use hatchery_http::HttpError;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use std::{
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

#[test]
fn a_caught_response_is_recorded_though_its_holder_panics_or_is_killed() {
    let server = Server::answering(|_| answer("200 OK", "", ""));
    let recorded = with_client(&server.url, |shard, client| async move {
        let mut held = client.get("/panic").catch_response().await;
        held.failure("decided before");
        let outcome = catch_unwind(AssertUnwindSafe(move || {
            let _held = held;
            panic!("on purpose");
        }));
        outcome.expect_err("it panicked");
        let hold = async {
            let _held = client.get("/kill").catch_response().await;
            pending::<()>().await;
        };
        shard.timeout(Duration::from_millis(50), hold).await.expect_err("killed");
    });
    recorded.check(&["GET /panic 1/1", "GET /kill 1/0"], &["decided before"]);
    assert_eq!(recorded.n_abandoned, 0);
}

#[test]
fn concurrent_requests_of_one_session_have_a_connection_each_or_a_stream_and_keep_it() {
    let server = Server::answering(|_| answer("200 OK", "", ""));
    let recorded = with_client(&server.url, |shard, client| async move {
        let (done, mut n_left) = (std::rc::Rc::new(std::cell::Cell::new(0)), 2);
        for _ in 0..n_left {
            let (client, done) = (client.clone(), std::rc::Rc::clone(&done));
            shard.spawn(async move {
                for _ in 0..10 {
                    client.get("/").await;
                }
                done.set(done.get() + 1);
            });
        }
        while n_left > 0 {
            shard.sleep(Duration::from_millis(5)).await;
            n_left = 2 - done.get();
        }
    });
    recorded.check(&["GET / 20/0"], &[]);
    let last = if HTTP2 { 0 } else { 1 };
    assert_eq!(server.seen().iter().map(|request| request.connection).max(), Some(last));
}

#[test]
fn any_text_as_a_url_is_a_request_or_an_error() {
    let server = Server::answering(|_| answer("200 OK", "", ""));
    with_client(&server.url, |_, client| async move {
        let mut runner = TestRunner::deterministic();
        let strategy = "[/?#%.:@\\[\\]a-z \\PC]{0,30}";
        for i in 0..500 {
            let text = strategy.new_tree(&mut runner).expect("a text").current();
            let path = if i % 2 == 0 { text.clone() } else { format!("/{text}") };
            let _ = hatchery_http::check_base_url(&text);
            let _ = hatchery_http::check_base_url(&format!("http://{text}"));
            // A host of its own would be looked up.
            if path.contains("://") {
                continue;
            }
            let response = client.get(path.clone()).params(&[(text.as_str(), "x")]).await;
            let is_bad = response.error().is_some_and(HttpError::is_invalid_url);
            assert!(response.ok() || is_bad, "{path:?}: {response:?}");
        }
    });
}

#[test]
fn addresses_of_ipv6_are_hosts() {
    let Ok(listener) = std::net::TcpListener::bind("[::1]:0") else {
        eprintln!("skipped: no IPv6 here");
        return;
    };
    let host = listener.local_addr().expect("bound").to_string();
    let server = Server::on(listener, |_| answer("200 OK", "", ""));
    let url = format!("http://{host}");
    with_client(&url, |_, client| async move {
        client.get("/").await.raise_for_status().expect("200");
    });
    assert_eq!(server.seen()[0].header("host"), Some(&*host));
}
