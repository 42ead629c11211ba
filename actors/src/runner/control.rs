//! The asynchronous handle to a running control plane.

use super::{
    events::{RunnerEvent, RunnerEvents, Status},
    message::{Goal, ToRunner},
    state::State,
};
use crate::{
    error::Error,
    exit_codes::ProcessExitCode,
    hatcher::{all_done, flushed},
    router::Actors,
    stats::ToStats,
    supervisor::{ShardLoad, ToSupervisor},
};
use hatchery_core::{events::Parcel, stats::Snapshot};
use std::fmt;
use tokio::sync::{broadcast, oneshot, watch};

/// A handle to the runner for asynchronous code, such as a web page on the control thread. Clones
/// are the same runner.
#[derive(Clone)]
pub struct Control {
    pub(super) actors: Actors,
    pub(super) status: watch::Receiver<Status>,
    pub(super) exit_code_on_error: i32,
    pub(super) process_exit_code: ProcessExitCode,
    /// Weak, so that the streams of events end with the runner and not with its handles.
    pub(super) events: broadcast::WeakSender<RunnerEvent>,
}

impl Control {
    /// Heads for `user_count` users, `hatch_rate` of them per second, up or down; infinity does
    /// all at once. While a test runs, this changes it. Locust's `Runner.start`.
    ///
    /// With `wait` it returns when all users were hatched, else at once.
    ///
    /// # Errors
    /// The rate is not above zero, the test is being stopped (or was, while waiting), or the
    /// engine is broken.
    pub async fn start(&self, user_count: u32, hatch_rate: f64, wait: bool) -> Result<(), Error> {
        self.head_for(Goal { user_count, hatch_rate, classes: None }, wait).await
    }

    /// The same, adding users of some classes only, by name; users of the others stay. Locust's
    /// `Runner.start(user_classes=…)`.
    ///
    /// # Errors
    /// Those of [`Control::start`], and a class that there is not.
    pub async fn start_classes(
        &self,
        user_count: u32,
        hatch_rate: f64,
        wait: bool,
        classes: &[&str],
    ) -> Result<(), Error> {
        let classes = classes.iter().map(|&name| name.to_owned()).collect();
        self.head_for(Goal { user_count, hatch_rate, classes: Some(classes) }, wait).await
    }

    pub(super) async fn head_for(&self, goal: Goal, wait: bool) -> Result<(), Error> {
        if goal.hatch_rate.is_nan() || goal.hatch_rate <= 0.0 {
            return Err(Error::rate(goal.hatch_rate));
        }
        let (reply, answer) = oneshot::channel();
        self.actors.runner.do_send(ToRunner::Start { goal, wait, reply });
        answer.await.unwrap_or_else(|_| Err(Error::gone()))
    }

    /// Ends the test and returns when all users have ended: at once without a stop timeout, else
    /// when their tasks are done, or killed after it. Nothing happens if no test is under way.
    /// Locust's `Runner.stop`.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        self.actors.runner.do_send(ToRunner::Stop { done });
        all_done(vec![stopped]).await;
    }

    /// Ends the test, and does not wait for it.
    pub fn begin_stop(&self) {
        self.actors.runner.do_send(ToRunner::Stop { done: oneshot::channel().0 });
    }

    /// Cuts short a stop: users that were asked are killed now; users that were killed are no
    /// longer waited for.
    pub fn hurry(&self) {
        self.actors.runner.do_send(ToRunner::Hurry);
    }

    /// Forgets all samples recorded so far, on every shard.
    pub async fn reset_stats(&self) {
        let (done, reset) = oneshot::channel();
        self.actors.runner.do_send(ToRunner::ResetStats { done });
        all_done(vec![reset]).await;
    }

    /// A copy of the statistics with everything recorded until now.
    ///
    /// # Errors
    /// The runner has quit.
    pub async fn stats(&self) -> Result<Snapshot, Error> {
        flushed(&self.actors.supervisors).await;
        self.copy().await
    }

    pub(super) async fn copy(&self) -> Result<Snapshot, Error> {
        let (reply, copy) = oneshot::channel();
        self.actors.stats.do_send(ToStats::Copy { reply });
        copy.await.map_err(|_| Error::gone())
    }

    /// Looks at the statistics where they are: no copy, and the shards are not asked for their
    /// last second. `look` runs on the control thread and must be quick.
    ///
    /// # Errors
    /// The runner has quit.
    pub async fn look<R: Send + 'static>(
        &self,
        look: impl FnOnce(&Snapshot) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let (reply, answer) = oneshot::channel();
        let look = Box::new(move |snapshot: &Snapshot| {
            // Whoever asked may have given up.
            let _ = reply.send(look(snapshot));
        });
        self.actors.stats.do_send(ToStats::Look(look));
        answer.await.map_err(|_| Error::gone())
    }

    /// Live users, those that are stopping included. Locust's `Runner.user_count`.
    pub fn user_count(&self) -> u32 {
        self.status.borrow().user_count
    }

    /// Where the test is.
    pub fn state(&self) -> State {
        self.status.borrow().state
    }

    /// State and user count, and a way to wait for their next change.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// The events from now on. None come after the runner has quit.
    pub fn subscribe(&self) -> RunnerEvents {
        let rx = match self.events.upgrade() {
            Some(events) => events.subscribe(),
            None => broadcast::channel(1).1,
        };
        RunnerEvents::new(rx)
    }

    /// Sets what the process should end with, whatever the numbers say; `None` leaves it to them.
    /// The last to set it is heard. Locust's `environment.process_exit_code = …`.
    pub fn set_process_exit_code(&self, code: Option<i32>) {
        self.process_exit_code.set(code);
    }

    /// What was set, by the program or a listener. Locust's `environment.process_exit_code`.
    pub fn process_exit_code(&self) -> Option<i32> {
        self.process_exit_code.get()
    }

    /// Calls the listeners of a hook of the program's own on the control thread: see
    /// [`ControlEvents::hook`](crate::hooks::ControlEvents::hook). Returns before they were called.
    pub fn fire<P: Send + 'static>(&self, payload: P) {
        self.actors.runner.do_send(ToRunner::Fire(Parcel::new(payload, false)));
    }

    /// The same, the listener added last first.
    pub fn fire_reverse<P: Send + 'static>(&self, payload: P) {
        self.actors.runner.do_send(ToRunner::Fire(Parcel::new(payload, true)));
    }

    /// How busy each shard was since the test started.
    pub async fn loads(&self) -> Vec<ShardLoad> {
        let mut loads = vec![];
        for supervisor in &self.actors.supervisors {
            let (reply, load) = oneshot::channel();
            supervisor.do_send(ToSupervisor::Load { reply });
            loads.extend(load.await);
        }
        loads
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("status", &*self.status.borrow()).finish_non_exhaustive()
    }
}
