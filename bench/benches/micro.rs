//! The pieces that run for every request, user or second, each alone.
//!
//! `cargo bench -p hatchery-bench` runs them; a word after `--` picks those whose name has it.

#![expect(missing_docs, reason = "criterion makes a public function of the group")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hatchery_core::{
    dispatch::{ClassSpec, Dispatcher},
    events::EventHook,
    stats::{Delta, Recorder, Sample, Snapshot, new_histogram, record_us},
};
use std::hint::black_box;

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

criterion_group!(benches, recording, merging, hooks, dispatching);
criterion_main!(benches);
