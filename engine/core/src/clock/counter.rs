//! The processor's time stamp counter, for the time since the machine's clock was read last.
//!
//! A request asks for the time when it begins. Reading the machine's clock takes several times as long
//! as reading the counter, and the answer is the same: the kernel's clock is that counter, scaled.
//! The counter is asked only where the kernel has found it good enough for itself, and believed only for
//! so short a time that being wrong about its rate hardly matters.

use super::{NS_PER_S, monotonic_ns};
use crate::ring;
use std::{cell::Cell, fs};

/// For how long after a reading of the clock the counter is believed.
const TRUST_NS: u64 = 100_000;

/// How long the counter is watched beside the clock to learn its rate, over and over.
const WATCH_NS: u64 = NS_PER_S / 50;

/// Ticks between which a reading of the clock is one moment; whoever was interrupted takes longer.
const MOMENT_TICKS: u64 = 10_000;

/// Binary digits after the point of a rate.
const RATE_BITS: u32 = 32;

/// Rates that a counter may have, in nanoseconds per tick: from 20 GHz to 50 MHz.
const RATES: std::ops::Range<u64> = (1 << RATE_BITS) / 20..20 << RATE_BITS;

/// The machine's clock and the counter, read together.
#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    ns: u64,
    ticks: u64,
}

/// The machine's monotonic clock, by way of the counter where that is possible.
#[derive(Debug, Default)]
pub(super) struct Counter {
    last: Cell<Reading>,
    /// Nanoseconds per tick, with [`RATE_BITS`] digits after the point.
    rate: Cell<u64>,
    /// For how many ticks after `last` the counter is believed; none until its rate is known.
    n_trusted: Cell<u64>,
    /// Where the watch for its rate began.
    watched_from: Cell<Reading>,
    /// What was told last: time does not run backwards.
    told_ns: Cell<u64>,
    is_steady: bool,
}

impl Counter {
    /// One that asks the clock until it knows the counter's rate.
    pub(super) fn new() -> Counter {
        Counter::with(is_steady())
    }

    fn with(is_steady: bool) -> Counter {
        Counter { is_steady, ..Counter::default() }
    }

    /// Nanoseconds of the machine's monotonic clock.
    #[inline]
    pub(super) fn now_ns(&self) -> u64 {
        if !self.is_steady {
            return monotonic_ns();
        }
        let Reading { ns, ticks } = self.last.get();
        let n_ticks = ring::ticks().wrapping_sub(ticks);
        let now_ns = match n_ticks < self.n_trusted.get() {
            true => ns + ((n_ticks * self.rate.get()) >> RATE_BITS),
            false => self.read(),
        };
        let now_ns = now_ns.max(self.told_ns.get());
        self.told_ns.set(now_ns);
        now_ns
    }

    /// Reads the clock.
    fn read(&self) -> u64 {
        let before = ring::ticks();
        let reading = Reading { ns: monotonic_ns(), ticks: ring::ticks() };
        self.take(before, reading);
        reading.ns
    }

    /// Takes a reading of the clock that began at so many ticks.
    fn take(&self, before: u64, reading: Reading) {
        if reading.ticks.wrapping_sub(before) > MOMENT_TICKS {
            // Who knows when in between it was.
            return self.n_trusted.set(0);
        }
        self.last.set(reading);
        let from = self.watched_from.get();
        if from.ticks == 0 {
            return self.watched_from.set(reading);
        }
        if reading.ns - from.ns >= WATCH_NS {
            self.watched_from.set(reading);
            self.rate.set(rate(from, reading).unwrap_or(0));
        }
        let trusted = (TRUST_NS << RATE_BITS).checked_div(self.rate.get());
        self.n_trusted.set(trusted.unwrap_or(0));
    }
}

/// Nanoseconds per tick between two readings, if the counter can be believed.
fn rate(from: Reading, to: Reading) -> Option<u64> {
    let n_ticks = to.ticks.checked_sub(from.ticks)?;
    let rate = (u128::from(to.ns - from.ns) << RATE_BITS).checked_div(n_ticks.into())?;
    u64::try_from(rate).ok().filter(|rate| RATES.contains(rate))
}

/// Whether the kernel's own clock is this counter: then it runs at one rate, on all cores alike.
fn is_steady() -> bool {
    const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    cfg!(target_arch = "x86_64") && fs::read(SOURCE).is_ok_and(|name| name.trim_ascii() == b"tsc")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A counter that has watched one of so many ticks per microsecond from `from` on.
    fn watched(from: Reading, ticks_per_us: u64) -> (Counter, Reading) {
        let counter = Counter::with(true);
        counter.take(from.ticks, from);
        let to =
            Reading { ns: from.ns + WATCH_NS, ticks: from.ticks + WATCH_NS / 1_000 * ticks_per_us };
        counter.take(to.ticks, to);
        (counter, to)
    }

    proptest! {
        #[test]
        fn the_rate_is_learned_and_trusted_for_a_while(
            ns in 0..u64::MAX / 4,
            ticks in 1..u64::MAX / 4,
            ticks_per_us in 51..19_999u64,
        ) {
            let (counter, _) = watched(Reading { ns, ticks }, ticks_per_us);
            let expected = (1_000_u64 << RATE_BITS) / ticks_per_us;
            prop_assert!(counter.rate.get().abs_diff(expected) <= 1);
            let trusted_ns = counter.n_trusted.get() * 1_000 / ticks_per_us;
            prop_assert!(trusted_ns.abs_diff(TRUST_NS) <= 1_000, "{trusted_ns}");
            // What is told within that time cannot overflow.
            prop_assert!(counter.n_trusted.get().checked_mul(counter.rate.get()).is_some());
        }
    }

    #[test]
    fn a_counter_that_stands_still_runs_backwards_or_races_is_not_believed() {
        let from = Reading { ns: 1, ticks: 1_000_000 };
        for ticks in [1_000_000, 999_999, 1_000_001, u64::MAX / 2] {
            let counter = Counter::with(true);
            counter.take(from.ticks, from);
            counter.take(ticks, Reading { ns: 1 + WATCH_NS, ticks });
            assert_eq!(counter.n_trusted.get(), 0, "{ticks}");
        }
    }

    #[test]
    fn a_reading_that_was_interrupted_is_believed_by_nobody() {
        let (counter, to) = watched(Reading { ns: 1, ticks: 1 }, 3_000);
        assert!(counter.n_trusted.get() > 0);
        let late = Reading { ns: to.ns + 10, ticks: to.ticks + MOMENT_TICKS + 31 };
        counter.take(to.ticks + 30, late);
        assert_eq!((counter.n_trusted.get(), counter.last.get().ns), (0, to.ns));
    }

    #[test]
    fn it_tells_what_the_clock_tells() {
        let counter = Counter::new();
        let mut before_ns = 0;
        let end_ns = monotonic_ns() + 3 * WATCH_NS;
        loop {
            let earlier_ns = monotonic_ns();
            let now_ns = counter.now_ns();
            let later_ns = monotonic_ns();
            assert!(now_ns >= before_ns, "it ran backwards");
            // The rate is wrong by little, and that for a tenth of a millisecond.
            assert!(now_ns + 10_000 >= earlier_ns, "{now_ns} {earlier_ns}");
            assert!(now_ns <= later_ns + 10_000, "{now_ns} {later_ns}");
            before_ns = now_ns;
            if now_ns > end_ns {
                break;
            }
        }
        assert_eq!(counter.is_steady, counter.n_trusted.get() > 0);
    }
}
