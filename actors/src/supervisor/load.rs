//! How busy a shard was: whether the generator or the target set the pace.

use hatchery_core::message::Pulse;
use std::time::{Duration, Instant};

/// How a shard fared during a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardLoad {
    /// The shard.
    pub shard: usize,
    /// Processor time its thread used.
    pub cpu: Duration,
    /// The time in which it did.
    pub wall: Duration,
    /// The longest time that a runnable task had to wait for the shard's loop.
    pub stall_max: Duration,
    /// How often it died and was started again.
    pub n_restarts: u32,
}

impl ShardLoad {
    /// The share of its core that the shard used, 0 to 1; 0 if it was not seen long enough.
    pub fn busy(&self) -> f64 {
        match self.wall.as_secs_f64() {
            0.0 => 0.0,
            wall_s => self.cpu.as_secs_f64() / wall_s,
        }
    }
}

/// Adds up a shard's pulses. Only the time between two pulses of the same thread counts, so that a
/// restart neither loses nor invents processor time.
#[derive(Debug, Default)]
pub(super) struct LoadMeter {
    last: Option<(Instant, Duration)>,
    cpu: Duration,
    wall: Duration,
    stall_max: Duration,
}

impl LoadMeter {
    pub(super) fn add(&mut self, at: Instant, pulse: &Pulse) {
        if let Some((last_at, last_cpu)) = self.last
            && let Some(cpu) = pulse.cpu.checked_sub(last_cpu)
        {
            self.cpu += cpu;
            self.wall += at.saturating_duration_since(last_at);
        }
        self.last = Some((at, pulse.cpu));
        self.stall_max = self.stall_max.max(pulse.stall_max);
    }

    /// Begins anew, at a test's start. The last pulse is where the new time begins.
    pub(super) fn reset(&mut self) {
        *self = LoadMeter { last: self.last, ..LoadMeter::default() };
    }

    pub(super) fn load(&self, shard: usize, n_restarts: u32) -> ShardLoad {
        let LoadMeter { cpu, wall, stall_max, .. } = *self;
        ShardLoad { shard, cpu, wall, stall_max, n_restarts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(cpu_ms: u64, stall_ms: u64) -> Pulse {
        Pulse {
            cpu: Duration::from_millis(cpu_ms),
            stall_max: Duration::from_millis(stall_ms),
            ..Pulse::default()
        }
    }

    #[test]
    fn processor_time_counts_from_the_start_of_the_test_and_across_a_restart() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut meter = LoadMeter::default();
        meter.add(at(0), &pulse(500, 90));
        meter.reset();
        meter.add(at(1), &pulse(1_400, 3));
        // The thread was started again: its count begins at zero.
        meter.add(at(2), &pulse(100, 7));
        meter.add(at(3), &pulse(1_000, 5));
        let load = meter.load(4, 1);
        assert_eq!((load.shard, load.n_restarts), (4, 1));
        assert_eq!((load.cpu, load.wall), (Duration::from_millis(1_800), Duration::from_secs(2)));
        assert_eq!(load.stall_max, Duration::from_millis(7));
        assert_eq!(load.busy(), 0.9);
    }
}
