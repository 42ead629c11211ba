//! The supervisor's state and what each message does to it.

use super::{drain::Drain, life::Phase, load::LoadMeter, message::ToSupervisor};
use crate::{
    runner::{Runner, ToRunner},
    shard::{Launch, Shard},
};
use actix::prelude::{Actor, Addr, AsyncContext, Context, Handler, SpawnHandle};
use hatchery_core::{
    message::{Command, Pulse, Whom},
    shard::Outbox,
};
use std::{collections::HashMap, mem, rc::Rc, time::Duration};
use tokio::{sync::oneshot, time::Instant};
use tracing::{info, warn};

/// A shard that says nothing for longer than this is reported: a task is blocking its core. The
/// same patience as Locust's master has with its workers (`HEARTBEAT_LIVENESS`).
pub(crate) const HEARTBEAT_LIMIT: Duration = Duration::from_secs(3);

/// How often the heartbeat is looked at.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

/// Starts one shard, watches its heartbeat, starts it again, and ends its users gracefully.
pub(crate) struct CoreSupervisor {
    pub(super) shard_idx: usize,
    pub(super) launch: Rc<dyn Launch>,
    pub(super) outbox: Outbox,
    pub(super) runner: Addr<Runner>,
    pub(super) stop_timeout: Option<Duration>,

    pub(super) phase: Phase,
    pub(super) shard: Option<Box<dyn Shard>>,
    /// What the shard gave as its reason before it was gone.
    pub(super) failure: Option<String>,
    pub(super) was_up: bool,
    pub(super) n_restarts: u32,

    /// Users by class that there are to be, and that there are.
    pub(super) n_wanted: Vec<u32>,
    pub(super) n_live: Vec<u32>,
    pub(super) drain: Option<Drain>,
    pub(super) drain_timer: Option<SpawnHandle>,
    /// Whether users of this test outlived their kill.
    pub(super) given_up: bool,
    pub(super) flushes: HashMap<u64, Option<oneshot::Sender<()>>>,
    pub(super) last_token: u64,

    pub(super) epoch: u32,
    pub(super) testing: bool,
    /// The shard's share of `--iterations`.
    pub(super) n_tasks: Option<u64>,
    pub(super) last_pulse: Instant,
    pub(super) silent: bool,
    load: LoadMeter,
}

impl CoreSupervisor {
    pub(crate) fn new(
        shard_idx: usize,
        launch: Rc<dyn Launch>,
        outbox: Outbox,
        runner: Addr<Runner>,
        n_classes: usize,
        stop_timeout: Option<Duration>,
    ) -> CoreSupervisor {
        CoreSupervisor {
            shard_idx,
            launch,
            outbox,
            runner,
            // No patience at all is Locust's default: users are killed at once.
            stop_timeout: stop_timeout.filter(|timeout| !timeout.is_zero()),
            phase: Phase::Starting,
            shard: None,
            failure: None,
            was_up: false,
            n_restarts: 0,
            n_wanted: vec![0; n_classes],
            n_live: vec![0; n_classes],
            drain: None,
            drain_timer: None,
            given_up: false,
            flushes: HashMap::new(),
            last_token: 0,
            epoch: 0,
            testing: false,
            n_tasks: None,
            last_pulse: Instant::now(),
            silent: false,
            load: LoadMeter::default(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Up)
    }

    /// Sends a command to a shard that is up; one that is not has nothing to be told.
    pub(super) fn command(&self, command: Command) {
        if let (Phase::Up, Some(shard)) = (&self.phase, &self.shard) {
            shard.send(command);
        }
    }

    fn pulse(&mut self, pulse: Pulse) {
        self.last_pulse = Instant::now();
        if mem::take(&mut self.silent) {
            info!("shard {} is heard of again", self.shard_idx);
        }
        self.load.add(self.last_pulse.into_std(), &pulse);
        if let Some(drain) = &mut self.drain {
            drain.pulse();
        }
        if self.n_live != pulse.n_users {
            self.n_live = pulse.n_users;
            self.report_users();
        }
        self.check_drain();
    }

    pub(super) fn report_users(&self) {
        let (shard, n_users) = (self.shard_idx, self.n_live.clone());
        self.runner.do_send(ToRunner::Users { shard, n_users });
    }

    fn check_heartbeat(&mut self) {
        let silence = self.last_pulse.elapsed();
        if self.is_up() && !self.silent && silence > HEARTBEAT_LIMIT {
            self.silent = true;
            warn!(
                "shard {} has said nothing for {:.0} s: a task blocks its core, use async calls",
                self.shard_idx,
                silence.as_secs_f64(),
            );
        }
    }
}

impl Actor for CoreSupervisor {
    type Context = Context<CoreSupervisor>;

    fn started(&mut self, cx: &mut Context<CoreSupervisor>) {
        self.launch_shard();
        cx.run_interval(HEARTBEAT_INTERVAL, |this, _| this.check_heartbeat());
    }
}

impl Handler<ToSupervisor> for CoreSupervisor {
    type Result = ();

    fn handle(&mut self, message: ToSupervisor, cx: &mut Context<CoreSupervisor>) {
        match message {
            ToSupervisor::Ready { ring } => self.ready(&ring),
            ToSupervisor::Failed { error } => self.failure = Some(error),
            ToSupervisor::Pulse(pulse) => self.pulse(pulse),
            ToSupervisor::Flushed { token } => self.flushed(token, cx),
            ToSupervisor::Ended { class, n_users } => {
                self.n_wanted[class] = self.n_wanted[class].saturating_sub(n_users);
            }
            ToSupervisor::Gone { panic } => self.gone(panic),
            ToSupervisor::TestStart { epoch, n_tasks } => {
                self.n_tasks = n_tasks;
                self.testing = true;
                self.given_up = false;
                self.epoch = epoch;
                self.n_restarts = 0;
                self.load.reset();
                self.command(Command::ResetStats { epoch });
                self.command(Command::TestStart { n_tasks: self.n_tasks });
            }
            ToSupervisor::TestStop => {
                self.testing = false;
                self.command(Command::TestStop);
            }
            ToSupervisor::ResetStats { epoch } => {
                self.epoch = epoch;
                self.command(Command::ResetStats { epoch });
            }
            ToSupervisor::Hatch { class, n_users } => {
                if self.is_up() {
                    self.n_wanted[class] += n_users;
                }
                self.command(Command::Hatch { class, n_users });
            }
            ToSupervisor::Reduce { classes, done } => {
                for &(class, n_users) in &classes {
                    self.n_wanted[class] = self.n_wanted[class].saturating_sub(n_users);
                }
                let last = classes.iter().map(|&(class, n_users)| Whom::Last { class, n_users });
                self.begin_drain(&last.collect::<Vec<_>>(), done, cx);
            }
            ToSupervisor::EndAll { done } => {
                self.n_wanted.fill(0);
                self.begin_drain(&[Whom::All], done, cx);
            }
            ToSupervisor::Hurry => self.advance_drain(cx),
            ToSupervisor::Flush { done } => {
                self.flush(Some(done));
            }
            ToSupervisor::Recycle(delta) => {
                if let Some(shard) = &self.shard {
                    shard.recycle(*delta);
                }
            }
            ToSupervisor::Load { reply } => {
                let _ = reply.send(self.load.load(self.shard_idx, self.n_restarts));
            }
            ToSupervisor::Shutdown { done } => self.shut_down(done, cx),
        }
    }
}
