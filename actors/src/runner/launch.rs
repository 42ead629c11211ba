//! How a control plane is put together, and how it is taken apart.

use super::{
    actor::Runner,
    control::Control,
    events::{EVENTS_MAX, Status},
    listeners::ListenerFailures,
    local::Finished,
    message::ToRunner,
    monitor::Usage,
};
use crate::{
    error::Error,
    exit_codes::ProcessExitCode,
    hatcher::{Hatcher, all_done},
    headless::exit_code,
    hooks::{ControlEvents, ListenControl},
    router::Actors,
    shard::Launch,
    stats::StatsActor,
    supervisor::{CoreSupervisor, ToSupervisor},
};
use actix::prelude::{Actor, Addr, AsyncContext};
use crossbeam_channel::unbounded;
use hatchery_core::{
    dispatch::ClassSpec,
    events::collect_failures,
    shard::{Common, Outbox},
};
use std::{collections::BTreeSet, rc::Rc, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, broadcast, oneshot, watch},
    task, time,
};

/// How long all shards together may take to be ready. Each maps its buffers and probes its ring,
/// which is milliseconds' work; a machine that needs longer cannot measure anything.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// What is the same for every kind of shard.
pub(crate) struct Plan {
    pub(crate) classes: Vec<ClassSpec>,
    pub(crate) stop_timeout: Option<Duration>,
    pub(crate) reset_stats: bool,
    pub(crate) iterations: Option<u64>,
    pub(crate) listeners: Vec<ListenControl>,
    /// What users and listeners see of the environment.
    pub(crate) common: Arc<Common>,
    /// What to exit with, whatever the numbers say.
    pub(crate) process_exit_code: Option<i32>,
    /// What to exit with if a request or a task failed.
    pub(crate) exit_code_on_error: i32,
    pub(crate) spin: bool,
}

impl Control {
    /// Starts the actors on the current thread's actix system, and the shards, and waits for them.
    pub(crate) async fn launch(plan: Plan, launch: Rc<dyn Launch>) -> Result<Control, Error> {
        if !plan.classes.iter().any(|class| class.weight > 0.0 || class.fixed_count > 0) {
            return Err(Error::no_classes());
        }
        collect_failures();
        let hooks = ControlEvents::with(&plan.listeners, &plan.common)?;
        let (tx, rx) = unbounded();
        let wake = Arc::new(Notify::new());
        let waker = wake.clone();
        let outbox = Outbox::new(tx, move || waker.notify_one());
        let control = Control::create(plan, hooks, &launch, &outbox);
        task::spawn_local(control.actors.clone().drain(rx, wake));

        let (reply, ready) = oneshot::channel();
        control.actors.runner.do_send(ToRunner::AwaitShards { reply });
        let ready = match time::timeout(READY_LIMIT, ready).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(Error::gone())),
            Err(_) => Err(Error::late(READY_LIMIT)),
        };
        let ready = match ready {
            Ok(()) => control.init().await,
            failed => failed,
        };
        if let Err(error) = ready {
            control.shut_down_shards().await;
            return Err(error);
        }
        Ok(control)
    }

    /// Fires `init`. As in Locust, a run does not begin where one of its listeners fails.
    async fn init(&self) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        let runner = self.clone();
        self.actors.runner.do_send(ToRunner::Init { runner, reply });
        answer.await.unwrap_or_else(|_| Err(Error::gone()))
    }

    fn create(
        plan: Plan,
        hooks: ControlEvents,
        launch: &Rc<dyn Launch>,
        outbox: &Outbox,
    ) -> Control {
        let n_shards = launch.n_shards();
        let (status_tx, status) = watch::channel(Status::default());
        let (events, _) = broadcast::channel(EVENTS_MAX);
        let exit_code_on_error = plan.exit_code_on_error;
        let process_exit_code = ProcessExitCode::default();
        process_exit_code.set(plan.process_exit_code);
        let runners_exit_code = process_exit_code.clone();
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
                hooks,
                listener_failures: ListenerFailures::default(),
                process_exit_code: runners_exit_code,
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
                early_hurries: None,
            }
        });
        let (hatcher, stats, supervisors) = actors.expect("the closure above has run");
        Control {
            actors: Actors { runner, hatcher, stats, supervisors },
            status,
            exit_code_on_error,
            process_exit_code,
            events: weak_events,
        }
    }

    /// Stops the test, ends every shard, and returns all that is known then.
    pub(crate) async fn shut_down(&self) -> Finished {
        self.stop().await;
        let (done, told) = oneshot::channel();
        let stats = Box::new(self.stats().await.unwrap_or_default());
        self.actors.runner.do_send(ToRunner::Quitting { stats, done });
        all_done(vec![told]).await;
        let loads = self.loads().await;
        self.shut_down_shards().await;
        // A shard's last statistics come before its last word, which was waited for.
        let snapshot = self.copy().await.unwrap_or_default();
        let (done, settled) = oneshot::channel();
        self.actors.runner.do_send(ToRunner::Settle { done });
        all_done(vec![settled]).await;
        let status = self.status.borrow().clone();
        let mut finished = Finished { snapshot, loads, status, exit_code: 0 };
        let by_numbers = || exit_code(&finished, self.exit_code_on_error);
        let exit_code = self.process_exit_code.get().unwrap_or_else(by_numbers);
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
