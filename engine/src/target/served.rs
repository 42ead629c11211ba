//! How many requests were served, by route.
//!
//! A core of the generator shares nothing. The target is not the generator: its counts are read
//! from outside while it runs, and must be exact. So each shard has counters on cache lines of its
//! own that only it writes, with plain stores; whoever asks adds them up. Nothing is locked, no
//! line is contended, and a request pays for one addition.

use super::route::Pattern;
use std::sync::atomic::{AtomicU64, Ordering};

const N_PATTERNS: usize = Pattern::ALL.len();

/// One shard's counters. Two cache lines apart, because lines are prefetched in pairs.
#[repr(align(128))]
#[derive(Debug, Default)]
struct OfShard([AtomicU64; N_PATTERNS]);

/// All shards' counters.
#[derive(Debug)]
pub(super) struct Counters(Box<[OfShard]>);

impl Counters {
    pub(super) fn new(n_shards: usize) -> Counters {
        Counters((0..n_shards).map(|_| OfShard::default()).collect())
    }

    /// Counts a request. Only to be called on the shard's own thread.
    pub(super) fn count(&self, shard: usize, pattern: Pattern) {
        let counter = &self.0[shard].0[pattern as usize];
        // Nobody else writes it, so this is no read-modify-write that needs a locked instruction.
        counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    pub(super) fn sum(&self) -> Served {
        let mut served = Served::default();
        for shard in &*self.0 {
            for (sum, counter) in served.0.iter_mut().zip(&shard.0) {
                *sum += counter.load(Ordering::Relaxed);
            }
        }
        served
    }
}

/// Requests served, by route, over all shards. Those to `/served` are not in it.
///
/// A request is counted once, when its answer has been handed over for sending. Requests that are
/// not HTTP, and those whose client has gone before its answer was ready, are not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served([u64; N_PATTERNS]);

impl Served {
    /// Requests to a route.
    pub fn of(&self, pattern: Pattern) -> u64 {
        self.0[pattern as usize]
    }

    /// Requests to all routes.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The routes that were asked for.
    pub fn iter(&self) -> impl Iterator<Item = (Pattern, u64)> {
        let all = Pattern::ALL.iter().map(|&pattern| (pattern, self.of(pattern)));
        all.filter(|&(_, n)| n > 0)
    }

    /// As the page `/served` shows it: `{"/": 3, "/bytes/N": 1, "total": 4}`, every route named.
    pub(super) fn to_json(&self) -> String {
        let mut json = String::from("{");
        for &pattern in Pattern::ALL {
            json += &format!("\"{pattern}\": {}, ", self.of(pattern));
        }
        json + &format!("\"total\": {}}}\n", self.total())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_add_up() {
        let counters = Counters::new(3);
        counters.count(0, Pattern::Hello);
        counters.count(2, Pattern::Hello);
        counters.count(1, Pattern::Bytes);
        let served = counters.sum();
        assert_eq!(served.of(Pattern::Hello), 2);
        assert_eq!(served.total(), 3);
        assert_eq!(served.iter().count(), 2);
        let json: serde_json::Value = serde_json::from_str(&served.to_json()).unwrap();
        assert_eq!(json["/"], 2);
        assert_eq!(json["/bytes/N"], 1);
        assert_eq!(json["/pay"], 0);
        assert_eq!(json["total"], 3);
    }
}
