//! Sessions against real servers, each test on both paths of HTTP/1.1, and over HTTP/2 where what
//! it looks at is not HTTP/1.1's own: what python-requests and Locust would see is what is seen.

mod httpbin_auth;
mod httpbin_bodies;
mod httpbin_redirects;
mod httpbin_requests;
mod httpbin_time;
mod nginx_connections;
mod nginx_contents;
mod nginx_cookies;
mod nginx_tls;
mod uploads;
mod websockets;

use crossbeam_channel::bounded;
use hatchery::HttpSession;
use hatchery_core::{shard::Common, stats::Snapshot};
use hatchery_http::{HttpVersion, SessionOptions};
use hatchery_tests::{
    servers::{Httpbin, Nginx},
    stage::Stage,
};
use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    panic::{self, AssertUnwindSafe, catch_unwind},
    pin::pin,
    rc::Rc,
    sync::{
        Arc, Once,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

/// No test takes longer; one that does hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was recorded of a run.
struct Recorded(Snapshot);

impl Recorded {
    /// The entries as `METHOD name requests/failures`, and the texts of the errors, both sorted.
    #[track_caller]
    fn check(&self, entries: &[&str], errors: &[&str]) {
        let found = self.0.entries().into_iter().map(|(key, stats)| {
            let (n_requests, n_failures) = (stats.total.n_requests, stats.total.n_failures);
            format!("{} {} {n_requests}/{n_failures}", key.method, key.name)
        });
        let mut found: Vec<_> = found.collect();
        found.sort();
        assert_eq!(found, entries);
        let errors_found = self.0.errors();
        let mut found: Vec<_> =
            errors_found.iter().map(|(_, failure, _)| failure.to_string()).collect();
        found.sort();
        assert_eq!(found, errors);
    }

    /// The bytes that an entry counts.
    #[track_caller]
    fn n_bytes(&self, method: &str, name: &str) -> u64 {
        self.0.entry(method, name).expect("it was recorded").total.bytes_sum
    }
}

/// Runs a test with a session for this base URL, once by hatchery's own HTTP and once by hyper's.
fn on_both_paths(
    url: &str,
    options: &SessionOptions,
    test: impl AsyncFn(HttpSession) + Send + Sync + 'static,
) -> Vec<Recorded> {
    let test = Arc::new(test);
    let run = |lean: bool| {
        // Shown if the test fails.
        eprintln!("by {} HTTP", if lean { "hatchery's own" } else { "hyper's" });
        let options = SessionOptions { lean, ..options.clone() };
        on_shard(url, options, Arc::clone(&test))
    };
    [true, false].map(run).into()
}

/// The same, and once more over HTTP/2, which is spoken without TLS at another URL.
fn on_all_paths(
    (url, http2_url): (&str, &str),
    options: &SessionOptions,
    test: impl AsyncFn(HttpSession) + Send + Sync + 'static,
) -> Vec<Recorded> {
    let test = Arc::new(test);
    let shared = Arc::clone(&test);
    let mut all = on_both_paths(url, options, async move |client| shared(client).await);
    eprintln!("by HTTP/2");
    let http_version = HttpVersion::Http2PriorKnowledge;
    let options = SessionOptions { http_version, ..options.clone() };
    all.push(on_shard(http2_url, options, test));
    all
}

fn on_shard(
    url: &str,
    options: SessionOptions,
    test: Arc<impl AsyncFn(HttpSession) + Send + Sync + 'static>,
) -> Recorded {
    let (done, is_done) = bounded(1);
    let url = url.to_owned();
    let service = move |shard: &Rc<hatchery::Shard>| {
        let (test, done, shard) = (Arc::clone(&test), done.clone(), Rc::clone(shard));
        let (url, options) = (url.clone(), options.clone());
        shard.clone().spawn(async move {
            let session = HttpSession::with_options(&shard, &url, options).expect("a URL");
            let outcome = caught(test(session)).await;
            done.send(outcome).expect("the test waits");
        });
    };
    let mut stage = Stage::real(Common { services: vec![Arc::new(service)], ..Common::default() });
    let outcome = is_done.recv_timeout(PATIENCE).expect("the test ends in time");
    if let Err(panic) = outcome {
        panic!("{panic}");
    }
    stage.flush();
    stage.quit();
    Recorded(stage.stats)
}

thread_local! {
    /// Where the last panic of this thread was, and what it said.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A future's output, or its panic, which a shard does not print.
async fn caught(future: impl Future<Output = ()>) -> Result<(), String> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANIC.set(info.to_string());
            usual(info);
        }));
    });
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(_) => Poll::Ready(Err(PANIC.take())),
    })
    .await
}

/// Runs a test against httpbin on both paths; nothing comes of it where that is missing.
fn with_httpbin(test: impl AsyncFn(HttpSession) + Send + Sync + 'static) -> Vec<Recorded> {
    match Httpbin::shared() {
        Some(httpbin) => on_both_paths(&httpbin.url(""), &SessionOptions::default(), test),
        None => vec![],
    }
}

/// nginx in front of httpbin, which knows no HTTP/2.
const FRONT: &str = "server {
    listen 127.0.0.1:PORT http2;
    client_max_body_size 100m;
    location / {
        proxy_pass HTTPBIN;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_buffering off;
        proxy_request_buffering off;
    }
}";

/// The same, and over HTTP/2 by an nginx in front.
fn with_httpbin_and_http2(
    test: impl AsyncFn(HttpSession) + Send + Sync + 'static,
) -> Vec<Recorded> {
    let Some(httpbin) = Httpbin::shared() else { return vec![] };
    let front = FRONT.replace("HTTPBIN", &httpbin.url(""));
    // The tests of a process run at the same time.
    static N_STARTED: AtomicUsize = AtomicUsize::new(0);
    let name = format!("front{}", N_STARTED.fetch_add(1, Ordering::Relaxed));
    let Some(nginx) = Nginx::start(&name, &front) else { return vec![] };
    let urls = (&*httpbin.url(""), &*nginx.url(""));
    on_all_paths(urls, &SessionOptions::default(), test)
}
