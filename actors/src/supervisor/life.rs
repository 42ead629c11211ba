//! The life of a shard, from its launch to its end, and the lives that follow it.

use super::actor::CoreSupervisor;
use crate::{error::Error, runner::ToRunner};
use actix::prelude::{AsyncContext, Context};
use hatchery_core::message::Command;
use std::{mem, time::Duration};
use tokio::{sync::oneshot, time::Instant};
use tracing::{debug, error, warn};

/// How often a shard is started again within one test. A panic that reaches the shard's loop is a
/// fault of the engine: once may be bad luck, four times is a run whose numbers mean nothing.
pub(crate) const RESTARTS_MAX: u32 = 3;

/// How long a shard may take to end after it was told to quit: longer than it gives its users'
/// last hooks. Then its thread is left alone, so that a task that blocks for ever cannot keep the
/// report from being printed.
const QUIT_LIMIT: Duration = Duration::from_secs(15);

/// The same for a shard that nobody waits for any longer: it has said nothing for longer than
/// [`HEARTBEAT_LIMIT`](super::actor::HEARTBEAT_LIMIT), or has users that outlived their kill.
const QUIT_LIMIT_GIVEN_UP: Duration = Duration::from_secs(1);

pub(super) enum Phase {
    /// The thread runs and has not said that it is ready.
    Starting,
    /// It takes commands.
    Up,
    /// It was told to end.
    Quitting(Vec<oneshot::Sender<()>>),
    /// There is no thread, and there will be none.
    Down,
}

impl CoreSupervisor {
    pub(super) fn launch_shard(&mut self) {
        self.last_pulse = Instant::now();
        match self.launch.launch(self.shard_idx, self.outbox.clone()) {
            Ok(shard) => {
                self.phase = Phase::Starting;
                self.shard = Some(shard);
            }
            Err(error) => self.give_up(Error::launch(self.shard_idx, error)),
        }
    }

    fn give_up(&mut self, error: Error) {
        self.phase = Phase::Down;
        self.runner.do_send(ToRunner::ShardFailed { error });
    }

    pub(super) fn ready(&mut self, ring: &str) {
        debug!("shard {} is ready: {ring}", self.shard_idx);
        self.phase = Phase::Up;
        self.was_up = true;
        self.last_pulse = Instant::now();
        // A shard that was started again knows nothing of the test it comes into.
        if self.epoch > 0 {
            self.command(Command::ResetStats { epoch: self.epoch });
        }
        if self.testing {
            self.command(Command::TestStart { n_tasks: self.n_tasks });
        }
        self.runner.do_send(ToRunner::ShardUp { shard: self.shard_idx });
    }

    pub(super) fn gone(&mut self, panic: Option<String>) {
        if let Some(shard) = self.shard.take() {
            shard.join();
        }
        self.flushes.clear();
        self.drain = None;
        let n_lost: u32 = self.n_live.iter().sum();
        self.n_wanted.fill(0);
        self.n_live.fill(0);
        self.report_users();
        // Whoever waits for the end is released by the old phase's drop.
        let phase = mem::replace(&mut self.phase, Phase::Down);
        let failure = self.failure.take();
        if matches!(phase, Phase::Quitting(_)) {
            return;
        }
        let reason = match (panic, failure) {
            (Some(text), _) => format!("panicked: {text}"),
            (None, Some(error)) => error,
            (None, None) => "ended by itself".to_owned(),
        };
        if !self.was_up {
            return self.give_up(Error::shard(self.shard_idx, reason));
        }
        if self.n_restarts >= RESTARTS_MAX {
            let times = self.n_restarts + 1;
            let reason = format!("died {times} times in one test, the last time it {reason}");
            return self.give_up(Error::shard(self.shard_idx, reason));
        }
        self.n_restarts += 1;
        error!(
            "shard {} {reason}; starting it again ({} of {RESTARTS_MAX}): its {n_lost} users are \
             hatched again, up to a second of its statistics is lost",
            self.shard_idx, self.n_restarts,
        );
        self.runner.do_send(ToRunner::ShardLost { shard: self.shard_idx, reason });
        self.launch_shard();
    }

    pub(super) fn shut_down(&mut self, done: oneshot::Sender<()>, cx: &mut Context<Self>) {
        match &mut self.phase {
            Phase::Down => {}
            Phase::Quitting(waiting) => waiting.push(done),
            Phase::Starting | Phase::Up => {
                if let Some(shard) = &self.shard {
                    shard.send(Command::Quit);
                }
                self.phase = Phase::Quitting(vec![done]);
                let is_given_up = self.silent || self.given_up;
                let limit = if is_given_up { QUIT_LIMIT_GIVEN_UP } else { QUIT_LIMIT };
                cx.run_later(limit, |this, _| {
                    if matches!(this.phase, Phase::Quitting(_)) {
                        warn!("shard {} does not end, and is left alone", this.shard_idx);
                        this.phase = Phase::Down;
                    }
                });
            }
        }
    }
}
