//! Hooks on the control thread: what happens to the test as a whole.
//!
//! Their listeners run between the runner's own steps, in the order in which they were added, and
//! must be quick; one that panics is reported, and the others are called. What happens on a core,
//! requests above all, is in [`hatchery_core::events`].

use crate::runner::Control;
use hatchery_core::{events::EventHook, stats::Snapshot};
use std::{cell::Cell, fmt, sync::Arc};

/// Adds a program's listeners to a runner's hooks, on the control thread.
pub type ListenControl = Arc<dyn Fn(&mut ControlEvents) + Send + Sync>;

/// The hooks of a runner. Locust's `Events`, as far as they are not a core's.
#[derive(Default)]
pub struct ControlEvents {
    /// The runner is there and its shards are ready; no test was started. Locust's `init`.
    pub init: EventHook<Init>,
    /// A test begins; no user was started. Locust's `test_start`.
    pub test_start: EventHook<TestStart>,
    /// All users were started. Locust's `hatch_complete`, newer `spawning_complete`: see
    /// [`ControlEvents::spawning_complete`].
    pub hatch_complete: EventHook<HatchComplete>,
    /// The statistics begin anew. Locust's `reset_stats`.
    pub reset_stats: EventHook<ResetStats>,
    /// The users are about to be stopped. Locust's `test_stopping`.
    pub test_stopping: EventHook<TestStopping>,
    /// All users have ended. Locust's `test_stop`.
    pub test_stop: EventHook<TestStop>,
    /// The runner is quitting, and no user is left; the listener added last is called first.
    /// Locust's `quitting`.
    pub quitting: EventHook<Quitting>,
    /// The runner has quit, and this is what the process should end with. Locust's `quit`.
    pub quit: EventHook<Quit>,
    /// A shard used nearly all of its core in the last ten seconds. Locust's `cpu_warning`.
    pub cpu_warning: EventHook<CpuWarning>,
    /// Every ten seconds: what the process uses. Locust's `usage_monitor`.
    pub usage_monitor: EventHook<UsageMonitor>,
}

impl ControlEvents {
    /// The newer name of [`hatch_complete`](Self::hatch_complete).
    pub fn spawning_complete(&mut self) -> &mut EventHook<HatchComplete> {
        &mut self.hatch_complete
    }

    /// The hooks with the listeners of a program.
    pub(crate) fn with(listeners: &[ListenControl]) -> ControlEvents {
        let mut hooks = ControlEvents::default();
        listeners.iter().for_each(|listen| listen(&mut hooks));
        hooks
    }
}

impl fmt::Debug for ControlEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlEvents").finish_non_exhaustive()
    }
}

/// Payload of `init`.
#[derive(Clone, Debug)]
pub struct Init {
    /// The runner; it may be kept, and used from tasks of the control thread.
    pub runner: Control,
}

/// Payload of `test_start`.
#[derive(Clone, Debug, PartialEq)]
pub struct TestStart {
    /// Users that were asked for.
    pub user_count: u32,
    /// Users per second.
    pub hatch_rate: f64,
}

/// Payload of `hatch_complete`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HatchComplete {
    /// How many users there are.
    pub user_count: u32,
    /// The same by class, in the order of the classes.
    pub by_class: Vec<(String, u32)>,
}

/// Payload of `reset_stats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResetStats;

/// Payload of `test_stopping`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestStopping;

/// Payload of `test_stop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestStop;

/// Payload of `quitting`.
#[derive(Debug)]
pub struct Quitting {
    /// The statistics of the last test.
    pub stats: Snapshot,
    pub(crate) process_exit_code: Cell<Option<i32>>,
}

impl Quitting {
    /// Sets what the process should end with, whatever the numbers say. Locust's
    /// `environment.process_exit_code = …`.
    pub fn set_process_exit_code(&self, code: i32) {
        self.process_exit_code.set(Some(code));
    }
}

/// Payload of `quit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quit {
    /// What the process should end with: see [`exit_codes`](crate::exit_codes).
    pub exit_code: i32,
}

/// Payload of `cpu_warning`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuWarning {
    /// The shard.
    pub shard: usize,
    /// Percent of its core.
    pub cpu_usage: f64,
}

/// Payload of `usage_monitor`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UsageMonitor {
    /// Percent of one core; more than 100 when several were busy.
    pub cpu_usage: f64,
    /// Resident memory in bytes.
    pub memory_usage: u64,
}
