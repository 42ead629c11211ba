//! Hooks on the control thread: what happens to the test as a whole.
//!
//! Their listeners run between the runner's own steps, in the order in which they were added, and
//! must be quick; one that panics or returns an error is logged, and the others are called. What
//! happens on a core, requests above all, is in [`hatchery_core::events`].

use crate::{error::Error, exit_codes::ProcessExitCode, runner::Control};
use hatchery_core::{
    events::{EventHook, OwnHooks, Parcel},
    shard::{Common, panic_text},
    stats::Snapshot,
};
use std::{
    fmt,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
};

/// Adds a program's listeners to a runner's hooks, on the control thread.
pub type ListenControl = Arc<dyn Fn(&mut ControlEvents) + Send + Sync>;

/// The hooks of a runner. Locust's `Events`, as far as they are not a core's.
///
/// A program adds its listeners in the closure that it gives to `listen_control`, which is called
/// once for each runner.
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
    own: OwnHooks,
    common: Arc<Common>,
}

impl ControlEvents {
    /// The newer name of [`hatch_complete`](Self::hatch_complete).
    pub fn spawning_complete(&mut self) -> &mut EventHook<HatchComplete> {
        &mut self.hatch_complete
    }

    /// What the run is made of: host, tags, classes, the program's own options. To be cloned by
    /// listeners that need it. Locust's `environment`.
    pub fn environment(&self) -> &Arc<Common> {
        &self.common
    }

    /// A hook of the program's own on the control thread, found by the type of its payload: to add
    /// listeners. It is fired by [`Control::fire`], and by users with
    /// [`Cx::fire_on_control`](hatchery_core::user::Cx::fire_on_control). Locust's `EventHook()`
    /// that a locustfile makes.
    pub fn hook<P: 'static>(&mut self) -> &mut EventHook<P> {
        self.own.hook()
    }

    pub(crate) fn deliver(&self, parcel: &Parcel) {
        parcel.deliver(&self.own);
    }

    fn new(common: Arc<Common>) -> ControlEvents {
        ControlEvents {
            init: EventHook::named("init"),
            test_start: EventHook::named("test_start"),
            hatch_complete: EventHook::named("hatch_complete"),
            reset_stats: EventHook::named("reset_stats"),
            test_stopping: EventHook::named("test_stopping"),
            test_stop: EventHook::named("test_stop"),
            quitting: EventHook::named("quitting"),
            quit: EventHook::named("quit"),
            cpu_warning: EventHook::named("cpu_warning"),
            usage_monitor: EventHook::named("usage_monitor"),
            own: OwnHooks::default(),
            common,
        }
    }

    /// The hooks with the listeners of a program.
    pub(crate) fn with(
        listeners: &[ListenControl],
        common: &Arc<Common>,
    ) -> Result<ControlEvents, Error> {
        let mut hooks = ControlEvents::new(Arc::clone(common));
        for listen in listeners {
            let listened = panic::catch_unwind(AssertUnwindSafe(|| listen(&mut hooks)));
            listened.map_err(|panic| {
                Error::listener("init", format!("panicked: {}", panic_text(&*panic)))
            })?;
        }
        Ok(hooks)
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
    /// What the run is made of. Locust's `environment`.
    pub environment: Arc<Common>,
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
    pub(crate) process_exit_code: ProcessExitCode,
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
