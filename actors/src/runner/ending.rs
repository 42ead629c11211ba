//! How a test ends: whoever asks for it, the users go first, and then the listeners hear of it.

use super::{
    actor::Runner,
    events::RunnerEvent,
    state::{Deed, Happening, State},
};
use crate::{
    error::Error,
    hatcher::{ToHatcher, all_done, flushed},
    hooks::{Quitting, TestStop, TestStopping},
    supervisor::ToSupervisor,
};
use actix::{
    fut::{ActorFutureExt, WrapFuture},
    prelude::{AsyncContext, Context},
};
use hatchery_core::stats::Snapshot;
use std::sync::Arc;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

impl Runner {
    pub(super) fn stop(&mut self, done: Option<oneshot::Sender<()>>, cx: &mut Context<Runner>) {
        match self.step(Happening::Stop) {
            Deed::EndUsers => {
                self.hooks.test_stopping.fire(&TestStopping);
                self.awaiting_stopped.extend(done);
                for reply in self.awaiting_hatched.drain(..) {
                    let _ = reply.send(Err(Error::stopped()));
                }
                self.end_users(cx);
            }
            Deed::Await => self.awaiting_stopped.extend(done),
            // `done` is dropped: there is no test to wait for.
            _ => {}
        }
    }

    fn end_users(&mut self, cx: &mut Context<Runner>) {
        self.early_hurries = Some(0);
        // Only when the hatcher has let go can no more users come.
        let (done, halted) = oneshot::channel();
        self.hatcher.do_send(ToHatcher::Halt { done });
        let halted = all_done(vec![halted]).into_actor(self);
        let ended = halted.then(|_, this, _| this.end_all().into_actor(this));
        cx.spawn(ended.map(|(), this, _| {
            if this.step(Happening::AllEnded) == Deed::Finish {
                this.hooks.test_stop.fire(&TestStop);
            }
            this.awaiting_stopped.clear();
        }));
    }

    /// Has the supervisors end their users, as fast as was asked meanwhile.
    fn end_all(&mut self) -> impl Future<Output = ()> + use<> {
        let supervisors = self.supervisors.clone();
        let ended = supervisors.iter().map(|supervisor| {
            let (done, ended) = oneshot::channel();
            supervisor.do_send(ToSupervisor::EndAll { done });
            ended
        });
        let ended = all_done(ended.collect());
        (0..self.early_hurries.take().unwrap_or(0)).for_each(|_| self.hurry());
        async move {
            ended.await;
            supervisors.iter().for_each(|supervisor| supervisor.do_send(ToSupervisor::TestStop));
            // What `on_stop` hooks recorded belongs to the test.
            flushed(&supervisors).await;
        }
    }

    /// Cuts the end of the users short; one that has yet to begin, as soon as it does.
    pub(super) fn hurry(&mut self) {
        match &mut self.early_hurries {
            Some(n_hurries) => *n_hurries += 1,
            None => self.order_all(|| ToSupervisor::Hurry),
        }
    }

    pub(super) fn quitting(&self, stats: Snapshot, done: oneshot::Sender<()>) {
        let quitting = Quitting { stats, process_exit_code: self.process_exit_code.clone() };
        self.hooks.quitting.fire_reverse(&quitting);
        drop(done);
    }

    pub(super) fn tasks_done(&mut self, shard: usize, cx: &mut Context<Runner>) {
        self.tasks_done.insert(shard);
        let all = self.tasks_done.len() == self.supervisors.len();
        if all && matches!(self.state(), State::Hatching | State::Running) {
            info!("--iterations limit reached, shutting down");
            self.stop(None, cx);
        }
    }

    pub(super) fn shape_failed(&mut self, error: String, cx: &mut Context<Runner>) {
        error!("the load test shape stops the test: {error}");
        self.status.send_modify(|status| status.stop_test_error = Some(error.into()));
        self.stop(None, cx);
    }

    pub(super) fn stop_test(
        &mut self,
        shard: usize,
        error: Option<String>,
        cx: &mut Context<Runner>,
    ) {
        // Many users may say so at once.
        if matches!(self.state(), State::Hatching | State::Running) {
            match &error {
                Some(text) => error!("a user of shard {shard} stops the test: {text}"),
                None => warn!("a user of shard {shard} stops the test"),
            }
            let text = error.as_deref().map(Arc::from);
            self.status.send_modify(|status| status.stop_test_error = text);
            self.tell(RunnerEvent::StopTest { shard, error });
            self.stop(None, cx);
        }
    }
}
