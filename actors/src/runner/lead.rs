//! A shape leading a test: asked once a second, and its changes carried out.

use super::{
    control::Control,
    message::{Goal, ToRunner},
    state::State,
};
use crate::{
    error::Error,
    shape::{LoadTestShape, TICK_INTERVAL, Tick},
};
use hatchery_core::shard::panic_text;
use std::{
    panic::{self, AssertUnwindSafe},
    time::Duration,
};
use tokio::time::{self, Instant};
use tracing::warn;

impl From<Tick> for Goal {
    fn from(Tick { user_count, hatch_rate, classes }: Tick) -> Goal {
        Goal { user_count, hatch_rate, classes }
    }
}

impl Control {
    /// Lets a shape lead the test: asks it once a second, and heads for what it says where that has
    /// changed, at once, even if the last ramp is not complete. Returns when the test has ended:
    /// because the shape says so, or whatever else ended it. Locust's `Runner.start_shape`, whose
    /// ticks wait for ramps to be complete.
    ///
    /// # Errors
    /// Those of [`Control::start`], for what the shape asks first. A shape that panics, or asks for
    /// what there is not while the test is under way, ends the test, as
    /// [`Status::stop_test_error`](super::Status::stop_test_error) says.
    pub async fn start_shape(&self, shape: &mut dyn LoadTestShape) -> Result<(), Error> {
        self.lead(shape, None).await
    }

    /// The same, returning once the users of the shape's first second are asked for, or hatched if
    /// `wait`. The test may be over by then.
    pub(super) async fn start_led(
        &self,
        mut shape: Box<dyn LoadTestShape>,
        wait: bool,
    ) -> Result<(), Error> {
        if matches!(self.state(), State::Hatching | State::Running) {
            warn!("a shape leads the test: its users and rate cannot be edited");
            return Ok(());
        }
        let Some(tick) = self.ask(&mut *shape, Duration::ZERO) else { return Ok(()) };
        self.head_for(tick.clone().into(), false).await?;
        let leader = self.clone();
        tokio::spawn(async move {
            // Errors are only those of a first tick, which was taken above.
            let _ = leader.lead(&mut *shape, Some(tick)).await;
        });
        if wait {
            // It fails if the runner has quit.
            let _ = self.status().wait_for(|status| status.state != State::Hatching).await;
        }
        Ok(())
    }

    async fn lead(
        &self,
        shape: &mut dyn LoadTestShape,
        mut last: Option<Tick>,
    ) -> Result<(), Error> {
        let start = Instant::now();
        let mut ticks = time::interval(TICK_INTERVAL);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            if last.is_some() && !matches!(self.state(), State::Hatching | State::Running) {
                return Ok(());
            }
            let tick = match self.ask(shape, start.elapsed()) {
                Some(tick) => tick,
                None => {
                    self.stop().await;
                    return Ok(());
                }
            };
            if last.as_ref() == Some(&tick) {
                continue;
            }
            if let Err(error) = self.head_for(tick.clone().into(), false).await {
                if last.is_none() && !error.is_stopped() {
                    return Err(error);
                }
                if !error.is_stopped() {
                    self.fail_shape(error.to_string());
                }
                self.stop().await;
                return Ok(());
            }
            last = Some(tick);
        }
    }

    /// What a shape says; one that panics has said its last word.
    fn ask(&self, shape: &mut dyn LoadTestShape, run_time: Duration) -> Option<Tick> {
        let user_count = self.user_count();
        let asked = panic::catch_unwind(AssertUnwindSafe(|| shape.tick(run_time, user_count)));
        asked.unwrap_or_else(|panic| {
            self.fail_shape(format!("panicked: {}", panic_text(&*panic)));
            None
        })
    }

    /// Ends the test for what its shape did.
    fn fail_shape(&self, error: String) {
        self.actors.runner.do_send(ToRunner::ShapeFailed { error });
    }
}
