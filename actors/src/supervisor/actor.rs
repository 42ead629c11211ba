//! The supervisor's state and what each message does to it.

use super::{drain::Drain, load::LoadMeter, message::ToSupervisor};
use crate::{
    error::Error,
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
use tracing::{debug, error, info, warn};

/// A shard that says nothing for longer than this is reported: a task is blocking its core. The
/// same patience as Locust's master has with its workers (`HEARTBEAT_LIVENESS`).
pub(crate) const HEARTBEAT_LIMIT: Duration = Duration::from_secs(3);

/// How often the heartbeat is looked at.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

/// How often a shard is started again within one test. A panic that reaches the shard's loop is a
/// fault of the engine: once may be bad luck, four times is a run whose numbers mean nothing.
pub(crate) const RESTARTS_MAX: u32 = 3;

/// How long a shard may take to end after it was told to quit: longer than it gives its users'
/// last hooks. Then its thread is left alone, so that a task that blocks for ever cannot keep the
/// report from being printed.
const QUIT_LIMIT: Duration = Duration::from_secs(15);

/// The same for a shard that nobody waits for any longer: it has said nothing for longer than
/// [`HEARTBEAT_LIMIT`], or has users that outlived their kill.
const QUIT_LIMIT_GIVEN_UP: Duration = Duration::from_secs(1);

enum Phase {
    /// The thread runs and has not said that it is ready.
    Starting,
    /// It takes commands.
    Up,
    /// It was told to end.
    Quitting(Vec<oneshot::Sender<()>>),
    /// There is no thread, and there will be none.
    Down,
}

/// Starts one shard, watches its heartbeat, starts it again, and ends its users gracefully.
pub(crate) struct CoreSupervisor {
    pub(super) shard_idx: usize,
    launch: Rc<dyn Launch>,
    outbox: Outbox,
    runner: Addr<Runner>,
    pub(super) stop_timeout: Option<Duration>,

    phase: Phase,
    shard: Option<Box<dyn Shard>>,
    /// What the shard gave as its reason before it was gone.
    failure: Option<String>,
    was_up: bool,
    n_restarts: u32,

    /// Users by class that there are to be, and that there are.
    pub(super) n_wanted: Vec<u32>,
    pub(super) n_live: Vec<u32>,
    pub(super) drain: Option<Drain>,
    pub(super) drain_timer: Option<SpawnHandle>,
    /// Whether users of this test outlived their kill.
    pub(super) given_up: bool,
    pub(super) flushes: HashMap<u64, Option<oneshot::Sender<()>>>,
    pub(super) last_token: u64,

    epoch: u32,
    testing: bool,
    /// The shard's share of `--iterations`.
    n_tasks: Option<u64>,
    last_pulse: Instant,
    silent: bool,
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

    fn launch_shard(&mut self) {
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

    pub(super) fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Up)
    }

    /// Sends a command to a shard that is up; one that is not has nothing to be told.
    pub(super) fn command(&self, command: Command) {
        if let (Phase::Up, Some(shard)) = (&self.phase, &self.shard) {
            shard.send(command);
        }
    }

    fn ready(&mut self, ring: &str) {
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

    fn gone(&mut self, panic: Option<String>) {
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

    fn report_users(&self) {
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

    fn shut_down(&mut self, done: oneshot::Sender<()>, cx: &mut Context<Self>) {
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
