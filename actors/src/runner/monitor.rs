//! Every ten seconds: what the process uses, and whether a shard has no time left.

use super::actor::Runner;
use crate::{
    hooks::{CpuWarning, UsageMonitor},
    supervisor::{ShardLoad, ToSupervisor},
};
use actix::{
    fut::{ActorFutureExt, WrapFuture},
    prelude::{AsyncContext, Context},
};
use rustix::time::{ClockId, clock_gettime};
use std::{collections::BTreeMap, fs, time::Duration};
use tokio::{sync::oneshot, time::Instant};
use tracing::warn;

/// Locust's `CPU_MONITOR_INTERVAL`.
pub(super) const MONITOR_INTERVAL: Duration = Duration::from_secs(10);

/// Percent of its core from which on a shard is warned of: Locust's threshold.
const WARN_PERCENT: f64 = 90.0;

/// What was used when it was last looked at.
#[derive(Debug)]
pub(super) struct Usage {
    at: Instant,
    cpu: Duration,
    loads: BTreeMap<usize, ShardLoad>,
    warned: bool,
}

impl Usage {
    pub(super) fn now() -> Usage {
        Usage { at: Instant::now(), cpu: process_cpu(), loads: BTreeMap::new(), warned: false }
    }

    /// Percent of one core since the last look.
    fn percent(&mut self) -> f64 {
        let (now, cpu) = (Instant::now(), process_cpu());
        let wall_s = (now - self.at).as_secs_f64();
        let used_s = cpu.saturating_sub(self.cpu).as_secs_f64();
        (self.at, self.cpu) = (now, cpu);
        if wall_s > 0.0 { used_s / wall_s * 100.0 } else { 0.0 }
    }

    /// Percent of its core that a shard used since the last look. A test that has begun since
    /// begins with nothing used.
    fn shard_percent(&mut self, load: ShardLoad) -> f64 {
        let shard = load.shard;
        let before = self.loads.insert(shard, load.clone()).unwrap_or_default();
        let since = match load.wall.checked_sub(before.wall) {
            Some(wall) => ShardLoad { cpu: load.cpu.saturating_sub(before.cpu), wall, ..load },
            None => load,
        };
        since.busy() * 100.0
    }
}

impl Runner {
    pub(super) fn monitor(&mut self, cx: &mut Context<Runner>) {
        let cpu_usage = self.usage.percent();
        self.hooks
            .usage_monitor
            .fire_with(|| UsageMonitor { cpu_usage, memory_usage: resident_bytes() });
        // A shard that polls is always busy, which says nothing.
        if self.spin {
            return;
        }
        let loads = self.supervisors.iter().map(|supervisor| {
            let (reply, load) = oneshot::channel();
            supervisor.do_send(ToSupervisor::Load { reply });
            load
        });
        let loads: Vec<_> = loads.collect();
        let loads = async move {
            let mut known = vec![];
            for load in loads {
                known.extend(load.await);
            }
            known
        };
        cx.spawn(loads.into_actor(self).map(|loads, this, _| this.warn_of_busy(loads)));
    }

    fn warn_of_busy(&mut self, loads: Vec<ShardLoad>) {
        for load in loads {
            let shard = load.shard;
            let cpu_usage = self.usage.shard_percent(load);
            if cpu_usage < WARN_PERCENT {
                continue;
            }
            if !std::mem::replace(&mut self.usage.warned, true) {
                warn!(
                    "shard {shard} uses {cpu_usage:.0} % of its core: the generator may limit the \
                     load, give it more CPUs by --cores"
                );
            }
            self.hooks.cpu_warning.fire(&CpuWarning { shard, cpu_usage });
        }
    }
}

fn process_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// `VmRSS` of `/proc/self/status`, which is in KiB; 0 where there is none.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(cpu_s: u64, wall_s: u64) -> ShardLoad {
        let (cpu, wall) = (Duration::from_secs(cpu_s), Duration::from_secs(wall_s));
        ShardLoad { cpu, wall, ..ShardLoad::default() }
    }

    #[test]
    fn a_shard_is_judged_by_the_time_since_the_last_look() {
        let mut usage = Usage::now();
        assert_eq!(usage.shard_percent(load(1, 10)), 10.0);
        assert_eq!(usage.shard_percent(load(11, 20)), 100.0);
        // A new test: the counts begin anew.
        assert_eq!(usage.shard_percent(load(1, 5)), 20.0);
    }

    #[test]
    fn the_process_is_seen_to_use_something() {
        assert!(resident_bytes() > 100_000);
        assert!(process_cpu() > Duration::ZERO);
    }
}
