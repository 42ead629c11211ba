//! How the load changes over time: the trait, and shapes that are ready to use.
//!
//! A shape is a function of the time, asked once a second; it starts nothing itself. What it says
//! is carried out as a start while running is: users are added or ended at the rate it gives.

mod ready;
mod text;

pub use ready::{DoubleWave, Spike, Stage, Stages, StepLoad, Steps};
pub use text::{Plan, PlanError};

use std::{sync::Arc, time::Duration};

/// How often a shape is asked. Locust's interval.
pub(crate) const TICK_INTERVAL: Duration = Duration::from_secs(1);

/// What a shape asks for at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Users that there are to be.
    pub user_count: u32,
    /// Users added or ended per second until there are as many. Infinity: all at once. Locust's
    /// `spawn_rate`.
    pub hatch_rate: f64,
    /// The names of the classes of which users are added; all if `None`. Locust's `user_classes`.
    pub classes: Option<Vec<String>>,
}

impl Tick {
    /// So many users, reached at this rate per second, of all classes.
    pub fn new(user_count: u32, hatch_rate: f64) -> Tick {
        Tick { user_count, hatch_rate, classes: None }
    }
}

/// Decides how many users there are, over time. Locust's `LoadTestShape`.
///
/// A closure of the same arguments is one too.
///
/// ```
/// use hatchery_actors::{LoadTestShape, Tick};
/// use std::time::Duration;
///
/// /// Ten more users every minute, for a quarter of an hour.
/// struct Stairs;
///
/// impl LoadTestShape for Stairs {
///     fn tick(&mut self, run_time: Duration, _user_count: u32) -> Option<Tick> {
///         let minute = u32::try_from(run_time.as_secs() / 60).ok()?;
///         (minute < 15).then(|| Tick::new(10 * (minute + 1), 5.0))
///     }
/// }
/// # assert_eq!(Stairs.tick(Duration::from_secs(61), 0), Some(Tick::new(20, 5.0)));
/// ```
pub trait LoadTestShape: Send {
    /// What there is to be at `run_time` since the start, given that there are `user_count` users
    /// now; `None` ends the test. Called once a second, on the control thread: it must be quick.
    /// Locust's `tick`, `get_run_time` and `get_current_user_count`.
    fn tick(&mut self, run_time: Duration, user_count: u32) -> Option<Tick>;
}

impl<F: FnMut(Duration, u32) -> Option<Tick> + Send> LoadTestShape for F {
    fn tick(&mut self, run_time: Duration, user_count: u32) -> Option<Tick> {
        self(run_time, user_count)
    }
}

/// Makes the shape of a test from the users and the rate that its start names.
pub type MakeShape = Arc<dyn Fn(u32, f64) -> Box<dyn LoadTestShape> + Send + Sync>;

impl LoadTestShape for Box<dyn LoadTestShape> {
    fn tick(&mut self, run_time: Duration, user_count: u32) -> Option<Tick> {
        (**self).tick(run_time, user_count)
    }
}
