//! Paces a ramp: asks the dispatcher what comes next, tells the supervisors, and waits until the
//! next batch is due.
//!
//! What to hatch, and in which rhythm, the dispatcher decides; this actor has the clock. A new
//! target while a ramp is under way replaces it, which is all that edits, steps and shapes need.

use crate::{
    runner::{Runner, ToRunner},
    supervisor::{CoreSupervisor, ToSupervisor},
};
use actix::{
    fut::{ActorFutureExt, WrapFuture},
    prelude::{Actor, Addr, AsyncContext, Context, Handler, Message, SpawnHandle},
};
use hatchery_core::{
    dispatch::{Change, ClassSpec, Dispatcher},
    message::ClassIdx,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    mem,
    time::Duration,
};
use tokio::{
    sync::oneshot,
    time::{self, Instant},
};
use tracing::warn;

/// How long a ramp's last users may take to be there, before the ramp is called complete without
/// them. Locust's master waits as long for its workers' reports.
const SETTLE_LIMIT: Duration = Duration::from_secs(1);

/// Everything that happens to the [`Hatcher`].
pub(crate) enum ToHatcher {
    /// Head for a number of users. `job` comes back in [`ToRunner::Hatched`].
    /// Users are added only of the classes in `restrict`, if it is given.
    Hatch { job: u64, user_count: u32, hatch_rate: f64, restrict: Option<Vec<ClassIdx>> },
    /// Stop hatching and forget all users; `done` is dropped when no batch can follow.
    Halt { done: oneshot::Sender<()> },
    /// Users ended by themselves.
    Ended { shard: usize, class: ClassIdx, n_users: u32 },
    /// A shard died with its users, and will be back.
    ShardLost { shard: usize },
    /// A shard that was lost takes users again.
    ShardBack { shard: usize },
}

impl Message for ToHatcher {
    type Result = ();
}

/// Carries out ramps.
pub(crate) struct Hatcher {
    classes: Vec<ClassSpec>,
    supervisors: Vec<Addr<CoreSupervisor>>,
    runner: Addr<Runner>,
    dispatcher: Dispatcher,
    /// The ramp that the runner waits for.
    job: u64,
    pending: Pending,
    /// When the next batch is due. Deadlines follow from each other and not from the time at
    /// which a timer fired, so that a ramp of hours does not drift.
    due: Instant,
    /// Whether the last batch ended users, so that the next may be late without being in arrears.
    reduced: bool,
    /// Shards that died and are not back.
    lost: BTreeSet<usize>,
}

/// What a ramp waits for.
enum Pending {
    /// There is no ramp, or it waits for a shard to come back.
    Nothing,
    /// The next batch: a pause, or users that are ending.
    Batch(SpawnHandle),
    /// The last batch to be carried out.
    Settling(SpawnHandle),
}

impl Hatcher {
    pub(crate) fn new(
        classes: Vec<ClassSpec>,
        supervisors: Vec<Addr<CoreSupervisor>>,
        runner: Addr<Runner>,
    ) -> Hatcher {
        let dispatcher = Dispatcher::new(&classes, supervisors.len());
        Hatcher {
            classes,
            supervisors,
            runner,
            dispatcher,
            job: 0,
            pending: Pending::Nothing,
            due: Instant::now(),
            reduced: false,
            lost: BTreeSet::new(),
        }
    }

    fn begin(&mut self, cx: &mut Context<Hatcher>) {
        self.cancel(cx);
        self.due = Instant::now();
        self.step(cx);
    }

    fn cancel(&mut self, cx: &mut Context<Hatcher>) {
        match mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Nothing => {}
            Pending::Batch(handle) | Pending::Settling(handle) => {
                cx.cancel_future(handle);
            }
        }
    }

    /// Carries out the batch that is due and arranges for the next.
    fn step(&mut self, cx: &mut Context<Hatcher>) {
        self.pending = Pending::Nothing;
        if mem::take(&mut self.reduced) {
            self.due = self.due.max(Instant::now());
        }
        let Some(batch) = self.dispatcher.next_batch() else {
            // With a shard missing the dispatcher may only have nowhere to put users.
            if self.lost.is_empty() {
                self.settle(cx);
            }
            return;
        };
        // Hatching comes before stopping, as in Locust.
        for change in &batch.changes {
            if let Ok(n_users) = u32::try_from(change.delta) {
                let hatch = ToSupervisor::Hatch { class: change.class, n_users };
                self.supervisors[change.shard].do_send(hatch);
            }
        }
        // A pause longer than the clock can count is for ever.
        self.due = self.due.checked_add(batch.pause_after).unwrap_or_else(far_future);
        let ending = self.reduce(&batch.changes);
        self.reduced = !ending.is_empty();
        if ending.is_empty() && self.due <= Instant::now() {
            return self.continue_with(async {}, cx);
        }
        let due = self.due;
        self.continue_with(
            async move {
                // As in Locust, a step down lasts until its users have ended.
                let _ = all_done(ending).await;
                time::sleep_until(due).await;
            },
            cx,
        );
    }

    fn continue_with(
        &mut self,
        future: impl Future<Output = ()> + 'static,
        cx: &mut Context<Hatcher>,
    ) {
        let next = future.into_actor(self).map(|(), this, cx| this.step(cx));
        self.pending = Pending::Batch(cx.spawn(next));
    }

    /// Ends users, those of one shard together.
    fn reduce(&self, changes: &[Change]) -> Vec<oneshot::Receiver<()>> {
        let mut by_shard: BTreeMap<usize, Vec<(ClassIdx, u32)>> = BTreeMap::new();
        for change in changes.iter().filter(|change| change.delta < 0) {
            let n_users = u32::try_from(change.delta.unsigned_abs()).unwrap_or(u32::MAX);
            by_shard.entry(change.shard).or_default().push((change.class, n_users));
        }
        let shards = by_shard.into_iter().map(|(shard, classes)| {
            let (done, ended) = oneshot::channel();
            self.supervisors[shard].do_send(ToSupervisor::Reduce { classes, done });
            ended
        });
        shards.collect()
    }

    /// Tells the runner once every shard has done what it was told last.
    fn settle(&mut self, cx: &mut Context<Hatcher>) {
        let settled = flush_all(&self.supervisors);
        let settled = async move {
            time::timeout(SETTLE_LIMIT, all_done(settled)).await.unwrap_or_else(|_| {
                warn!("users are still being started: a shard is busy with something else");
                true
            })
        };
        let tell = settled.into_actor(self).map(|settled, this, _| {
            this.pending = Pending::Nothing;
            if !settled {
                // A shard died under its new users; the ramp goes on when it is back.
                return;
            }
            let counts = this.classes.iter().enumerate();
            let by_class =
                counts.map(|(i, class)| (class.name.clone(), this.dispatcher.n_users_of(i)));
            let hatched = ToRunner::Hatched { job: this.job, by_class: by_class.collect() };
            this.runner.do_send(hatched);
        });
        self.pending = Pending::Settling(cx.spawn(tell));
    }
}

/// How long a shard may take to hand over its statistics before nobody waits for its last second.
/// A task that blocks its core would keep everybody else waiting for ever; its supervisor says so.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// Has every shard hand over its statistics, and waits for those that do.
pub(crate) async fn flushed(supervisors: &[Addr<CoreSupervisor>]) {
    let _ = time::timeout(FLUSH_LIMIT, all_done(flush_all(supervisors))).await;
}

/// Asks every shard for its statistics. A channel is answered when they have arrived, and closed
/// when they will not, because the shard is gone.
fn flush_all(supervisors: &[Addr<CoreSupervisor>]) -> Vec<oneshot::Receiver<()>> {
    let flush = |supervisor: &Addr<CoreSupervisor>| {
        let (done, flushed) = oneshot::channel();
        supervisor.do_send(ToSupervisor::Flush { done });
        flushed
    };
    supervisors.iter().map(flush).collect()
}

/// Waits until each channel has been answered or closed, and says whether all were answered.
pub(crate) async fn all_done(channels: Vec<oneshot::Receiver<()>>) -> bool {
    let mut answered = true;
    for channel in channels {
        answered &= channel.await.is_ok();
    }
    answered
}

fn far_future() -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);
    Instant::now() + YEAR
}

impl Actor for Hatcher {
    type Context = Context<Hatcher>;
}

impl Handler<ToHatcher> for Hatcher {
    type Result = ();

    fn handle(&mut self, message: ToHatcher, cx: &mut Context<Hatcher>) {
        match message {
            ToHatcher::Hatch { job, user_count, hatch_rate, restrict } => {
                self.job = job;
                self.dispatcher.retarget(user_count, hatch_rate, restrict.as_deref());
                self.begin(cx);
            }
            ToHatcher::Halt { done } => {
                self.cancel(cx);
                self.dispatcher = Dispatcher::new(&self.classes, self.supervisors.len());
                for &shard in &self.lost {
                    self.dispatcher.shard_lost(shard);
                }
                drop(done);
            }
            ToHatcher::Ended { shard, class, n_users } => {
                (0..n_users).for_each(|_| self.dispatcher.user_ended(shard, class));
            }
            ToHatcher::ShardLost { shard } => {
                self.lost.insert(shard);
                self.dispatcher.shard_lost(shard);
                if matches!(self.pending, Pending::Settling(_)) {
                    self.cancel(cx);
                }
            }
            ToHatcher::ShardBack { shard } => {
                // At the very start nothing was lost.
                if self.lost.remove(&shard) {
                    self.dispatcher.shard_back(shard);
                    if matches!(self.pending, Pending::Nothing) {
                        self.begin(cx);
                    }
                }
            }
        }
    }
}
