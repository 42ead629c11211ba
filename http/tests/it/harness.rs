//! A shard to run a test's requests on, and scripted servers in threads of the test.

use crossbeam_channel::{Receiver, unbounded};
use hatchery_core::{
    message::{Command, Report},
    net::Resolver,
    shard::{Common, Outbox, Setup, Shard, ShardHandle},
    stats::{Delta, EntryId, EntryKey, Snapshot},
};
use hatchery_http::{HttpDefaults, HttpVersion, SessionOptions};
use std::{
    any::Any,
    collections::HashMap,
    future::Future,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    rc::Rc,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

#[path = "http2_server.rs"]
mod http2_server;

/// No test takes longer; one that does hangs.
const TEST_LIMIT: Duration = Duration::from_secs(20);

/// Everything is tested on each path: this file is built as `it`, as `it_hyper` for hyper's
/// HTTP/1.1, and what makes sense there as `it_http2`.
pub(crate) const LEAN: bool = !matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"it_hyper");

/// Whether servers and sessions speak HTTP/2, by prior knowledge.
pub(crate) const HTTP2: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"it_http2");

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
    let (tx, reports) = unbounded();
    let setup = Setup {
        shard: 0,
        cpu: 0,
        common: Arc::new(common),
        outbox: Outbox::new(tx, || {}),
        resolver: Resolver::start().expect("threads"),
    };
    let shard = ShardHandle::start(setup).expect("a shard");
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

/// A request as a scripted server saw it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The number of its connection, from zero.
    pub(crate) connection: usize,
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}

/// A server of one test.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Calls `serve` with each connection and its number, in a thread of its own.
    pub(crate) fn raw(serve: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Server {
        Server::accept(TcpListener::bind("127.0.0.1:0").expect("a port"), serve)
    }

    fn accept(
        listener: TcpListener,
        serve: impl Fn(usize, TcpStream) + Send + Sync + 'static,
    ) -> Server {
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for (i, stream) in listener.incoming().flatten().enumerate() {
                let serve = Arc::clone(&serve);
                // What was written is on its way, even if the test resets the connection next.
                stream.set_nodelay(true).expect("a socket");
                thread::spawn(move || serve(i, stream));
            }
        });
        Server { url, seen: Arc::default() }
    }

    /// Answers each request with the bytes that `answer` makes of it, and keeps the connection
    /// until it answers with none.
    pub(crate) fn answering(answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Server {
        Server::on(TcpListener::bind("127.0.0.1:0").expect("a port"), answer)
    }

    /// The same on a listener of the test's.
    pub(crate) fn on(
        listener: TcpListener,
        answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static,
    ) -> Server {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let log = Arc::clone(&seen);
        let server = Server::accept(listener, move |i, stream| {
            if HTTP2 {
                return http2_server::serve(i, stream, &|request| {
                    log.lock().expect("no panic").push(request.clone());
                    answer(request)
                });
            }
            let mut reader = BufReader::new(stream);
            while let Some(request) = read_request(i, &mut reader) {
                log.lock().expect("no panic").push(request.clone());
                let bytes = answer(&request);
                if bytes.is_empty() || reader.get_mut().write_all(&bytes).is_err() {
                    return;
                }
            }
        });
        Server { url: server.url, seen }
    }

    /// The requests seen so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }
}

/// Reads one request; `None` at the end of the connection.
pub(crate) fn read_request(connection: usize, reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let (line, headers) = read_head(reader)?;
    let mut seen = Seen { connection, line, headers, body: vec![] };
    let length = seen.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    seen.body = vec![0; length];
    reader.read_exact(&mut seen.body).ok()?;
    Some(seen)
}

/// Reads a request's first line and its headers, their names in lower case.
pub(crate) fn read_head(reader: &mut impl BufRead) -> Option<(String, Vec<(String, String)>)> {
    let mut next_line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&n| n > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = next_line()?;
    let mut headers = vec![];
    while let Some((name, value)) = next_line()?.split_once(':') {
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Some((first, headers))
}

/// A response with these headers, each ended by a line break, and this body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes()
}
