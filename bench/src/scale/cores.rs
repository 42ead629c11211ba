//! Shards with users of one class, and nobody else around.

use anyhow::{Context, Result, bail};
use crossbeam_channel::{Receiver, unbounded};
use hatchery_core::{
    message::{Command, Report},
    net::Resolver,
    shard::{Common, Outbox, Setup, ShardHandle},
};
use std::{sync::Arc, time::Duration};

/// How long a shard may take until it is ready.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Running shards. Dropping them ends them.
pub(crate) struct Cores {
    handles: Vec<ShardHandle>,
    reports: Receiver<Report>,
}

impl Cores {
    /// Starts a shard on each CPU, and returns when all are ready.
    pub(crate) fn start(cpus: &[usize], common: Common) -> Result<Cores> {
        let (tx, reports) = unbounded();
        let outbox = Outbox::new(tx, || {});
        let common = Arc::new(common);
        let resolver = Resolver::start().context("start the resolver")?;
        let mut handles = vec![];
        for (shard, &cpu) in cpus.iter().enumerate() {
            let (common, outbox) = (Arc::clone(&common), outbox.clone());
            let setup = Setup { shard, cpu, common, outbox, resolver: resolver.clone() };
            handles.push(ShardHandle::start(setup).context("start a shard")?);
        }
        for _ in cpus {
            match reports.recv_timeout(START_LIMIT).context("wait for a shard")? {
                Report::Ready { .. } => {}
                other => bail!("a shard did not start: {other:?}"),
            }
        }
        Ok(Cores { handles, reports })
    }

    /// Hatches users of the only class on one shard.
    pub(crate) fn hatch(&self, shard: usize, n_users: u32) {
        self.handles[shard].send(Command::Hatch { class: 0, n_users });
    }

    /// What the shards say; a delta's memory goes back to where it came from.
    pub(crate) fn next_report(&self, limit: Duration, mut each: impl FnMut(&Report)) {
        let Ok(report) = self.reports.recv_timeout(limit) else { return };
        each(&report);
        if let Report::Stats(delta) = report {
            self.handles[delta.shard].recycle(*delta);
        }
    }

    /// Processor time of the shards, as they said last.
    pub(crate) fn drain(&self) -> Duration {
        let mut cpu = Duration::ZERO;
        while !self.reports.is_empty() {
            self.next_report(Duration::ZERO, |report| {
                if let Report::Pulse(pulse) = report {
                    cpu = pulse.cpu;
                }
            });
        }
        cpu
    }
}
