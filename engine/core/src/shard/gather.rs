//! For how many completions a busy shard waits before it looks at them.
//!
//! A shard that looks after each completion makes one call into the kernel and one round of its
//! executor for each. While answers come quickly it had better take several at a time. What that
//! may cost is bounded twice: an answer is looked at later by about an eighth of what answers take
//! (Little's law: requests under way ÷ answers per time), and never by more than [`TIME_NS_MAX`].
//! Where few requests are under way, and where they take long, nothing is gathered. One answer may
//! take several completions: a head that comes before its body, a connection that was made for it.

use crate::ring::Gather;
use std::time::Duration;

/// The longest that an answer may lie unread for the sake of others.
const TIME_NS_MAX: u64 = 100_000;

/// Answers gathered at most: beyond that, a turn's cost is spread thin enough.
const ANSWERS_MAX: u64 = 16;

/// Completions that one answer is taken for at most.
const COMPLETIONS_MAX: u64 = 4;

/// Parts of one in which averages are kept.
const PARTS: u64 = 256;

/// The share of what an answer takes that gathering may take.
const LATENCY_SHARE: u64 = 8;

/// Longer gaps count as this one, so that a load that begins after a lull is noticed soon.
const GAP_NS_MAX: u64 = 1_000_000;

/// What the last turns brought.
pub(super) struct Gathering {
    /// Time per completion, averaged over some turns.
    gap_ns: u64,
    /// Completions and ended requests per turn, averaged over more, in parts.
    completions: u64,
    ended: u64,
}

impl Gathering {
    pub(super) fn new() -> Gathering {
        Gathering { gap_ns: GAP_NS_MAX, completions: PARTS, ended: PARTS }
    }

    /// Takes note of a turn: what it brought, how many requests have ended since the one before, and
    /// how long that is ago.
    #[inline]
    pub(super) fn saw(&mut self, n_completions: usize, n_ended: u64, since_ns: u64) {
        if n_completions > 0 {
            let n_completions = n_completions as u64;
            let gap_ns = (since_ns / n_completions).min(GAP_NS_MAX);
            self.gap_ns = (self.gap_ns * 7 + gap_ns) / 8;
            self.completions = (self.completions * 31 + n_completions * PARTS) / 32;
            self.ended = (self.ended * 31 + n_ended * PARTS) / 32;
        }
    }

    /// How many completions so many answers are.
    #[inline]
    fn completions_of(&self, n_answers: u64) -> u64 {
        let most = n_answers * COMPLETIONS_MAX;
        let n = (n_answers * self.completions).checked_div(self.ended);
        n.map_or(most, |n| n.clamp(n_answers, most))
    }

    /// What the next turn had better wait for, with so many requests under way and so much time.
    #[inline]
    pub(super) fn next(&self, n_in_flight: u64, left_ns: u64) -> Gather {
        let n_answers = (n_in_flight / LATENCY_SHARE).min(ANSWERS_MAX);
        if n_answers < 2 {
            return Gather::NONE;
        }
        let n = self.completions_of(n_answers);
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
    use super::{ANSWERS_MAX, COMPLETIONS_MAX, Gather, Gathering, LATENCY_SHARE, TIME_NS_MAX};
    use proptest::prelude::*;
    use std::time::Duration;

    const LONG: u64 = 1_000_000_000;

    /// After so many turns, of which each brought an answer with each completion.
    fn after(n_turns: usize, n_completions: usize, since_ns: u64) -> Gathering {
        let mut gathering = Gathering::new();
        (0..n_turns).for_each(|_| gathering.saw(n_completions, n_completions as u64, since_ns));
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
    fn answers_are_counted_and_not_what_they_come_in() {
        let mut gathering = Gathering::new();
        // Each answer's head comes before its body.
        (0..200).for_each(|_| gathering.saw(8, 4, 16_000));
        let gather = gathering.next(64, LONG);
        assert!(gather.n >= 14 && gather.n <= 16, "{gather:?}");
        // Nothing has ended yet.
        (0..2_000).for_each(|_| gathering.saw(8, 0, 16_000));
        assert!(gathering.next(64, LONG).n <= 32);
    }

    #[test]
    fn one_connection_slow_servers_and_lulls_are_not_made_to_wait() {
        assert_eq!(after(60, 1, 50_000).next(1, LONG), Gather::NONE);
        assert_eq!(after(60, 1, 1_000_000).next(1_000, LONG), Gather::NONE);
        let mut gathering = after(60, 4, 20_000);
        gathering.saw(1, 1, LONG);
        assert_eq!(gathering.next(64, LONG), Gather::NONE);
    }

    proptest! {
        #[test]
        fn gathering_stays_within_its_bounds(
            turns in prop::collection::vec((0..500usize, 0..500u64, 0..10_000_000u64), 0..50),
            n_in_flight in 0..100_000u64,
            left_ns in 0..10_000_000u64,
        ) {
            let mut gathering = Gathering::new();
            turns.iter().for_each(|&(n, n_ended, since_ns)| gathering.saw(n, n_ended, since_ns));
            let gather = gathering.next(n_in_flight, left_ns);
            let n_answers = ANSWERS_MAX.min(n_in_flight / LATENCY_SHARE);
            prop_assert!(u64::from(gather.n) <= (n_answers * COMPLETIONS_MAX).max(1));
            prop_assert!(gather.time <= Duration::from_nanos(TIME_NS_MAX.min(left_ns)));
        }
    }
}
