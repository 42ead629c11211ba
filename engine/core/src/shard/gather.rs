//! For how many completions a busy shard waits before it looks at them.
//!
//! A shard that looks after each completion makes one call into the kernel and one round of its
//! executor for each. While answers come quickly it had better take several at a time. What that
//! may cost is bounded twice: an answer is looked at later by about an eighth of what answers take
//! (Little's law: requests under way ÷ answers per time), and never by more than [`TIME_NS_MAX`].
//! Where few requests are under way, and where they take long, nothing is gathered.

use crate::ring::Gather;
use std::time::Duration;

/// The longest that an answer may lie unread for the sake of others.
const TIME_NS_MAX: u64 = 100_000;

/// Completions gathered at most: beyond that, a turn's cost is spread thin enough.
const COMPLETIONS_MAX: u64 = 16;

/// The share of what an answer takes that gathering may take.
const LATENCY_SHARE: u64 = 8;

/// Longer gaps count as this one, so that a load that begins after a lull is noticed soon.
const GAP_NS_MAX: u64 = 1_000_000;

/// What the last turns brought.
pub(super) struct Gathering {
    /// Time per completion, averaged over some turns.
    gap_ns: u64,
}

impl Gathering {
    pub(super) fn new() -> Gathering {
        Gathering { gap_ns: GAP_NS_MAX }
    }

    /// Takes note of a turn: what it brought, and how long after the one before.
    #[inline]
    pub(super) fn saw(&mut self, n_completions: usize, since_ns: u64) {
        if n_completions > 0 {
            let gap_ns = (since_ns / n_completions as u64).min(GAP_NS_MAX);
            self.gap_ns = (self.gap_ns * 7 + gap_ns) / 8;
        }
    }

    /// What the next turn had better wait for, with so many requests under way and so much time.
    #[inline]
    pub(super) fn next(&self, n_in_flight: u64, left_ns: u64) -> Gather {
        let n = (n_in_flight / LATENCY_SHARE).min(COMPLETIONS_MAX);
        if n < 2 {
            return Gather::NONE;
        }
        let gap_ns = self.gap_ns.max(1);
        let time_ns = TIME_NS_MAX.min(left_ns);
        let n = n.min(time_ns / gap_ns);
        if n < 2 {
            return Gather::NONE;
        }
        Gather { n: n as u32, time: Duration::from_nanos(time_ns.min(2 * n * gap_ns)) }
    }
}

#[cfg(test)]
mod tests {
    use super::{COMPLETIONS_MAX, Gather, Gathering, TIME_NS_MAX};
    use proptest::prelude::*;
    use std::time::Duration;

    const LONG: u64 = 1_000_000_000;

    fn after(n_turns: usize, n_completions: usize, since_ns: u64) -> Gathering {
        let mut gathering = Gathering::new();
        (0..n_turns).for_each(|_| gathering.saw(n_completions, since_ns));
        gathering
    }

    #[test]
    fn many_quick_answers_are_taken_together() {
        let busy = after(60, 2, 20_000);
        let gather = busy.next(64, LONG);
        assert!(gather.n >= 7 && gather.n <= 8, "{gather:?}");
        assert!(gather.time <= Duration::from_nanos(TIME_NS_MAX));
    }

    #[test]
    fn one_connection_slow_servers_and_lulls_are_not_made_to_wait() {
        assert_eq!(after(60, 1, 50_000).next(1, LONG), Gather::NONE);
        assert_eq!(after(60, 1, 1_000_000).next(1_000, LONG), Gather::NONE);
        let mut gathering = after(60, 4, 20_000);
        gathering.saw(1, LONG);
        assert_eq!(gathering.next(64, LONG), Gather::NONE);
    }

    proptest! {
        #[test]
        fn gathering_stays_within_its_bounds(
            turns in prop::collection::vec((0..500usize, 0..10_000_000u64), 0..50),
            n_in_flight in 0..100_000u64,
            left_ns in 0..10_000_000u64,
        ) {
            let mut gathering = Gathering::new();
            turns.iter().for_each(|&(n, since_ns)| gathering.saw(n, since_ns));
            let gather = gathering.next(n_in_flight, left_ns);
            prop_assert!(u64::from(gather.n) <= COMPLETIONS_MAX.min(n_in_flight / 8).max(1));
            prop_assert!(gather.time <= Duration::from_nanos(TIME_NS_MAX.min(left_ns)));
        }
    }
}
