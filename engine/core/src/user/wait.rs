//! How long a user waits between tasks.

use fastrand::Rng;

/// The time between two tasks of a user, in seconds. Locust's `wait_time`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wait(pub(crate) Kind);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Constant(f64),
    Between(f64, f64),
    Pacing(f64),
    Poisson(f64),
    Custom,
}

/// Always so many seconds. Locust's `constant`.
pub const fn constant(wait_s: f64) -> Wait {
    assert!(wait_s >= 0.0 && wait_s.is_finite(), "constant takes seconds, zero or more");
    Wait(Kind::Constant(wait_s))
}

/// A time drawn evenly from between two limits, in seconds. Locust's `between`.
pub const fn between(min_wait_s: f64, max_wait_s: f64) -> Wait {
    assert!(min_wait_s >= 0.0 && max_wait_s.is_finite(), "between takes seconds, zero or more");
    assert!(min_wait_s <= max_wait_s, "between takes the shorter time first");
    Wait(Kind::Between(min_wait_s, max_wait_s))
}

/// Whatever is left of so many seconds since the previous task began, so that tasks begin that far
/// apart; none if the task took longer, and an overrun is not made up for. Locust's
/// `constant_pacing`.
pub const fn constant_pacing(period_s: f64) -> Wait {
    assert!(period_s >= 0.0 && period_s.is_finite(), "constant_pacing takes seconds, zero or more");
    Wait(Kind::Pacing(period_s))
}

/// So many tasks a second per user, by pacing. Locust's `constant_throughput`.
pub const fn constant_throughput(tasks_per_s: f64) -> Wait {
    assert!(tasks_per_s > 0.0, "constant_throughput takes tasks per second, more than zero");
    Wait(Kind::Pacing(1.0 / tasks_per_s))
}

/// An exponentially distributed time with a mean of `1 / rate_per_s` seconds. Locust's `poisson`.
pub const fn poisson(rate_per_s: f64) -> Wait {
    assert!(rate_per_s > 0.0, "poisson takes a rate per second, more than zero");
    Wait(Kind::Poisson(rate_per_s))
}

/// Says that the user or set has a `wait_time` method of its own, which is called for each wait.
pub const fn custom_wait() -> Wait {
    Wait(Kind::Custom)
}

/// When the tasks of a paced user are due. Belongs to whoever declared the wait: a user's nested
/// sets share it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pacing {
    /// When the current task was due to begin, in shard nanoseconds.
    due_ns: u64,
}

impl Pacing {
    /// Tasks are counted from `now_ns` on: the first begins at once.
    pub(crate) fn starting_at(now_ns: u64) -> Pacing {
        Pacing { due_ns: now_ns }
    }

    /// When the next task begins: one period after the current one was due, or now if that has
    /// passed. Reckoned from when it was due and not from when it began, so lateness does not add
    /// up.
    pub(crate) fn next_due_ns(&mut self, now_ns: u64, period_ns: u64) -> u64 {
        self.due_ns = now_ns.max(self.due_ns.saturating_add(period_ns));
        self.due_ns
    }
}

/// When a wait that begins now ends; `None` for no wait.
pub(crate) fn wait_end_ns(
    kind: Kind,
    now_ns: u64,
    pacing: &mut Pacing,
    rng: &mut Rng,
) -> Option<u64> {
    let wait_s = match kind {
        Kind::Constant(wait_s) => wait_s,
        Kind::Between(min_wait_s, max_wait_s) => min_wait_s + rng.f64() * (max_wait_s - min_wait_s),
        // 1 − x, because x may be 0 and the logarithm of 0 has no end.
        Kind::Poisson(rate_per_s) => -(1.0 - rng.f64()).ln() / rate_per_s,
        Kind::Pacing(period_s) => {
            let end_ns = pacing.next_due_ns(now_ns, seconds_ns(period_s));
            return (end_ns > now_ns).then_some(end_ns);
        }
        Kind::Custom => 0.0,
    };
    end_ns(now_ns, wait_s)
}

/// The end of a wait of so many seconds; `None` for none. Negative and not-a-number are none.
pub(crate) fn end_ns(now_ns: u64, wait_s: f64) -> Option<u64> {
    (wait_s > 0.0).then(|| now_ns.saturating_add(seconds_ns(wait_s)))
}

/// Seconds in nanoseconds; `as` saturates, so a wait "for ever" is one of centuries.
fn seconds_ns(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

#[cfg(test)]
mod tests {
    use super::{
        Pacing, Rng, Wait, between, constant, constant_pacing, end_ns, poisson, seconds_ns,
        wait_end_ns,
    };
    use proptest::prelude::*;

    const S: u64 = 1_000_000_000;

    fn end(wait: Wait, now_ns: u64, pacing: &mut Pacing) -> Option<u64> {
        wait_end_ns(wait.0, now_ns, pacing, &mut Rng::with_seed(1))
    }

    #[test]
    fn pacing_does_not_drift_when_each_wake_is_late() {
        let mut pacing = Pacing::starting_at(0);
        let mut now_ns = 0;
        for i in 1..=1000 {
            now_ns += S / 3;
            let due_ns = end(constant_pacing(1.0), now_ns, &mut pacing).expect("time is left");
            assert_eq!(due_ns, i * S);
            now_ns = due_ns + 70_000;
        }
    }

    #[test]
    fn an_overrun_is_not_made_up_for() {
        let mut pacing = Pacing::starting_at(0);
        assert_eq!(end(constant_pacing(1.0), 3 * S, &mut pacing), None);
        assert_eq!(end(constant_pacing(1.0), 3 * S + 1, &mut pacing), Some(4 * S));
    }

    #[test]
    fn no_wait_is_told_apart_from_a_short_one() {
        let mut pacing = Pacing::default();
        assert_eq!(end(constant(0.0), 5, &mut pacing), None);
        assert_eq!(end(constant(1e-9), 5, &mut pacing), Some(6));
        assert_eq!(end_ns(5, f64::NAN), None);
        assert_eq!(end_ns(5, f64::INFINITY), Some(u64::MAX));
    }

    #[test]
    fn poisson_waits_have_the_mean_asked_for() {
        let mut rng = Rng::with_seed(7);
        let mut pacing = Pacing::default();
        let n = 100_000;
        let sum: u64 =
            (0..n).filter_map(|_| wait_end_ns(poisson(4.0).0, 0, &mut pacing, &mut rng)).sum();
        let mean_s = sum as f64 / n as f64 / 1e9;
        assert!((mean_s - 0.25).abs() < 0.005, "{mean_s}");
    }

    proptest! {
        #[test]
        fn between_stays_between(seed: u64, low in 0.0..10.0, span in 0.0..10.0) {
            let wait = between(low, low + span);
            let mut rng = Rng::with_seed(seed);
            let end = wait_end_ns(wait.0, 0, &mut Pacing::default(), &mut rng).unwrap_or(0);
            prop_assert!(end >= seconds_ns(low) && end <= seconds_ns(low + span));
        }
    }
}
