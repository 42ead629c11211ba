//! The asynchronous handle to a running control plane, and how one is put together.

use super::{
    actor::Runner,
    events::{EVENTS_MAX, RunnerEvent, RunnerEvents, Status},
    local::Finished,
    message::{Goal, ToRunner},
    monitor::Usage,
    state::State,
};
use crate::{
    error::Error,
    hatcher::{Hatcher, all_done, flush_all},
    headless::exit_code,
    hooks::{ControlEvents, ListenControl},
    router::Actors,
    shard::Launch,
    stats::{StatsActor, ToStats},
    supervisor::{CoreSupervisor, ShardLoad, ToSupervisor},
};
use actix::prelude::{Actor, Addr, AsyncContext};
use crossbeam_channel::unbounded;
use hatchery_core::{dispatch::ClassSpec, shard::Outbox, stats::Snapshot};
use std::{collections::BTreeSet, fmt, rc::Rc, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, broadcast, oneshot, watch},
    task, time,
};

/// How long all shards together may take to be ready. Each maps its buffers and probes its ring,
/// which is milliseconds' work; a machine that needs longer cannot measure anything.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// How long a shard may take to hand over its statistics before they are shown without its last
/// second. Its supervisor says so when it is silent for longer.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// What is the same for every kind of shard.
pub(crate) struct Plan {
    pub(crate) classes: Vec<ClassSpec>,
    pub(crate) stop_timeout: Option<Duration>,
    pub(crate) reset_stats: bool,
    pub(crate) iterations: Option<u64>,
    pub(crate) listeners: Vec<ListenControl>,
    /// What to exit with if a request or a task failed.
    pub(crate) exit_code_on_error: i32,
    pub(crate) spin: bool,
}

/// A handle to the runner for asynchronous code, such as a web page on the control thread. Clones
/// are the same runner.
#[derive(Clone)]
pub struct Control {
    pub(super) actors: Actors,
    status: watch::Receiver<Status>,
    exit_code_on_error: i32,
    /// Weak, so that the streams of events end with the runner and not with its handles.
    events: broadcast::WeakSender<RunnerEvent>,
}

impl Control {
    /// Starts the actors on the current thread's actix system, and the shards, and waits for them.
    pub(crate) async fn launch(plan: Plan, launch: Rc<dyn Launch>) -> Result<Control, Error> {
        if !plan.classes.iter().any(|class| class.weight > 0.0 || class.fixed_count > 0) {
            return Err(Error::no_classes());
        }
        let (tx, rx) = unbounded();
        let wake = Arc::new(Notify::new());
        let waker = wake.clone();
        let outbox = Outbox::new(tx, move || waker.notify_one());
        let control = Control::create(plan, &launch, &outbox);
        task::spawn_local(control.actors.clone().drain(rx, wake));

        let (reply, ready) = oneshot::channel();
        control.actors.runner.do_send(ToRunner::AwaitShards { reply });
        let ready = match time::timeout(READY_LIMIT, ready).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(Error::gone())),
            Err(_) => Err(Error::late(READY_LIMIT)),
        };
        if let Err(error) = ready {
            control.shut_down_shards().await;
            return Err(error);
        }
        let runner = control.clone();
        control.actors.runner.do_send(ToRunner::Init { runner });
        Ok(control)
    }

    fn create(plan: Plan, launch: &Rc<dyn Launch>, outbox: &Outbox) -> Control {
        let n_shards = launch.n_shards();
        let (status_tx, status) = watch::channel(Status::default());
        let (events, _) = broadcast::channel(EVENTS_MAX);
        let exit_code_on_error = plan.exit_code_on_error;
        let weak_events = events.downgrade();
        let mut actors = None;
        // The supervisors must know the runner, and the runner its supervisors.
        let runner = Runner::create(|cx| {
            let runner = cx.address();
            let supervise = |shard| {
                CoreSupervisor::new(
                    shard,
                    Rc::clone(launch),
                    outbox.clone(),
                    runner.clone(),
                    plan.classes.len(),
                    plan.stop_timeout,
                )
                .start()
            };
            let supervisors: Vec<Addr<CoreSupervisor>> = (0..n_shards).map(supervise).collect();
            let names: Vec<String> = plan.classes.iter().map(|class| class.name.clone()).collect();
            let stats = StatsActor::new(names.clone(), supervisors.clone()).start();
            let hatcher = Hatcher::new(plan.classes, supervisors.clone(), runner).start();
            actors = Some((hatcher.clone(), stats.clone(), supervisors.clone()));
            Runner {
                supervisors,
                hatcher,
                stats,
                reset_stats: plan.reset_stats,
                iterations: plan.iterations,
                hooks: ControlEvents::with(&plan.listeners),
                usage: Usage::now(),
                spin: plan.spin,
                classes: names,
                status: status_tx,
                events,
                up: vec![false; n_shards],
                awaiting_shards: vec![],
                failed: None,
                n_users: vec![0; n_shards],
                tasks_done: BTreeSet::new(),
                epoch: 0,
                job: 0,
                awaiting_hatched: vec![],
                awaiting_stopped: vec![],
            }
        });
        let (hatcher, stats, supervisors) = actors.expect("the closure above has run");
        Control {
            actors: Actors { runner, hatcher, stats, supervisors },
            status,
            exit_code_on_error,
            events: weak_events,
        }
    }

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
        // A shard that is stuck keeps its last second, not the reader.
        let _ = time::timeout(FLUSH_LIMIT, all_done(flush_all(&self.actors.supervisors))).await;
        self.copy().await
    }

    async fn copy(&self) -> Result<Snapshot, Error> {
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

    /// Stops the test, ends every shard, and returns all that is known then.
    pub(crate) async fn shut_down(&self) -> Finished {
        self.stop().await;
        let (reply, asked) = oneshot::channel();
        let stats = Box::new(self.stats().await.unwrap_or_default());
        self.actors.runner.do_send(ToRunner::Quitting { stats, reply });
        let asked = asked.await.ok().flatten();
        let loads = self.loads().await;
        self.shut_down_shards().await;
        // A shard's last statistics come before its last word, which was waited for.
        let snapshot = self.copy().await.unwrap_or_default();
        let status = self.status.borrow().clone();
        let mut finished = Finished { snapshot, loads, status, exit_code: 0 };
        let exit_code = asked.unwrap_or_else(|| exit_code(&finished, self.exit_code_on_error));
        finished.exit_code = exit_code;
        let (done, told) = oneshot::channel();
        self.actors.runner.do_send(ToRunner::Quit { exit_code, done });
        all_done(vec![told]).await;
        finished
    }

    async fn shut_down_shards(&self) {
        let ended = self.actors.supervisors.iter().map(|supervisor| {
            let (done, ended) = oneshot::channel();
            supervisor.do_send(ToSupervisor::Shutdown { done });
            ended
        });
        all_done(ended.collect()).await;
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("status", &*self.status.borrow()).finish_non_exhaustive()
    }
}
