//! Whether the generator, and not the target, set the pace: judged from how busy the shards were.

use crate::supervisor::ShardLoad;
use std::time::Duration;

/// From this share of its core on, a shard had no time left: a faster target would not have been
/// loaded more.
const BUSY_LIMIT: f64 = 0.95;

/// A shorter time than this says nothing about the processor: a few ticks decide.
const WALL_MIN: Duration = Duration::from_secs(1);

/// A runnable task that waited for longer than this has put its wait into some latency. Starting
/// many users at once takes a shard about 20 ms per turn; this is beyond it.
const STALL_LIMIT: Duration = Duration::from_millis(50);

/// Shards named in one line; more are counted.
const NAMED_MAX: usize = 8;

/// One line per way in which the generator was the limit; none if it was not. A shard that polls
/// (`spin`) always uses its whole core, which then means nothing.
pub fn warnings(loads: &[ShardLoad], spin: bool) -> Vec<String> {
    let busy =
        loads.iter().filter(|load| !spin && load.wall >= WALL_MIN && load.busy() >= BUSY_LIMIT);
    let busy: Vec<_> = busy.collect();
    let stalled: Vec<_> = loads.iter().filter(|load| load.stall_max > STALL_LIMIT).collect();
    let mut lines = vec![];
    if let Some(share) = busy.iter().map(|load| load.busy()).reduce(f64::max) {
        let core = if busy.len() == 1 { "its core" } else { "their cores" };
        lines.push(format!(
            "{} used {}{:.0} % of {core}: the generator was the limit",
            names(&busy),
            up_to(&busy),
            share.min(1.0) * 100.0,
        ));
    }
    if let Some(stall) = stalled.iter().map(|load| load.stall_max).max() {
        lines.push(format!(
            "{} kept a task waiting for {}{} ms: latencies of that length may be the generator's, \
             not the target's",
            names(&stalled),
            up_to(&stalled),
            stall.as_millis(),
        ));
    }
    lines
}

fn up_to(loads: &[&ShardLoad]) -> &'static str {
    if loads.len() == 1 { "" } else { "up to " }
}

fn names(loads: &[&ShardLoad]) -> String {
    let named: Vec<_> = loads.iter().take(NAMED_MAX).map(|load| load.shard.to_string()).collect();
    match loads.len() {
        1 => format!("shard {}", named[0]),
        n if n <= NAMED_MAX => format!("shards {}", named.join(", ")),
        n => format!("shards {} and {} more", named.join(", "), n - NAMED_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(shard: usize, busy: f64, stall_ms: u64) -> ShardLoad {
        ShardLoad {
            shard,
            cpu: Duration::from_secs_f64(busy * 10.0),
            wall: Duration::from_secs(10),
            stall_max: Duration::from_millis(stall_ms),
            n_restarts: 0,
        }
    }

    #[test]
    fn a_generator_with_time_to_spare_is_not_mentioned() {
        assert_eq!(warnings(&[load(0, 0.94, 50), load(1, 0.1, 0)], false), [""; 0]);
    }

    #[test]
    fn a_full_core_was_the_limit_unless_it_polls() {
        let loads = [load(0, 0.5, 0), load(1, 0.99, 0)];
        assert_eq!(
            warnings(&loads, false),
            ["shard 1 used 99 % of its core: the generator was the limit"]
        );
        assert_eq!(warnings(&loads, true), [""; 0]);
        let short = ShardLoad { wall: Duration::from_millis(900), ..load(0, 1.0, 0) };
        assert_eq!(warnings(&[short], false), [""; 0]);
    }

    #[test]
    fn a_stall_may_be_in_the_latencies() {
        assert_eq!(
            warnings(&[load(2, 0.5, 83)], false),
            ["shard 2 kept a task waiting for 83 ms: latencies of that length may be the \
              generator's, not the target's"]
        );
    }

    #[test]
    fn a_hundred_shards_make_one_line() {
        let loads: Vec<_> = (0..100).map(|shard| load(shard, 1.0, 0)).collect();
        assert_eq!(
            warnings(&loads, false),
            ["shards 0, 1, 2, 3, 4, 5, 6, 7 and 92 more used up to 100 % of their cores: the \
              generator was the limit"]
        );
    }
}
