//! How well many paced users keep their times.

use crate::cores::Cores;
use anyhow::{Context, Result};
use crossbeam_channel::{Sender, bounded};
use hatchery_core::{
    clock::NS_PER_S,
    shard::Common,
    stats::{Histogram, new_histogram},
    user::{Class, Cx, Root, Spawn, Table, TaskResult, Tasks, User, Wait, constant_pacing},
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Users are hatched in so many lots over the first second, as a ramp would.
const LOTS_N: u32 = 1_000;

/// Time to settle before anything counts.
const SETTLE_NS: u64 = 3 * NS_PER_S;

/// Starts a task each second, and notes how late.
struct Paced {
    tally: Rc<Tally>,
    /// When its next task is due, in shard nanoseconds.
    due_ns: u64,
}

struct Tally {
    from_ns: u64,
    to_ns: u64,
    n_starts: Cell<u64>,
    lag_us: RefCell<Histogram>,
    is_told: Cell<bool>,
}

/// What a run is to be, and where its outcome goes.
struct Plan {
    seconds: u64,
    outcome: Sender<Outcome>,
}

struct Outcome {
    n_starts: u64,
    lag_us: Histogram,
}

impl User for Paced {
    const WAIT: Wait = constant_pacing(1.0);
    const NEEDS_HOST: bool = false;

    fn new(spawn: &Spawn<'_>) -> Self {
        let seconds = spawn.options::<Plan>().map_or(0, |plan| plan.seconds);
        let tally = spawn.shard().local(|shard| Tally {
            from_ns: shard.now_ns() + SETTLE_NS,
            to_ns: shard.now_ns() + SETTLE_NS + seconds * NS_PER_S,
            n_starts: Cell::new(0),
            lag_us: RefCell::new(new_histogram()),
            is_told: Cell::new(false),
        });
        Paced { tally, due_ns: spawn.shard().now_ns() }
    }
}

impl Tasks for Paced {
    type Parent = Root;

    fn table() -> Table<Self> {
        Table::new().task(1, Paced::start)
    }
}

impl Paced {
    async fn start(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let now_ns = cx.shard().now_ns();
        let tally = &*self.tally;
        if (tally.from_ns..tally.to_ns).contains(&now_ns) {
            tally.n_starts.set(tally.n_starts.get() + 1);
            let lag_us = now_ns.saturating_sub(self.due_ns) / 1_000;
            tally.lag_us.borrow_mut().saturating_record(lag_us);
        } else if now_ns >= tally.to_ns
            && !tally.is_told.replace(true)
            && let Some(plan) = cx.shard().common().options.downcast_ref::<Plan>()
        {
            let lag_us = tally.lag_us.borrow().clone();
            let _ = plan.outcome.send(Outcome { n_starts: tally.n_starts.get(), lag_us });
        }
        self.due_ns += NS_PER_S;
        Ok(())
    }
}

pub(crate) fn run(cpu: usize, n_users: u32, seconds: u64) -> Result<()> {
    let (tx, outcome) = bounded(1);
    let options = Arc::new(Plan { seconds, outcome: tx });
    let classes = vec![Class::of::<Paced>()];
    let cores = Cores::start(&[cpu], Common { classes, options, ..Common::default() })?;
    let begin = Instant::now();
    for lot in 0..LOTS_N {
        let until = |lot: u32| (u64::from(n_users) * u64::from(lot) / u64::from(LOTS_N)) as u32;
        cores.hatch(0, until(lot + 1) - until(lot));
        let next = begin + Duration::from_secs(1) * (lot + 1) / LOTS_N;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let before = (Instant::now(), cores.drain());
    let limit = Duration::from_secs(seconds + 30);
    let Outcome { n_starts, lag_us } = outcome.recv_timeout(limit).context("wait for the end")?;
    let cpu_share = (cores.drain() - before.1).as_secs_f64() / before.0.elapsed().as_secs_f64();
    let starts_per_s = n_starts as f64 / seconds as f64;
    let off = (starts_per_s / f64::from(n_users) - 1.0) * 100.0;
    println!(
        "timers: {n_users} users on constant_pacing(1): {starts_per_s:.1} starts/s ({off:+.3} %), \
         lag p50 {} µs, p99 {} µs, max {} µs, {:.0} % of one core",
        lag_us.value_at_quantile(0.5),
        lag_us.value_at_quantile(0.99),
        lag_us.max(),
        cpu_share * 100.0,
    );
    Ok(())
}
