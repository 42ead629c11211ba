//! How quickly users are hatched.

use crate::cores::Cores;
use anyhow::{Context, Result};
use crossbeam_channel::{Sender, bounded};
use hatchery_core::{
    shard::Common,
    user::{Class, Cx, Root, Spawn, Table, TaskResult, Tasks, User, Wait, constant},
};
use std::{
    cell::Cell,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long hatching may take before it is given up.
const LIMIT: Duration = Duration::from_secs(120);

/// Does nothing once, and waits.
struct Noop {
    tally: Rc<Tally>,
}

/// How many users have run their first task.
struct Tally {
    n_started: Cell<u32>,
}

/// Whom to tell when all users have started.
struct Goal {
    n_users: u32,
    reached: Sender<()>,
}

impl User for Noop {
    const WAIT: Wait = constant(3600.0);
    const NEEDS_HOST: bool = false;

    fn new(spawn: &Spawn<'_>) -> Self {
        Noop { tally: spawn.shard().local(|_| Tally { n_started: Cell::new(0) }) }
    }
}

impl Tasks for Noop {
    type Parent = Root;

    fn table() -> Table<Self> {
        Table::new().task(1, Noop::start)
    }
}

impl Noop {
    async fn start(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let n_started = self.tally.n_started.get() + 1;
        self.tally.n_started.set(n_started);
        let goal = cx.shard().common().options.downcast_ref::<Goal>();
        if let Some(goal) = goal.filter(|goal| goal.n_users == n_started) {
            let _ = goal.reached.send(());
        }
        Ok(())
    }
}

/// Hatches users on one core, and returns when each has run its first task.
pub(crate) fn noop_users(cpu: usize, n_users: u32) -> Result<(Cores, Duration)> {
    let (reached, all_started) = bounded(1);
    let options = Arc::new(Goal { n_users, reached });
    let classes = vec![Class::of::<Noop>()];
    let cores = Cores::start(&[cpu], Common { classes, options, ..Common::default() })?;
    let begin = Instant::now();
    cores.hatch(0, n_users);
    all_started.recv_timeout(LIMIT).context("wait for the users")?;
    Ok((cores, begin.elapsed()))
}

pub(crate) fn run(cpu: usize, n_users: u32) -> Result<()> {
    let (_cores, time) = noop_users(cpu, n_users)?;
    println!("hatch: {n_users} no-op users in {:.3} s on one core", time.as_secs_f64());
    Ok(())
}
