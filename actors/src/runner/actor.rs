//! Carries out what [`step`] decides.

use super::{
    events::{RunnerEvent, Status},
    listeners::ListenerFailures,
    message::{Goal, StartReply, ToRunner},
    monitor::{MONITOR_INTERVAL, Usage},
    state::{Deed, Happening, State, step},
};
use crate::{
    error::Error,
    exit_codes::ProcessExitCode,
    hatcher::{Hatcher, ToHatcher, flushed},
    hooks::{ControlEvents, HatchComplete, Quit, ResetStats, TestStart},
    stats::{StatsActor, ToStats},
    supervisor::{CoreSupervisor, ToSupervisor},
};
use actix::{
    fut::{ActorFutureExt, WrapFuture},
    prelude::{Actor, Addr, AsyncContext, Context, Handler},
};
use hatchery_core::message::ClassIdx;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::{broadcast, oneshot, watch};
use tracing::info;

/// Holds the state of the test.
pub(crate) struct Runner {
    pub(super) supervisors: Vec<Addr<CoreSupervisor>>,
    pub(super) hatcher: Addr<Hatcher>,
    pub(super) stats: Addr<StatsActor>,
    /// Whether the statistics begin anew when all users were hatched.
    pub(super) reset_stats: bool,
    /// How many tasks are run in a test before it ends, if there is a limit.
    pub(super) iterations: Option<u64>,
    /// The names of the classes, by their number.
    pub(super) classes: Vec<String>,
    pub(super) status: watch::Sender<Status>,
    pub(super) events: broadcast::Sender<RunnerEvent>,

    pub(super) hooks: ControlEvents,
    pub(super) listener_failures: ListenerFailures,
    pub(super) process_exit_code: ProcessExitCode,
    pub(super) usage: Usage,
    /// Whether the shards poll, and are always busy.
    pub(super) spin: bool,

    pub(super) up: Vec<bool>,
    pub(super) awaiting_shards: Vec<oneshot::Sender<Result<(), Error>>>,
    pub(super) failed: Option<Error>,
    pub(super) n_users: Vec<u32>,
    /// Shards whose share of the iterations is used up.
    pub(super) tasks_done: BTreeSet<usize>,
    pub(super) epoch: u32,
    /// The ramp last asked for; what an older one reports comes too late.
    pub(super) job: u64,
    pub(super) awaiting_hatched: Vec<StartReply>,
    pub(super) awaiting_stopped: Vec<oneshot::Sender<()>>,
    /// While a test is to be stopped and the hatcher has not let go: how often somebody was in a
    /// hurry. The supervisors know of no stop yet that they could cut short.
    pub(super) early_hurries: Option<u32>,
}

impl Runner {
    pub(super) fn state(&self) -> State {
        self.status.borrow().state
    }

    /// Takes the step that something leads to, and says what is to be done.
    pub(super) fn step(&mut self, happening: Happening) -> Deed {
        let from = self.state();
        let (to, deed) = step(from, happening);
        if to != from {
            self.status.send_modify(|status| status.state = to);
            self.tell(RunnerEvent::State { from, to });
        }
        deed
    }

    pub(super) fn tell(&self, event: RunnerEvent) {
        // Nobody needs to listen.
        let _ = self.events.send(event);
    }

    pub(super) fn order_all(&self, order: impl Fn() -> ToSupervisor) {
        self.supervisors.iter().for_each(|supervisor| supervisor.do_send(order()));
    }

    fn start(&mut self, goal: Goal, wait: bool, reply: StartReply) {
        let Goal { user_count, hatch_rate, classes } = goal;
        let restrict = match classes.map(|names| self.numbers(&names)).transpose() {
            Ok(restrict) => restrict,
            Err(error) => {
                let _ = reply.send(Err(error));
                return;
            }
        };
        let fatal = self.status.borrow().fatal.clone();
        if let Some(reason) = fatal {
            let _ = reply.send(Err(Error::broken(&reason)));
            return;
        }
        match self.step(Happening::Start) {
            Deed::Refuse => {
                let _ = reply.send(Err(Error::stopping()));
                return;
            }
            Deed::Begin => self.begin_test(user_count, hatch_rate),
            _ => {}
        }
        match hatch_rate.is_finite() {
            true => info!("Ramping to {user_count} users at a rate of {hatch_rate:.2} per second"),
            false => info!("Ramping to {user_count} users, all at once"),
        }
        self.job += 1;
        let job = self.job;
        self.hatcher.do_send(ToHatcher::Hatch { job, user_count, hatch_rate, restrict });
        match wait {
            true => self.awaiting_hatched.push(reply),
            false => drop(reply.send(Ok(()))),
        }
    }

    /// The numbers of classes.
    fn numbers(&self, names: &[String]) -> Result<Vec<ClassIdx>, Error> {
        let number = |name: &String| {
            let known = self.classes.iter().position(|class| class == name);
            known.ok_or_else(|| Error::class(name, &self.classes))
        };
        names.iter().map(number).collect()
    }

    fn begin_test(&mut self, user_count: u32, hatch_rate: f64) {
        self.hooks.test_start.fire_with(|| TestStart { user_count, hatch_rate });
        self.status.send_modify(|status| status.stop_test_error = None);
        self.epoch += 1;
        let epoch = self.epoch;
        self.stats.do_send(ToStats::Reset { epoch });
        self.tasks_done.clear();
        // Only shards with users can run tasks; the first user of each is hatched in their order.
        let n_working = (user_count as usize).clamp(1, self.supervisors.len()) as u64;
        for (shard, supervisor) in (0..).zip(&self.supervisors) {
            let n_tasks = self.iterations.map(|n_tasks| share(n_tasks, shard, n_working));
            supervisor.do_send(ToSupervisor::TestStart { epoch, n_tasks });
        }
    }

    fn hatched(&mut self, job: u64, by_class: Vec<(String, u32)>, cx: &mut Context<Runner>) {
        if job != self.job || self.step(Happening::Hatched) != Deed::Complete {
            return;
        }
        let user_count = by_class.iter().map(|(_, n_users)| n_users).sum();
        info!("All users spawned: {} ({user_count} total users)", by_class_json(&by_class));
        if self.reset_stats {
            info!("Resetting stats");
            self.reset_stats(oneshot::channel().0, cx);
        }
        self.hooks
            .hatch_complete
            .fire_with(|| HatchComplete { user_count, by_class: by_class.clone() });
        self.tell(RunnerEvent::HatchComplete { user_count, by_class });
        for reply in self.awaiting_hatched.drain(..) {
            let _ = reply.send(Ok(()));
        }
    }

    fn reset_stats(&mut self, done: oneshot::Sender<()>, cx: &mut Context<Runner>) {
        self.epoch += 1;
        let epoch = self.epoch;
        self.stats.do_send(ToStats::Reset { epoch });
        self.order_all(|| ToSupervisor::ResetStats { epoch });
        self.hooks.reset_stats.fire(&ResetStats);
        self.tell(RunnerEvent::StatsReset);
        let supervisors = self.supervisors.clone();
        let reset = async move { flushed(&supervisors).await };
        cx.spawn(reset.into_actor(self).map(|(), _, _| drop(done)));
    }
}

impl Actor for Runner {
    type Context = Context<Runner>;

    fn started(&mut self, cx: &mut Context<Runner>) {
        cx.run_interval(MONITOR_INTERVAL, Runner::monitor);
    }
}

impl Handler<ToRunner> for Runner {
    type Result = ();

    fn handle(&mut self, message: ToRunner, cx: &mut Context<Runner>) {
        match message {
            ToRunner::AwaitShards { reply } => {
                self.awaiting_shards.push(reply);
                self.answer_awaiting_shards();
            }
            ToRunner::Start { goal, wait, reply } => self.start(goal, wait, reply),
            ToRunner::Stop { done } => self.stop(Some(done), cx),
            ToRunner::Hurry => self.hurry(),
            ToRunner::ResetStats { done } => self.reset_stats(done, cx),
            ToRunner::Hatched { job, by_class } => self.hatched(job, by_class, cx),
            ToRunner::ShardUp { shard } => self.shard_up(shard),
            ToRunner::ShardLost { shard, reason } => {
                self.up[shard] = false;
                self.hatcher.do_send(ToHatcher::ShardLost { shard });
                self.tell(RunnerEvent::ShardLost { shard, reason });
            }
            ToRunner::ShardFailed { error } => self.shard_failed(error, cx),
            ToRunner::Users { shard, n_users } => self.set_users(shard, &n_users),
            ToRunner::Init { runner, reply } => self.init(runner, reply),
            ToRunner::ListenerFailed { shard, failure } => {
                self.listener_failed(Some(shard), failure);
            }
            ToRunner::Fire(parcel) => self.hooks.deliver(&parcel),
            ToRunner::Quitting { stats, done } => self.quitting(*stats, done),
            ToRunner::Settle { done } => drop(done),
            ToRunner::Quit { exit_code, done } => {
                self.hooks.quit.fire(&Quit { exit_code });
                self.hear_listener_failures();
                self.sum_up_listener_failures();
                drop(done);
            }
            ToRunner::ShapeFailed { error } => self.shape_failed(error, cx),
            ToRunner::TasksDone { shard } => self.tasks_done(shard, cx),
            ToRunner::StopTest { shard, error } => self.stop_test(shard, error, cx),
        }
        self.hear_listener_failures();
    }
}

/// A shard's part of so many tasks, which the first `n_working` shards share.
fn share(n_tasks: u64, shard: u64, n_working: u64) -> u64 {
    match shard < n_working {
        true => n_tasks / n_working + u64::from(shard < n_tasks % n_working),
        false => 0,
    }
}

/// `{"A": 3, "B": 3}`, sorted by name, as Locust logs it.
fn by_class_json(by_class: &[(String, u32)]) -> String {
    let sorted: BTreeMap<_, _> = by_class.iter().map(|(name, n_users)| (name, n_users)).collect();
    let cells: Vec<_> =
        sorted.iter().map(|(name, n_users)| format!("{name:?}: {n_users}")).collect();
    format!("{{{}}}", cells.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_working_shards_add_up() {
        for (n_tasks, n_working) in [(10, 3), (2, 4), (0, 1), (7, 7)] {
            let sum: u64 = (0..9).map(|shard| share(n_tasks, shard, n_working)).sum();
            assert_eq!(sum, n_tasks);
            assert_eq!(share(n_tasks, n_working, n_working), 0);
        }
    }

    #[test]
    fn classes_are_logged_by_name_as_locust_does() {
        let by_class = [("B".to_owned(), 3), ("A".to_owned(), 4)];
        assert_eq!(by_class_json(&by_class), r#"{"A": 4, "B": 3}"#);
        assert_eq!(by_class_json(&[]), "{}");
    }
}
