//! What a task is given besides its own state: the way to its parents, its queue, its clock.

use super::{
    actor::Actor,
    exit::{Exit, TaskResult},
    frame::Mount,
    run,
    table::{Run, erase},
    traits::Tasks,
    wait::{Pacing, Wait},
};
use crate::{
    shard::{Common, Shard},
    stats::{EntryId, Sample},
    timer::Sleep,
};
use std::{any::Any, collections::VecDeque, fmt, future::Future, rc::Rc, time::Duration};

/// The context of a running task of `S`.
pub struct Cx<'a, S: Tasks> {
    pub(super) frame: <S::Parent as Mount>::Frame<'a>,
    pub(super) queue: VecDeque<Run<S>>,
    pub(super) actor: Rc<Actor>,
    /// The wait of this set, or of the user where the set has none.
    pub(super) wait: Wait,
    /// Whether `wait` is the user's, and shares its pacing.
    pub(super) wait_is_users: bool,
    pub(super) pacing: Pacing,
    /// Where a sequence has got to.
    pub(super) position: usize,
}

impl<S: Tasks> fmt::Debug for Cx<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx").field("user_id", &self.user_id()).finish_non_exhaustive()
    }
}

impl<S: Tasks> Cx<'_, S> {
    /// Queues a task: it runs after those queued before, and before any that is chosen. Any task
    /// of `S` will do, in the table or not. Locust's `schedule_task(task)`.
    pub fn schedule<F>(&mut self, task: F)
    where
        F: AsyncFn(&mut S, &mut Cx<'_, S>) -> TaskResult + 'static,
    {
        self.queue.push_back(erase(task));
    }

    /// Queues a task before all others. Locust's `schedule_task(task, first=True)`.
    pub fn schedule_first<F>(&mut self, task: F)
    where
        F: AsyncFn(&mut S, &mut Cx<'_, S>) -> TaskResult + 'static,
    {
        self.queue.push_front(erase(task));
    }

    /// The set this one is nested in, or the user. Locust's `TaskSet.parent`.
    pub fn parent(&mut self) -> &mut S::Parent {
        <S::Parent as Mount>::parent(&mut self.frame)
    }

    /// The user at the top of the chain. Locust's `TaskSet.user`.
    pub fn user(&mut self) -> &mut <S::Parent as Mount>::User {
        <S::Parent as Mount>::user(&mut self.frame)
    }

    /// Leaves this set; its parent goes on at once. Locust's `interrupt()`.
    ///
    /// # Errors
    /// Always, to be passed on with `?` or `return`.
    pub fn interrupt<T>(&self) -> TaskResult<T> {
        Err(Exit::Interrupt { reschedule: true })
    }

    /// Leaves this set; its parent waits before it goes on. Locust's `interrupt(False)`.
    ///
    /// # Errors
    /// Always, to be passed on with `?` or `return`.
    pub fn interrupt_and_wait<T>(&self) -> TaskResult<T> {
        Err(Exit::Interrupt { reschedule: false })
    }

    /// Ends this user. Locust's `raise StopUser()`.
    ///
    /// # Errors
    /// Always, to be passed on with `?` or `return`.
    pub fn stop_user<T>(&self) -> TaskResult<T> {
        Err(Exit::StopUser)
    }

    /// Ends the test. Locust's `raise StopTest()`.
    ///
    /// # Errors
    /// Always, to be passed on with `?` or `return`.
    pub fn stop_test<T>(&self) -> TaskResult<T> {
        Err(Exit::StopTest)
    }

    /// Waits as between two tasks. A stop ends it at once, even with a stop timeout; use
    /// [`Cx::sleep`] where that is not wanted. Locust's `wait()`.
    ///
    /// # Errors
    /// [`Exit::StopUser`] when the user was stopped; an error where the set has a `wait_time`
    /// method of its own, which is called as `cx.wait_for(self.wait_time(cx).await)`.
    pub async fn wait(&mut self) -> TaskResult
    where
        <S::Parent as Mount>::User: Any,
    {
        run::wait_in_task(self).await
    }

    /// Waits so many seconds, as [`Cx::wait`] does.
    ///
    /// # Errors
    /// [`Exit::StopUser`] when the user was stopped.
    pub async fn wait_for(&mut self, wait_s: f64) -> TaskResult {
        run::wait_seconds(&self.actor, wait_s).await
    }

    /// Sleeps; a graceful stop waits for it as for any part of the task. Locust's `gevent.sleep`.
    pub fn sleep(&self, time: Duration) -> Sleep {
        self.actor.shard.sleep(time)
    }

    /// What the run is made of: host, tags, classes, the program's own options. Locust's
    /// `self.environment`.
    pub fn environment(&self) -> &Common {
        self.actor.shard.common()
    }

    /// The program's own options, if they are of this type. Locust's
    /// `self.environment.parsed_options`.
    pub fn parsed_options<T: 'static>(&self) -> Option<&T> {
        self.environment().parsed_options()
    }

    /// Calls the listeners of a hook of the program's own on this core: see
    /// [`Events::hook`](crate::events::Events::hook). Locust's `my_event.fire(…)`.
    pub fn fire<P: 'static>(&self, payload: &P) {
        self.actor.shard.events().fire(payload);
    }

    /// The same, the listener added last first. Locust's `my_event.fire(reverse=True, …)`.
    pub fn fire_reverse<P: 'static>(&self, payload: &P) {
        self.actor.shard.events().fire_reverse(payload);
    }

    /// Calls the listeners of a hook of the program's own on the control thread, a moment later:
    /// for what happens seldom, because one thread hears it of all cores. More than 1,000 a second
    /// from one core are dropped, and logged as a listener's failure.
    pub fn fire_on_control<P: Send + 'static>(&self, payload: P) {
        self.actor.shard.fire_on_control(payload);
    }

    /// The number of this user, unique on its shard in a run.
    pub fn user_id(&self) -> u64 {
        self.actor.id
    }

    /// The core that this user lives on.
    pub fn shard(&self) -> &Rc<Shard> {
        &self.actor.shard
    }

    /// Measures a call of any protocol: its time, and its error if it has one, are recorded under
    /// `(kind, name)`. Locust's `request` event fired by hand. A client that blocks can run on a
    /// thread of its own: a wake from there reaches the core at once.
    ///
    /// # Errors
    /// Those of the call; it is recorded as a failure and passed on.
    pub async fn measure<T, E>(
        &self,
        kind: &'static str,
        name: &'static str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E>
    where
        E: std::error::Error + 'static,
    {
        self.actor.shard.measure(kind, name, call).await
    }

    /// Records a sample that was measured elsewhere.
    pub fn record(&self, id: EntryId, sample: &Sample<'_>) {
        self.actor.shard.record(id, sample);
    }
}
