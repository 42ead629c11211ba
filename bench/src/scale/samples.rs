//! How many samples a core records, users and tasks included.

use crate::cores::Cores;
use anyhow::{Result, bail};
use hatchery_core::{
    message::Report,
    shard::Common,
    stats::Sample,
    user::{Class, Cx, Root, Spawn, Table, TaskResult, Tasks, User},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Users per core; none of them waits.
const USERS_N: u32 = 64;

/// Records one sample per task.
struct Sampler {
    n: u64,
}

impl User for Sampler {
    const NEEDS_HOST: bool = false;

    fn new(_: &Spawn<'_>) -> Self {
        Sampler { n: 0 }
    }
}

impl Tasks for Sampler {
    type Parent = Root;

    fn table() -> Table<Self> {
        Table::new().task(1, Sampler::sample)
    }
}

impl Sampler {
    async fn sample(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        self.n += 1;
        let shard = cx.shard();
        let id = shard.entry_static("BENCH", "sample");
        let latency_ns = Some(80_000 + self.n % 1_000 * 100);
        let end_unix_ns = shard.clock().unix_ns(shard.now_ns());
        shard.record(id, &Sample { latency_ns, bytes: 5, status: 200, failure: None, end_unix_ns });
        Ok(())
    }
}

pub(crate) fn run(cpus: &[usize], seconds: u64) -> Result<()> {
    let one = per_second(&cpus[..1], seconds)?;
    println!("samples: {:.2} M/s on one core", one / 1e6);
    if cpus.len() > 1 {
        let all = per_second(cpus, seconds)?;
        let n_cpus = cpus.len();
        println!("samples: {:.2} M/s on {n_cpus} cores, {:.2} ×", all / 1e6, all / one);
    }
    Ok(())
}

/// Samples per second, the median over whole seconds.
fn per_second(cpus: &[usize], seconds: u64) -> Result<f64> {
    let classes = vec![Class::of::<Sampler>()];
    let cores = Cores::start(cpus, Common { classes, ..Common::default() })?;
    (0..cpus.len()).for_each(|shard| cores.hatch(shard, USERS_N));
    let mut by_second = BTreeMap::<u64, u64>::new();
    let end = Instant::now() + Duration::from_secs(seconds + 2);
    while Instant::now() < end {
        cores.next_report(Duration::from_millis(100), |report| {
            if let Report::Stats(delta) = report {
                let n: u64 = delta.entries.iter().map(|entry| entry.interval.n_requests).sum();
                *by_second.entry(delta.unix_s).or_default() += n;
            }
        });
    }
    // The first and the last were not whole.
    let mut whole: Vec<u64> = by_second.into_values().skip(1).collect();
    whole.pop();
    whole.sort_unstable();
    match whole.get(whole.len() / 2) {
        Some(&n) => Ok(n as f64),
        None => bail!("no whole second was measured: raise --seconds"),
    }
}
