//! What a user weighs: resident memory of this process before and after, divided.

use crate::{cores::Cores, hatch};
use anyhow::{Context, Result, bail};
use crossbeam_channel::{Sender, bounded};
use hatchery_core::{
    shard::Common,
    user::{Class, Cx, Root, Spawn, Table, TaskResult, Tasks, User, Wait, constant},
};
use hatchery_http::{HttpDefaults, HttpSession, SessionOptions};
use procfs::process::Process;
use std::{cell::Cell, net::IpAddr, rc::Rc, sync::Arc, thread, time::Duration};

/// How long users may take to start.
const LIMIT: Duration = Duration::from_secs(120);

/// A user with a session and two tasks, one of which it has run once.
struct Visitor {
    client: HttpSession,
    tally: Rc<Tally>,
}

#[derive(Default)]
struct Tally {
    n_started: Cell<u32>,
    n_failed: Cell<u32>,
}

/// What users do at their start, and whom to tell when all have.
struct Plan {
    connects: bool,
    n_users: u32,
    started: Sender<u32>,
}

impl User for Visitor {
    const WAIT: Wait = constant(3600.0);

    fn new(spawn: &Spawn<'_>) -> Self {
        Visitor {
            client: HttpSession::new(spawn),
            tally: spawn.shard().local(|_| Tally::default()),
        }
    }
}

impl Tasks for Visitor {
    type Parent = Root;

    fn table() -> Table<Self> {
        Table::new().task(3, Visitor::visit).task(1, Visitor::visit)
    }
}

impl Visitor {
    async fn visit(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let Some(plan) = cx.shard().common().options.downcast_ref::<Plan>() else { return Ok(()) };
        let tally = &self.tally;
        if plan.connects && !self.client.get("/").await.ok() {
            tally.n_failed.set(tally.n_failed.get() + 1);
        }
        tally.n_started.set(tally.n_started.get() + 1);
        if tally.n_started.get() == plan.n_users {
            let _ = plan.started.send(tally.n_failed.get());
        }
        Ok(())
    }
}

/// Users that wait and have nothing else.
pub(crate) fn bare(cpu: usize, n_users: u32) -> Result<()> {
    let before = resident()?;
    let _cores = hatch::noop_users(cpu, n_users)?;
    print("user that waits, without a session", before, n_users)
}

/// Users that wait and have a session, but no connection.
pub(crate) fn with_session(cpu: usize, n_users: u32) -> Result<()> {
    let before = resident()?;
    let _cores = visitors(cpu, n_users, None)?;
    print("user that waits, with a session and no connection", before, n_users)
}

/// Where users connect to, and from.
pub(crate) struct Connecting {
    pub(crate) base: String,
    pub(crate) sources: Vec<IpAddr>,
}

/// Users with sessions, started; without somewhere to connect to they never do.
pub(crate) fn visitors(cpu: usize, n_users: u32, connecting: Option<&Connecting>) -> Result<Cores> {
    let (started, all_started) = bounded(1);
    let base = connecting.map_or("http://127.0.0.1:9", |connecting| &connecting.base);
    let sources = connecting.map_or(vec![], |connecting| connecting.sources.clone());
    let session = SessionOptions { sources, ..SessionOptions::default() };
    let connects = connecting.is_some();
    let common = Common {
        classes: vec![Class::of::<Visitor>()],
        host: Some(base.to_owned()),
        options: Arc::new(Plan { connects, n_users, started }),
        extensions: vec![Arc::new(HttpDefaults { session })],
        ..Common::default()
    };
    let cores = Cores::start(&[cpu], common)?;
    // Connections in lots that a listen queue holds.
    let lot = if connects { 500 } else { n_users };
    let mut left = n_users;
    while left > 0 {
        let n = left.min(lot);
        cores.hatch(0, n);
        left -= n;
        if left > 0 {
            thread::sleep(Duration::from_millis(100));
        }
    }
    let n_failed = all_started.recv_timeout(LIMIT).context("wait for the users")?;
    if n_failed > 0 {
        bail!("{n_failed} of {n_users} connections failed");
    }
    Ok(cores)
}

fn print(what: &str, before: u64, n_users: u32) -> Result<()> {
    let bytes = resident()?.saturating_sub(before) / u64::from(n_users);
    println!("memory: {bytes} bytes per {what} ({n_users} users)");
    Ok(())
}

pub(crate) fn resident() -> Result<u64> {
    Ok(Process::myself()?.statm()?.resident * procfs::page_size())
}
