//! Connections that the users of a core share.

use crate::harness::{LEAN, NOBODY, Server, answer, on_shard, read_request};
use crossbeam_channel::{Receiver, Sender, unbounded};
use hatchery_core::shard::Shard;
use hatchery_http::{HttpError, HttpSession, PoolChoice, SessionOptions};
use std::{
    cell::Cell,
    future::{Future, IntoFuture, poll_fn},
    io::{BufReader, Write},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::Poll,
    time::Duration,
};

/// A user of the shared connections, of which there may be so many.
fn user(shard: &Rc<Shard>, url: &str, connections_max: u32) -> HttpSession {
    let pool = PoolChoice::PerCore { connections_max };
    let options = SessionOptions { pool, lean: LEAN, ..SessionOptions::default() };
    HttpSession::with_options(shard, url, options).expect("a URL")
}

/// A server that answers when it is told to, once for each time.
fn gated() -> (Server, Sender<()>) {
    let (tell, told): (_, Receiver<()>) = unbounded();
    let server = Server::answering(move |_| {
        told.recv().expect("the test goes on");
        answer("200 OK", "", "fine")
    });
    (server, tell)
}

/// Polls a future once: it must have to wait.
async fn begin<F: Future + Unpin>(future: &mut F) {
    poll_fn(|cx| {
        assert!(Pin::new(&mut *future).poll(cx).is_pending(), "it has to wait");
        Poll::Ready(())
    })
    .await;
}

#[test]
fn users_with_equal_options_share_connections_and_others_do_not() {
    let server = Server::answering(|_| answer("200 OK", "", "fine"));
    let url = server.url.clone();
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            for connections_max in [0, 0, 5, 0] {
                let client = user(&shard, &url, connections_max);
                assert_eq!(client.get("/").await.text(), "fine");
            }
        }
    });
    recorded.check(&["GET / 4/0"], &[]);
    let connections: Vec<_> = server.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 1, 0]);
}

#[test]
fn users_wait_in_the_order_in_which_they_came_and_their_waiting_counts() {
    let server = Server::answering(|_| {
        std::thread::sleep(Duration::from_millis(30));
        answer("200 OK", "", "fine")
    });
    let url = server.url.clone();
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let (done, is_done) = unbounded();
            for name in ["/0", "/1", "/2", "/3", "/4"] {
                let (client, done) = (user(&shard, &url, 1), done.clone());
                shard.spawn(async move {
                    let response = client.get(name).catch_response().await;
                    assert_eq!(response.text(), "fine");
                    done.send(response.response_time()).expect("the test waits");
                });
            }
            drop(done);
            let mut times = vec![];
            while times.len() < 5 {
                times.extend(is_done.try_iter());
                shard.sleep(Duration::from_millis(1)).await;
            }
            for (i, time) in times.into_iter().enumerate() {
                assert!(time >= Duration::from_millis(30 * (i as u64 + 1)), "{i}: {time:?}");
            }
        }
    });
    assert_eq!(recorded.entries.len(), 5);
    let lines: Vec<_> = server.seen().iter().map(|seen| seen.line.clone()).collect();
    let expected = [0, 1, 2, 3, 4].map(|i| format!("GET /{i} HTTP/1.1"));
    assert_eq!(lines, expected);
    assert!(server.seen().iter().all(|seen| seen.connection == 0));
}

#[test]
fn a_user_that_is_killed_while_it_waits_takes_nothing_with_it() {
    let (server, tell) = gated();
    let url = server.url.clone();
    let recorded = on_shard(move |shard| {
        let (url, tell) = (url.clone(), tell.clone());
        async move {
            let clients = [0; 5].map(|_| user(&shard, &url, 1));
            let mut first = clients[0].get("/first").into_future();
            begin(&mut first).await;
            let mut leaves = clients[1].get("/leaves").into_future();
            begin(&mut leaves).await;
            let mut handed = clients[2].get("/handed").into_future();
            begin(&mut handed).await;
            let mut last = clients[3].get("/last").into_future();
            begin(&mut last).await;
            // Killed while it stands in the queue.
            drop(leaves);
            tell.send(()).expect("the server waits");
            assert_eq!(first.await.text(), "fine");
            // Killed with the connection in its hands that `first` gave back.
            drop(handed);
            tell.send(()).expect("the server waits");
            assert_eq!(last.await.text(), "fine");
            // Killed with its request under way: the place is free, the connection is not used.
            let mut killed = clients[4].get("/killed").into_future();
            begin(&mut killed).await;
            let mut after = clients[0].get("/after").into_future();
            begin(&mut after).await;
            drop(killed);
            tell.send(()).expect("the server waits");
            tell.send(()).expect("the server waits");
            assert_eq!(after.await.text(), "fine");
        }
    });
    assert_eq!(recorded.n_abandoned, 3);
    recorded.check(&["GET /first 1/0", "GET /last 1/0", "GET /after 1/0"], &[]);
}

#[test]
fn a_connection_that_cannot_be_made_leaves_its_place_to_the_next() {
    let recorded = on_shard(move |shard| async move {
        let n_failed = Rc::new(Cell::new(0));
        for _ in 0..4 {
            let (client, n_failed) = (user(&shard, NOBODY, 1), Rc::clone(&n_failed));
            shard.spawn(async move {
                let response = client.get("/").await;
                assert!(response.error().is_some_and(HttpError::is_connect));
                n_failed.set(n_failed.get() + 1);
            });
        }
        while n_failed.get() < 4 {
            shard.sleep(Duration::from_millis(1)).await;
        }
    });
    recorded.check(&["GET / 4/4"], &["ConnectionRefused: Connection refused (os error 111)"]);
}

/// Each of more origins than are kept has a connection of its own at the same server.
#[test]
fn idle_connections_to_many_origins_are_not_kept_for_ever() {
    const N_ORIGINS: usize = 300;
    const KEPT_MAX: i64 = 256;
    let n_open = Arc::new(AtomicI64::new(0));
    let counted = Arc::clone(&n_open);
    let listener = std::net::TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for (i, stream) in listener.incoming().flatten().enumerate() {
            let counted = Arc::clone(&counted);
            std::thread::spawn(move || {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut reader = BufReader::new(stream);
                while read_request(i, &mut reader).is_some() {
                    reader.get_mut().write_all(&answer("200 OK", "", "fine")).expect("open");
                }
                counted.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    let recorded = on_shard(move |shard| {
        let n_open = Arc::clone(&n_open);
        async move {
            let client = user(&shard, "http://127.0.0.1", 1);
            for i in 0..N_ORIGINS {
                let url = format!("http://127.0.{}.{}:{port}/", i / 200, i % 200 + 1);
                assert_eq!(client.get(url).name("/").await.text(), "fine");
            }
            let deadline_ns = shard.now_ns() + 10_000_000_000;
            while n_open.load(Ordering::SeqCst) > KEPT_MAX {
                assert!(shard.now_ns() < deadline_ns, "{n_open:?} are open");
                shard.sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(client.get(format!("http://127.0.1.100:{port}/")).await.text(), "fine");
        }
    });
    assert_eq!(recorded.entries[0].2, N_ORIGINS as u64 + 1);
}

#[test]
fn waiting_ends_with_the_time_of_the_request() {
    let (server, tell) = gated();
    let url = server.url.clone();
    let recorded = on_shard(move |shard| {
        let (url, tell) = (url.clone(), tell.clone());
        async move {
            let (one, two) = (user(&shard, &url, 1), user(&shard, &url, 1));
            let mut first = one.get("/first").into_future();
            begin(&mut first).await;
            let late = two.get("/late").timeout(Duration::from_millis(20)).await;
            assert!(late.error().is_some_and(HttpError::is_timeout));
            tell.send(()).expect("the server waits");
            assert_eq!(first.await.text(), "fine");
            tell.send(()).expect("the server waits");
            assert_eq!(two.get("/then").await.text(), "fine");
        }
    });
    let failure = "TimedOut: no connection of the pool was free within 20ms";
    recorded.check(&["GET /late 1/1", "GET /first 1/0", "GET /then 1/0"], &[failure]);
}

#[test]
fn a_stale_connection_is_replaced_in_its_place() {
    let server = Server::answering(move |request| match &*request.line {
        "GET /first HTTP/1.1" => answer("200 OK", "", "fine"),
        _ if request.connection == 0 => vec![],
        _ => answer("200 OK", "", "fine"),
    });
    let url = server.url.clone();
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let (one, two) = (user(&shard, &url, 1), user(&shard, &url, 1));
            one.get("/first").await;
            let mut second = one.get("/second").into_future();
            begin(&mut second).await;
            let mut third = two.get("/third").into_future();
            begin(&mut third).await;
            assert_eq!(second.await.text(), "fine");
            assert_eq!(third.await.text(), "fine");
        }
    });
    recorded.check(&["GET /first 1/0", "GET /second 1/0", "GET /third 1/0"], &[]);
    let connections: Vec<_> = server.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 1, 1]);
}
