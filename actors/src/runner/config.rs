//! What a runner is told when it is launched.

use crate::{hooks::ListenControl, shape::MakeShape};
use hatchery_core::shard::Common;
use std::{fmt, sync::Arc, time::Duration};

/// What a local runner is launched with.
#[derive(Clone)]
pub struct RunnerConfig {
    /// What all shards have in common: the user classes, the host, the program's options.
    pub common: Arc<Common>,
    /// The CPU of each shard; there are as many shards as entries.
    pub cpus: Vec<usize>,
    /// How long users may go on with their task when they are stopped. `None` and zero kill them
    /// at once, as Locust does without `--stop-timeout`.
    pub stop_timeout: Option<Duration>,
    /// Whether the statistics begin anew when all users were hatched: Locust's `--reset-stats`.
    pub reset_stats: bool,
    /// How many tasks are run, in all, before the test ends; entering a nested set counts as one
    /// too. `None`: as many as there is time for. `--iterations`.
    pub iterations: Option<u64>,
    /// What leads a test that [`LocalRunner::start`](super::LocalRunner::start) starts, if anything
    /// does. Locust's `shape_class`.
    pub shape: Option<MakeShape>,
    /// Called on the control thread to add the program's listeners.
    pub listeners: Vec<ListenControl>,
    /// What the process should exit with if a request or a task failed: Locust's
    /// `--exit-code-on-error`.
    pub exit_code_on_error: i32,
    /// What the process should exit with, whatever the numbers say: Locust's `process_exit_code`.
    pub process_exit_code: Option<i32>,
}

impl fmt::Debug for RunnerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunnerConfig")
            .field("common", &self.common)
            .field("cpus", &self.cpus)
            .finish_non_exhaustive()
    }
}
