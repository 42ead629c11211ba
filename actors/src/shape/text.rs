//! A load plan as text: `100,1m;200,5m;0,30s`.
//!
//! Each leg names users and the time in which they are reached, as in Goose's `--test-plan`: a leg
//! with the users of the leg before it holds them for its time.

use super::{LoadTestShape, Tick};
use hatchery_core::run_time::parse_timespan;
use std::{error, fmt, str::FromStr, time::Duration};

/// Legs of a load, one after the other: each leads to its number of users within its time. The test
/// ends with the last. `--shape`.
///
/// ```
/// use hatchery_actors::shape::Plan;
///
/// // Up to 100 users in a minute, on to 200 in five, and down again in half a minute.
/// let plan: Plan = "100,1m;200,5m;0,30s".parse()?;
/// assert_eq!(plan.duration().as_secs(), 390);
/// # Ok::<(), hatchery_actors::shape::PlanError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    legs: Vec<Leg>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Leg {
    user_count: u32,
    duration: Duration,
}

impl Plan {
    /// How long it takes from the first leg to the end of the last.
    pub fn duration(&self) -> Duration {
        self.legs.iter().fold(Duration::ZERO, |sum, leg| sum.saturating_add(leg.duration))
    }

    /// The most users that there are at a time.
    pub fn peak_users(&self) -> u32 {
        self.legs.iter().map(|leg| leg.user_count).max().unwrap_or(0)
    }
}

impl LoadTestShape for Plan {
    fn tick(&mut self, run_time: Duration, _: u32) -> Option<Tick> {
        let (mut before, mut end) = (0_u32, Duration::ZERO);
        for leg in &self.legs {
            end = end.saturating_add(leg.duration);
            if run_time < end {
                let n_users = f64::from(leg.user_count.abs_diff(before));
                // Holding completes what rounding has left of the ramp before it.
                let hatch_rate = if n_users > 0.0 {
                    n_users / leg.duration.as_secs_f64()
                } else {
                    f64::INFINITY
                };
                return Some(Tick::new(leg.user_count, hatch_rate));
            }
            before = leg.user_count;
        }
        None
    }
}

impl FromStr for Plan {
    type Err = PlanError;

    /// Reads `users,time;users,time;…`.
    ///
    /// # Errors
    /// A part is none of that, or the whole takes no time.
    fn from_str(text: &str) -> Result<Plan, PlanError> {
        let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
        let legs: Vec<Leg> = parts.map(leg).collect::<Result<_, _>>()?;
        let plan = Plan { legs };
        if plan.duration().is_zero() {
            return Err(PlanError(format!("{text:?} takes no time")));
        }
        Ok(plan)
    }
}

fn leg(part: &str) -> Result<Leg, PlanError> {
    let (users, time) =
        part.split_once(',').ok_or_else(|| PlanError(format!("{part:?} has no comma")))?;
    let user_count = users.trim().parse();
    let user_count =
        user_count.map_err(|_| PlanError(format!("{users:?} is no number of users")))?;
    let duration = parse_timespan(time).map_err(|error| PlanError(error.to_string()))?;
    Ok(Leg { user_count, duration })
}

/// A text that is no load plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError(String);

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; a load plan is users,time;users,time such as 100,1m;200,5m;0,30s", self.0)
    }
}

impl error::Error for PlanError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(plan: &str, seconds: f64) -> Option<Tick> {
        let mut plan: Plan = plan.parse().expect("a plan");
        plan.tick(Duration::from_secs_f64(seconds), 0)
    }

    #[test]
    fn each_leg_is_reached_within_its_time() {
        let plan = "100,10s; 100,1m; 0,20s;";
        assert_eq!(at(plan, 0.0), Some(Tick::new(100, 10.0)));
        assert_eq!(at(plan, 10.0), Some(Tick::new(100, f64::INFINITY)));
        assert_eq!(at(plan, 70.0), Some(Tick::new(0, 5.0)));
        assert_eq!(at(plan, 90.0), None);
        // A jump: the first leg takes no time, the second holds.
        assert_eq!(at("50,0;50,5s", 0.0), Some(Tick::new(50, f64::INFINITY)));
    }

    #[test]
    fn what_is_no_plan_is_named() {
        for (text, expected) in [
            ("", "takes no time"),
            ("5,0s", "takes no time"),
            ("5", "no comma"),
            ("x,1m", "\"x\" is no number"),
            ("-1,1m", "\"-1\" is no number"),
            ("5,soon", "\"soon\" is not a timespan"),
        ] {
            let error = text.parse::<Plan>().expect_err(text).to_string();
            assert!(error.contains(expected) && error.contains("100,1m"), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_plan_lasts_as_long_as_its_legs_and_asks_for_no_other_users(
            legs in prop::collection::vec((0..500_u32, 1..600_u64), 1..8), at_s in 0..5_000_u64
        ) {
            let text: Vec<_> = legs.iter().map(|(users, time_s)| format!("{users},{time_s}s")).collect();
            let mut plan: Plan = text.join(";").parse().expect("a plan");
            let tick = plan.tick(Duration::from_secs(at_s), 0);
            prop_assert_eq!(tick.is_none(), at_s >= plan.duration().as_secs());
            if let Some(tick) = tick {
                prop_assert!(legs.iter().any(|(users, _)| *users == tick.user_count));
                prop_assert!(tick.hatch_rate > 0.0);
            }
        }
    }
}
