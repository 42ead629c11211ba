//! The pieces that run for every request, user or second, each alone.
//!
//! `cargo bench -p hatchery-bench` runs them; a word after `--` picks those whose name has it.

#![expect(missing_docs, reason = "criterion makes a public function of the group")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use crossbeam_channel::{Sender, bounded};
use hatchery_core::{
    dispatch::{ClassSpec, Dispatcher},
    events::EventHook,
    message::Command,
    ring::{Address, Listener, SocketOptions, Stream},
    shard::{Common, Service, Shard, ShardHandle},
    stats::{Delta, Recorder, Sample, Snapshot, new_histogram, record_us},
    user::{Class, Cx, Root, Spawn, Table, TaskResult, Tasks, User},
};
use std::{
    cell::Cell,
    future::{Future, poll_fn},
    hint::black_box,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

/// Shards and entries of a large run.
const SHARDS_N: usize = 128;
const ENTRIES_N: usize = 500;

fn sample(end_unix_ns: u64) -> Sample<'static> {
    let latency_ns = Some(80_000 + end_unix_ns % 1000 * 100);
    Sample { latency_ns, bytes: 5, status: 200, failure: None, end_unix_ns }
}

fn recording(c: &mut Criterion) {
    c.bench_function("histogram: record", |b| {
        let mut histogram = new_histogram();
        let mut latency_us = 0;
        b.iter(|| {
            latency_us = (latency_us + 37) % 4000;
            record_us(&mut histogram, black_box(latency_us));
        });
    });
    c.bench_function("recorder: record a sample under a static name", |b| {
        let mut recorder = Recorder::new(0);
        let mut now_ns = 0;
        b.iter(|| {
            now_ns += 1;
            let id = recorder.entry_static(black_box("GET"), black_box("/item/[id]"));
            recorder.record(id, &sample(now_ns));
        });
    });
    c.bench_function("recorder: record a sample under a name made at run time", |b| {
        let mut recorder = Recorder::new(0);
        let name = String::from("/item/[id]");
        b.iter(|| {
            let id = recorder.entry(black_box("GET"), black_box(&name));
            recorder.record(id, &sample(1));
        });
    });
}

/// What all shards hand over in a second.
fn second() -> Vec<Delta> {
    let deltas = (0..SHARDS_N).flat_map(|shard| {
        let mut recorder = Recorder::new(shard);
        for entry in 0..ENTRIES_N {
            let id = recorder.entry("GET", &format!("/{entry}"));
            for i in 0..20 {
                recorder.record(id, &sample(i));
            }
        }
        recorder.collect()
    });
    deltas.collect()
}

fn merging(c: &mut Criterion) {
    let mut group = c.benchmark_group("stats");
    group.sample_size(10);
    group.bench_function("merge a second of 128 shards with 500 entries each", |b| {
        b.iter_batched(
            || (Snapshot::new(0), second()),
            |(mut snapshot, mut deltas)| {
                deltas.iter_mut().for_each(|delta| snapshot.absorb(delta));
                (snapshot, deltas)
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn hooks(c: &mut Criterion) {
    for n_listeners in [0, 1, 3] {
        c.bench_function(&format!("event hook: fire to {n_listeners} listeners"), |b| {
            let mut hook = EventHook::new();
            for _ in 0..n_listeners {
                hook.add_listener(|payload: &u64| {
                    black_box(payload);
                });
            }
            b.iter(|| hook.fire_with(|| black_box(7)));
        });
    }
}

fn dispatching(c: &mut Criterion) {
    let class = |name: &str, weight| ClassSpec { name: name.into(), weight, fixed_count: 0 };
    let classes = [class("A", 1.0), class("B", 2.0), class("C", 3.0)];
    let mut group = c.benchmark_group("dispatcher");
    group.sample_size(10);
    group.bench_function("plan 1,000,000 users of 3 classes on 128 shards", |b| {
        b.iter(|| {
            let mut dispatcher = Dispatcher::new(&classes, SHARDS_N);
            dispatcher.retarget(1_000_000, f64::INFINITY, None);
            dispatcher.next_batch()
        });
    });
    group.finish();
}

/// What `work` says on a shard of its own.
fn on_shard<F>(work: impl Fn(Rc<Shard>) -> F + Send + Sync + 'static) -> Duration
where
    F: Future<Output = Duration> + 'static,
{
    let (tx, time): (Sender<Duration>, _) = bounded(1);
    let service: Service = Arc::new(move |shard| {
        let (tx, future) = (tx.clone(), work(Rc::clone(shard)));
        shard.spawn(async move {
            let _ = tx.send(future.await);
        });
    });
    let common = Common { services: vec![service], ..Common::default() };
    let (handle, _reports) = ShardHandle::start_alone(common).expect("a thread can be made");
    let time = time.recv().expect("the shard runs the service to its end");
    drop(handle);
    time
}

/// Its users count their tasks together, and tell when so many are over.
struct Idler {
    tally: Rc<Tally>,
}

struct Tally {
    n_left: Cell<u64>,
    is_over: Sender<Instant>,
}

/// How many tasks, and whom to tell.
struct Plan(u64, Sender<Instant>);

impl User for Idler {
    const NEEDS_HOST: bool = false;

    fn new(spawn: &Spawn<'_>) -> Self {
        let tally = spawn.shard().local(|shard| {
            let Plan(n_tasks, is_over) = shard.common().parsed_options().expect("given below");
            Tally { n_left: Cell::new(*n_tasks), is_over: is_over.clone() }
        });
        Idler { tally }
    }
}

impl Tasks for Idler {
    type Parent = Root;

    fn table() -> Table<Self> {
        Table::new().task(3, Idler::idle).task(1, Idler::idle)
    }
}

impl Idler {
    async fn idle(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        let n_left = self.tally.n_left.get().wrapping_sub(1);
        self.tally.n_left.set(n_left);
        if n_left == 0 {
            let _ = self.tally.is_over.send(Instant::now());
        }
        Ok(())
    }
}

fn tasks(c: &mut Criterion) {
    c.bench_function("user: choose a task by weight and run it", |b| {
        b.iter_custom(|n_tasks| {
            let classes = vec![Class::of::<Idler>()];
            let (tx, is_over) = bounded(1);
            let options = Arc::new(Plan(n_tasks, tx));
            let common = Common { classes, options, ..Common::default() };
            let (handle, _reports) =
                ShardHandle::start_alone(common).expect("a thread can be made");
            let begin = Instant::now();
            handle.send(Command::Hatch { class: 0, n_users: 64 });
            is_over.recv().expect("the users run").duration_since(begin)
        });
    });
}

fn timers(c: &mut Criterion) {
    for n_pending in [0, 1_000_000] {
        let name = format!("timer wheel: insert and cancel, {n_pending} pending");
        c.bench_function(&name, |b| {
            b.iter_custom(move |n| {
                on_shard(move |shard| async move {
                    let minute = Duration::from_secs(60);
                    let mut pending: Vec<_> =
                        (0..n_pending).map(|_| Box::pin(shard.sleep(minute))).collect();
                    // A task may be waited for by 32,767 others at most.
                    for sleep in &mut pending {
                        let _ = sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    }
                    poll_fn(|cx| {
                        let begin = Instant::now();
                        for _ in 0..n {
                            let mut sleep = shard.sleep(minute);
                            let _ = black_box(Pin::new(&mut sleep).poll(cx));
                        }
                        Poll::Ready(begin.elapsed())
                    })
                    .await
                })
            });
        });
    }
}

fn ring(c: &mut Criterion) {
    c.bench_function("ring: a byte there and back on a unix socket, two turns", |b| {
        b.iter_custom(|n| {
            on_shard(move |shard| async move {
                let path = std::env::temp_dir().join(format!("micro-{}", std::process::id()));
                let _ = std::fs::remove_file(&path);
                let address = Address::Unix(path.clone());
                let (ring, options) = (shard.ring(), SocketOptions::default());
                let listener = Listener::bind(ring, &address).expect("the path is free");
                let mut near = Stream::connect(ring, &address, &options).await.expect("it listens");
                let mut far = listener.accept().await.expect("somebody connected");
                let _ = std::fs::remove_file(&path);
                let begin = Instant::now();
                let mut byte = [0];
                for _ in 0..n {
                    near.write_all(b"a").await.expect("it is open");
                    far.read(&mut byte).await.expect("it is open");
                    far.write_all(&byte).await.expect("it is open");
                    near.read(&mut byte).await.expect("it is open");
                }
                begin.elapsed()
            })
        });
    });
}

criterion_group!(benches, recording, merging, hooks, dispatching, tasks, timers, ring);
criterion_main!(benches);
