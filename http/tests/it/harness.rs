//! A shard to run a test's requests on, and what was recorded there.

use crossbeam_channel::{Receiver, unbounded};
use hatchery_core::{
    message::{Command, Report},
    shard::{Common, Shard, ShardHandle},
    stats::{Delta, EntryId, EntryKey, Snapshot},
};
use hatchery_http::{HttpDefaults, HttpSession, HttpVersion, SessionOptions};
use std::{
    any::Any,
    collections::HashMap,
    future::Future,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

#[path = "http2_server.rs"]
mod http2_server;
#[path = "scripted.rs"]
mod scripted;

pub(crate) use scripted::{Seen, Server, answer, read_head, read_request};

/// No test takes longer; one that does hangs.
const TEST_LIMIT: Duration = Duration::from_secs(20);

/// Everything is tested on each path: this file is built as `it`, as `it_hyper` for hyper's
/// HTTP/1.1, and what makes sense there as `it_http2`.
pub(crate) const LEAN: bool = !matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"it_hyper");

/// Whether servers and sessions speak HTTP/2, by prior knowledge.
pub(crate) const HTTP2: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"it_http2");

/// Where nobody listens. A port that was given out and returned would be the next test's.
pub(crate) const NOBODY: &str = "http://127.0.0.1:9";

/// The options of a session on the path under test.
pub(crate) fn options() -> SessionOptions {
    let http_version = match HTTP2 {
        true => HttpVersion::Http2PriorKnowledge,
        false => HttpVersion::Http1,
    };
    SessionOptions { lean: LEAN, http_version, ..SessionOptions::default() }
}

/// What the statistics say after a test.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    /// (method, name, requests, failures, bytes), in order of appearance.
    pub(crate) entries: Vec<(String, String, u64, u64, u64)>,
    /// (text, how often), sorted.
    pub(crate) errors: Vec<(String, u64)>,
    pub(crate) n_abandoned: u64,
    /// All of it.
    pub(crate) snapshot: Snapshot,
}

impl Recorded {
    /// The only entry as `METHOD name requests/failures`, and the errors.
    #[track_caller]
    pub(crate) fn check(&self, entries: &[&str], errors: &[&str]) {
        let found: Vec<_> = self
            .entries
            .iter()
            .map(|(method, name, n, failed, _)| format!("{method} {name} {n}/{failed}"))
            .collect();
        assert_eq!(found, entries, "{self:?}");
        let found: Vec<_> = self.errors.iter().map(|(text, _)| &**text).collect();
        assert_eq!(found, errors, "{self:?}");
    }
}

/// Runs a test on a shard of its own and collects what was recorded.
#[track_caller]
pub(crate) fn on_shard<F>(test: impl Fn(Rc<Shard>) -> F + Send + Sync + 'static) -> Recorded
where
    F: Future<Output = ()> + 'static,
{
    on_shard_with(vec![], test)
}

#[track_caller]
pub(crate) fn on_shard_with<F>(
    extensions: Vec<Arc<dyn Any + Send + Sync>>,
    test: impl Fn(Rc<Shard>) -> F + Send + Sync + 'static,
) -> Recorded
where
    F: Future<Output = ()> + 'static,
{
    on_shard_of(Common { extensions, ..Common::default() }, test)
}

/// The same on a shard with settings of the test's own.
#[track_caller]
pub(crate) fn on_shard_of<F>(
    common: Common,
    test: impl Fn(Rc<Shard>) -> F + Send + Sync + 'static,
) -> Recorded
where
    F: Future<Output = ()> + 'static,
{
    let (done, is_done) = unbounded();
    let service = move |shard: &Rc<Shard>| {
        let future = test(Rc::clone(shard));
        let done = done.clone();
        shard.spawn(async move {
            future.await;
            done.send(()).expect("the test waits");
        });
    };
    let mut extensions = common.extensions;
    extensions.push(Arc::new(HttpDefaults { session: options() }));
    let common = Common { services: vec![Arc::new(service)], unpinned: true, extensions, ..common };
    let (shard, reports) = ShardHandle::start_alone(common).expect("a shard");
    let deadline = Instant::now() + TEST_LIMIT;
    let mut book = Book::default();
    while is_done.try_recv().is_err() {
        assert!(Instant::now() < deadline, "the test hangs");
        book.read(&reports, Duration::from_millis(5));
    }
    shard.send(Command::Flush { token: 1 });
    while !book.flushed {
        assert!(Instant::now() < deadline, "the shard hangs");
        book.read(&reports, Duration::from_millis(5));
    }
    shard.send(Command::Quit);
    shard.join();
    book.close()
}

/// The same with a session of this URL.
#[track_caller]
pub(crate) fn with_client<F>(
    url: &str,
    test: impl Fn(Rc<Shard>, HttpSession) -> F + Send + Sync + 'static,
) -> Recorded
where
    F: Future<Output = ()> + 'static,
{
    let url = url.to_owned();
    on_shard(move |shard| {
        let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
        test(shard, client)
    })
}

/// The same with options of the test's own.
#[track_caller]
pub(crate) fn with_session<F>(
    url: &str,
    options: SessionOptions,
    test: impl Fn(Rc<Shard>, HttpSession) -> F + Send + Sync + 'static,
) -> Recorded
where
    F: Future<Output = ()> + 'static,
{
    let url = url.to_owned();
    on_shard(move |shard| {
        let client = HttpSession::with_options(&shard, &url, options.clone()).expect("a URL");
        test(shard, client)
    })
}

#[derive(Default)]
struct Book {
    keys: HashMap<EntryId, EntryKey>,
    deltas: Vec<Delta>,
    flushed: bool,
}

impl Book {
    #[track_caller]
    fn read(&mut self, reports: &Receiver<Report>, wait: Duration) {
        match reports.recv_timeout(wait) {
            Ok(Report::Stats(delta)) => {
                self.keys.extend(delta.new_entries.iter().cloned());
                self.deltas.push(*delta);
            }
            Ok(Report::Flushed { .. }) => self.flushed = true,
            Ok(Report::Gone { panic, .. }) => panic!("the shard ended: {panic:?}"),
            Ok(Report::Failed { error, .. }) => panic!("failed to {error}"),
            _ => {}
        }
    }

    fn close(mut self) -> Recorded {
        let mut recorded = Recorded::default();
        let mut errors = HashMap::<String, u64>::new();
        for delta in &self.deltas {
            recorded.n_abandoned += delta.n_abandoned;
            for error in &delta.errors {
                *errors.entry(error.failure.to_string()).or_default() += error.stats.n;
            }
            for entry in &delta.entries {
                let key = &self.keys[&entry.id];
                let (method, name) = (key.method.to_string(), key.name.to_string());
                let interval = &entry.interval;
                let known = recorded
                    .entries
                    .iter()
                    .position(|entry| (&entry.0, &entry.1) == (&method, &name));
                let at = known.unwrap_or_else(|| {
                    recorded.entries.push((method, name, 0, 0, 0));
                    recorded.entries.len() - 1
                });
                let total = &mut recorded.entries[at];
                total.2 += interval.n_requests;
                total.3 += interval.n_failures;
                total.4 += interval.bytes_sum;
            }
        }
        self.deltas.iter_mut().for_each(|delta| recorded.snapshot.absorb(delta));
        recorded.errors = errors.into_iter().collect();
        recorded.errors.sort();
        recorded
    }
}
