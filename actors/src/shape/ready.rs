//! Ready-made shapes: those of Locust's examples, and its old step load. Pure functions of the time.

use super::{LoadTestShape, Tick};
use std::time::Duration;

/// A part of a test with its own number of users.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// How long it lasts.
    pub duration: Duration,
    /// Users, rate and classes.
    pub tick: Tick,
}

/// One stage after the other; the test ends with the last. Locust's `StagesShape`, except that a
/// stage's duration is its own and not counted from the start of the test.
#[derive(Clone, Debug, PartialEq)]
pub struct Stages {
    /// The stages, in order.
    pub stages: Vec<Stage>,
}

impl LoadTestShape for Stages {
    fn tick(&mut self, run_time: Duration, _: u32) -> Option<Tick> {
        let mut end = Duration::ZERO;
        let current = self.stages.iter().find(|stage| {
            end = end.saturating_add(stage.duration);
            run_time < end
        });
        current.map(|stage| stage.tick.clone())
    }
}

/// A few users, then suddenly many for a while, then few again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spike {
    /// Users before and after the spike.
    pub base_users: u32,
    /// Users during the spike.
    pub spike_users: u32,
    /// Users added or ended per second; infinity for a steep spike.
    pub hatch_rate: f64,
    /// When the spike begins.
    pub spike_at: Duration,
    /// How long it lasts.
    pub spike_for: Duration,
    /// When the test ends.
    pub time_limit: Duration,
}

impl LoadTestShape for Spike {
    fn tick(&mut self, run_time: Duration, _: u32) -> Option<Tick> {
        let spike = self.spike_at..self.spike_at.saturating_add(self.spike_for);
        let user_count = if spike.contains(&run_time) { self.spike_users } else { self.base_users };
        (run_time < self.time_limit).then(|| Tick::new(user_count, self.hatch_rate))
    }
}

/// Two waves over a floor of users, the first at a third and the second at two thirds of the time.
/// Locust's `DoubleWave`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DoubleWave {
    /// Users between the waves.
    pub min_users: u32,
    /// Users at the first peak.
    pub peak_one_users: u32,
    /// Users at the second peak.
    pub peak_two_users: u32,
    /// When the test ends.
    pub time_limit: Duration,
}

impl LoadTestShape for DoubleWave {
    fn tick(&mut self, run_time: Duration, _: u32) -> Option<Tick> {
        if run_time >= self.time_limit {
            return None;
        }
        // Locust's `examples/custom_shape/double_wave.py`: bells of a fifteenth of the time.
        let x = run_time.as_secs_f64() / (self.time_limit.as_secs_f64() / 15.0);
        let min_users = f64::from(self.min_users);
        let wave = |peak_users: u32, at: f64| {
            (f64::from(peak_users) - min_users) * (-(x - at).powi(2)).exp()
        };
        let users = wave(self.peak_one_users, 5.0) + wave(self.peak_two_users, 10.0) + min_users;
        let user_count = users.round().max(0.0) as u32;
        // As fast as it takes: the wave itself is the ramp.
        Some(Tick::new(user_count, f64::from(user_count.max(1))))
    }
}

/// More users with each step, until the time is over. Locust's `StepLoadShape`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    /// Users that each step adds; the first is taken at once.
    pub step_users: u32,
    /// How long a step lasts; zero is read as one second.
    pub step_time: Duration,
    /// Users added per second within a step.
    pub hatch_rate: f64,
    /// When the test ends.
    pub time_limit: Duration,
}

impl LoadTestShape for Steps {
    fn tick(&mut self, run_time: Duration, _: u32) -> Option<Tick> {
        let user_count = nth_step(run_time, self.step_time).saturating_mul(self.step_users);
        (run_time < self.time_limit).then(|| Tick::new(user_count, self.hatch_rate))
    }
}

/// More users with each step, up to a number at which it stays: Locust's old `--step-load`. It does
/// not end the test.
#[derive(Clone, Debug, PartialEq)]
pub struct StepLoad {
    /// Users that are not exceeded. A last step that would is not taken, as in Locust.
    pub users_max: u32,
    /// Users that each step adds; the first is taken at once.
    pub step_users: u32,
    /// How long a step lasts; zero is read as one second.
    pub step_time: Duration,
    /// Users added per second within a step.
    pub hatch_rate: f64,
}

impl LoadTestShape for StepLoad {
    fn tick(&mut self, run_time: Duration, _: u32) -> Option<Tick> {
        let n_steps = self.users_max / self.step_users.max(1);
        let step = nth_step(run_time, self.step_time).min(n_steps);
        Some(Tick::new(step.saturating_mul(self.step_users), self.hatch_rate))
    }
}

/// The number of the step that is under way, the first being 1.
fn nth_step(run_time: Duration, step_time: Duration) -> u32 {
    let step_s = if step_time.is_zero() { 1.0 } else { step_time.as_secs_f64() };
    (run_time.as_secs_f64() / step_s) as u32 + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[track_caller]
    fn check(mut shape: impl LoadTestShape, expected: &[(u64, Option<u32>)]) {
        for &(at_s, user_count) in expected {
            let tick = shape.tick(s(at_s), 0);
            assert_eq!(tick.map(|tick| tick.user_count), user_count, "at {at_s} s");
        }
    }

    #[test]
    fn stages_follow_one_another() {
        let stage = |duration_s, user_count| Stage {
            duration: s(duration_s),
            tick: Tick::new(user_count, 10.0),
        };
        let stages = Stages { stages: vec![stage(60, 10), stage(40, 50), stage(0, 7)] };
        check(
            stages,
            &[(0, Some(10)), (59, Some(10)), (60, Some(50)), (99, Some(50)), (100, None)],
        );
        check(Stages { stages: vec![] }, &[(0, None)]);
    }

    #[test]
    fn a_spike_rises_and_falls() {
        let spike = Spike {
            base_users: 5,
            spike_users: 100,
            hatch_rate: f64::INFINITY,
            spike_at: s(10),
            spike_for: s(5),
            time_limit: s(30),
        };
        check(spike, &[(9, Some(5)), (10, Some(100)), (14, Some(100)), (15, Some(5)), (30, None)]);
    }

    #[test]
    fn a_double_wave_has_locusts_peaks() {
        let wave = DoubleWave {
            min_users: 20,
            peak_one_users: 60,
            peak_two_users: 40,
            time_limit: s(600),
        };
        check(
            wave,
            &[(0, Some(20)), (200, Some(60)), (300, Some(20)), (400, Some(40)), (600, None)],
        );
    }

    #[test]
    fn steps_go_up_until_the_time_is_over_and_a_step_load_stays() {
        let steps = Steps { step_users: 10, step_time: s(30), hatch_rate: 1.0, time_limit: s(90) };
        check(steps, &[(0, Some(10)), (29, Some(10)), (30, Some(20)), (89, Some(30)), (90, None)]);
        let load = StepLoad { users_max: 25, step_users: 10, step_time: s(30), hatch_rate: 1.0 };
        check(load, &[(0, Some(10)), (30, Some(20)), (60, Some(20)), (9_999, Some(20))]);
    }

    proptest! {
        #[test]
        fn a_wave_stays_between_its_floor_and_its_higher_peak_plus_the_tail_of_the_other(
            min_users in 0..100_u32, one in 0..1_000_u32, two in 0..1_000_u32, at_s in 0..600_u64
        ) {
            let (one, two) = (min_users + one, min_users + two);
            let mut wave = DoubleWave {
                min_users, peak_one_users: one, peak_two_users: two, time_limit: s(600),
            };
            let user_count = wave.tick(s(at_s), 0).map_or(0, |tick| tick.user_count);
            prop_assert!(user_count >= min_users && user_count <= one.max(two) + 1);
        }

        #[test]
        fn a_step_load_never_falls_and_never_exceeds_its_limit(
            users_max in 0..10_000_u32, step_users in 1..500_u32, step_s in 0..100_u64,
            mut times_s in prop::collection::vec(0..100_000_u64, 1..20)
        ) {
            times_s.sort_unstable();
            let mut load =
                StepLoad { users_max, step_users, step_time: s(step_s), hatch_rate: 1.0 };
            let counts = times_s.iter().filter_map(|&at_s| load.tick(s(at_s), 0));
            let counts: Vec<_> = counts.map(|tick| tick.user_count).collect();
            prop_assert!(counts.is_sorted());
            prop_assert!(counts.iter().all(|&user_count| user_count <= users_max));
        }
    }
}
