//! What a runner tells the program.

use super::state::State;
use std::sync::Arc;
use tokio::sync::broadcast::{self, error::RecvError};
use tracing::warn;

/// Events kept for a subscriber that is slow; older ones are dropped, with a warning. Events come
/// a few times a second at most.
pub(super) const EVENTS_MAX: usize = 4_096;

/// Something that happened to the test as a whole. Locust's events of the same names, and ours.
#[derive(Clone, Debug, PartialEq)]
pub enum RunnerEvent {
    /// The test has another state. `test_start` is the step to [`State::Hatching`] from a state
    /// that is not active; `test_stopping` and `test_stop` are the steps to [`State::Stopping`]
    /// and [`State::Stopped`].
    State {
        /// The state before.
        from: State,
        /// The state now.
        to: State,
    },
    /// All users were hatched: Locust's `hatch_complete`, newer `spawning_complete`.
    HatchComplete {
        /// How many users there are.
        user_count: u32,
        /// The same by class, in the order of the classes.
        by_class: Vec<(String, u32)>,
    },
    /// The number of live users has changed.
    Users {
        /// How many users there are, those that are stopping included.
        user_count: u32,
    },
    /// The statistics begin anew.
    StatsReset,
    /// A user asked for the end of the test, which follows.
    StopTest {
        /// The shard of the user.
        shard: usize,
        /// Why; `None` for a plain `Exit::StopTest`.
        error: Option<String>,
    },
    /// A shard died and is being started again; its users will be hatched again.
    ShardLost {
        /// The shard.
        shard: usize,
        /// Why.
        reason: String,
    },
    /// The engine broke, and the test ends for that reason.
    Fatal {
        /// Why.
        error: Arc<str>,
    },
}

/// The runner as it is now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Where the test is.
    pub state: State,
    /// Live users, those that are stopping included.
    pub user_count: u32,
    /// Why the engine broke, if it did.
    pub fatal: Option<Arc<str>>,
    /// The error with which a user asked for the end of the test, if it gave one.
    pub stop_test_error: Option<Arc<str>>,
    /// Whether an event listener panicked or returned an error.
    pub listener_failed: bool,
}

/// A stream of the events from the subscription on.
#[derive(Debug)]
pub struct RunnerEvents {
    rx: broadcast::Receiver<RunnerEvent>,
}

impl RunnerEvents {
    pub(super) fn new(rx: broadcast::Receiver<RunnerEvent>) -> RunnerEvents {
        RunnerEvents { rx }
    }

    /// The next event, or `None` once the runner has quit.
    pub async fn next(&mut self) -> Option<RunnerEvent> {
        loop {
            match self.rx.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Closed) => return None,
                Err(RecvError::Lagged(n_events)) => warn_lagged(n_events),
            }
        }
    }

    /// The same, for a thread that may block. Must not be called from asynchronous code.
    pub fn blocking_next(&mut self) -> Option<RunnerEvent> {
        loop {
            match self.rx.blocking_recv() {
                Ok(event) => return Some(event),
                Err(RecvError::Closed) => return None,
                Err(RecvError::Lagged(n_events)) => warn_lagged(n_events),
            }
        }
    }
}

fn warn_lagged(n_events: u64) {
    warn!("a subscriber is too slow: {n_events} events of the runner were dropped for it");
}
