//! How a supervisor ends users: it asks, waits, kills, and at last gives up.

use super::{
    actor::CoreSupervisor,
    drain::{Drain, Stage},
};
use actix::prelude::{AsyncContext, Context};
use hatchery_core::message::{Command, Stop, Whom};
use std::time::Duration;
use tokio::sync::oneshot;
use tracing::{debug, warn};

/// How long killed users may take for their `on_stop` hooks. Locust's master waits as long.
const KILL_LIMIT: Duration = Duration::from_secs(60);

impl CoreSupervisor {
    pub(super) fn flush(&mut self, done: Option<oneshot::Sender<()>>) -> u64 {
        self.last_token += 1;
        // A shard that is not up has nothing to hand over: `done` is dropped, which says so.
        if self.is_up() {
            self.flushes.insert(self.last_token, done);
            self.command(Command::Flush { token: self.last_token });
        }
        self.last_token
    }

    pub(super) fn flushed(&mut self, token: u64, cx: &mut Context<Self>) {
        if let Some(Some(done)) = self.flushes.remove(&token) {
            let _ = done.send(());
        }
        let Some(drain) = &mut self.drain else { return };
        // The shard pulses once a second; asking in between finds the end of most users sooner.
        if let Some(pause) = drain.answered(token) {
            cx.run_later(pause, move |this, _| {
                let is_same = this.drain.as_ref().is_some_and(|drain| drain.awaits(token));
                if is_same {
                    this.ask_drain();
                }
            });
        }
        self.check_drain();
    }

    pub(super) fn begin_drain(
        &mut self,
        whom: &[Whom],
        done: oneshot::Sender<()>,
        cx: &mut Context<Self>,
    ) {
        if !self.is_up() {
            return;
        }
        let (how, stage) = match self.stop_timeout {
            Some(_) => (Stop::Ask, Stage::Asked),
            None => (Stop::Kill, Stage::Killed),
        };
        for &whom in whom {
            self.command(Command::Stop { whom, how });
        }
        let token = self.flush(None);
        self.drain = Some(Drain::new(stage, token, done));
        self.set_drain_timer(stage, cx);
    }

    pub(super) fn set_drain_timer(&mut self, stage: Stage, cx: &mut Context<Self>) {
        let patience = match (stage, self.stop_timeout) {
            (Stage::Asked, Some(stop_timeout)) => stop_timeout,
            _ => KILL_LIMIT,
        };
        if let Some(timer) = self.drain_timer.take() {
            cx.cancel_future(timer);
        }
        self.drain_timer = Some(cx.run_later(patience, CoreSupervisor::advance_drain));
    }

    pub(super) fn advance_drain(&mut self, cx: &mut Context<Self>) {
        let Some(stage) = self.drain.as_mut().map(Drain::advance) else { return };
        match stage {
            Stage::Killed => {
                debug!("shard {}: users that were asked to end are killed", self.shard_idx);
                self.command(Command::Stop { whom: Whom::Asked, how: Stop::Kill });
                self.ask_drain();
                self.set_drain_timer(stage, cx);
            }
            _ => {
                self.given_up = true;
                warn!(
                    "shard {} still has {} users after they were killed: an on_stop hook does not \
                     end, or a task blocks its core",
                    self.shard_idx,
                    self.n_live.iter().sum::<u32>(),
                );
            }
        }
        self.check_drain();
    }

    /// Has the shard count the users that are left.
    pub(super) fn ask_drain(&mut self) {
        let token = self.flush(None);
        if let Some(drain) = &mut self.drain {
            drain.ask(token);
        }
    }

    pub(super) fn check_drain(&mut self) {
        if self.drain.as_ref().is_some_and(|drain| drain.is_over(&self.n_live, &self.n_wanted)) {
            self.drain = None;
        }
    }
}
