//! What options of connections mean over HTTP/2.

use crate::harness::{Server, answer, on_shard, options};
use hatchery_http::{HttpSession, PoolChoice, SessionOptions};

/// On which connections five requests go that two users send in turn.
#[track_caller]
fn check(change: impl Fn(&mut SessionOptions) + Send + Sync + 'static, expected: [usize; 5]) {
    let server = Server::answering(|_| answer("200 OK", "", "fine"));
    let url = server.url.clone();
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        let mut options = options();
        change(&mut options);
        async move {
            let clients = [0; 2]
                .map(|_| HttpSession::with_options(&shard, &url, options.clone()).expect("a URL"));
            for i in 0..5 {
                assert_eq!(clients[i % 2].get("/").await.text(), "fine");
            }
        }
    });
    recorded.check(&["GET / 5/0"], &[]);
    let connections: Vec<_> = server.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, expected);
}

#[test]
fn users_have_a_connection_each_or_share_one_and_it_serves_as_many_requests_as_it_may() {
    check(|_| (), [0, 1, 0, 1, 0]);
    check(|options| options.requests_per_connection = 1, [0, 1, 2, 3, 4]);
    check(|options| options.requests_per_connection = 2, [0, 1, 0, 1, 2]);
    let shared = PoolChoice::PerCore { connections_max: 1 };
    check(move |options| options.pool = shared, [0; 5]);
    check(
        move |options| {
            options.pool = shared;
            options.requests_per_connection = 2;
        },
        [0, 0, 1, 1, 2],
    );
}
