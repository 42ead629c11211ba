//! A single shard on virtual time, driven by hand: what users do, without waiting for it.

use crossbeam_channel::Receiver;
use hatchery_core::{
    events::ListenerFailure,
    message::{Command, ExceptionReport, Pulse, Report},
    shard::{Common, ShardHandle},
    stats::Snapshot,
};
use std::{iter, time::Duration};

/// How long a test waits for a shard before it fails: far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A shard and what it has reported.
pub struct Stage {
    shard: Option<ShardHandle>,
    reports: Receiver<Report>,
    /// The statistics it has handed over.
    pub stats: Snapshot,
    /// Errors and panics of tasks and hooks, in order.
    pub exceptions: Vec<ExceptionReport>,
    /// Event listeners that panicked or returned an error.
    pub listener_failures: Vec<ListenerFailure>,
    /// Users that ended by themselves.
    pub n_ended: u32,
    /// How often it has said that its task runs are used up.
    pub n_tasks_done: u32,
    /// Requests to end the test, with their errors.
    pub stop_tests: Vec<Option<String>>,
    /// The last sign of life.
    pub pulse: Pulse,
    /// The panic that ended the shard's thread, if one did.
    pub panic: Option<String>,
    n_flushes: u64,
}

impl Stage {
    /// Starts a shard on virtual time with these classes and settings.
    pub fn new(common: Common) -> Stage {
        Stage::start(Common { paused_clock: true, unpinned: true, ..common })
    }

    /// The same on real time.
    pub fn real(common: Common) -> Stage {
        Stage::start(Common { unpinned: true, ..common })
    }

    fn start(common: Common) -> Stage {
        let (shard, reports) = ShardHandle::start_alone(common).expect("a shard can be started");
        let mut stage = Stage {
            shard: Some(shard),
            reports,
            stats: Snapshot::new(0),
            exceptions: vec![],
            listener_failures: vec![],
            n_ended: 0,
            n_tasks_done: 0,
            stop_tests: vec![],
            pulse: Pulse::default(),
            panic: None,
            n_flushes: 0,
        };
        stage.wait_for(|_, report| matches!(report, Report::Ready { .. }));
        stage
    }

    /// Sends a command.
    pub fn send(&self, command: Command) {
        self.shard.as_ref().expect("still running").send(command);
    }

    /// Hatches users of the first class.
    pub fn hatch(&self, n_users: u32) {
        self.send(Command::Hatch { class: 0, n_users });
    }

    /// Waits until what was sent before has been done and its statistics are here.
    pub fn flush(&mut self) {
        self.n_flushes += 1;
        let expected = self.n_flushes;
        self.send(Command::Flush { token: expected });
        self.wait_for(
            |_, report| matches!(report, Report::Flushed { token, .. } if *token == expected),
        );
    }

    /// Waits until all users are gone.
    pub fn wait_until_empty(&mut self) {
        loop {
            self.flush();
            if self.pulse.n_users.iter().all(|&n_users| n_users == 0) {
                return;
            }
        }
    }

    /// Waits until something is true of what was reported.
    pub fn wait_until(&mut self, mut done: impl FnMut(&Stage) -> bool) {
        if !done(self) {
            self.wait_for(|stage, _| done(stage));
        }
    }

    /// Ends the shard and takes in its last words.
    pub fn quit(&mut self) {
        self.send(Command::Quit);
        self.wait_for(|_, report| matches!(report, Report::Gone { .. }));
        if let Some(shard) = self.shard.take() {
            shard.join();
        }
    }

    fn wait_for(&mut self, mut done: impl FnMut(&Stage, &Report) -> bool) {
        loop {
            let mut report =
                self.reports.recv_timeout(PATIENCE).expect("the shard answers in time");
            self.take(&mut report);
            if done(self, &report) {
                return;
            }
        }
    }

    fn take(&mut self, report: &mut Report) {
        match report {
            Report::Stats(delta) => self.stats.absorb(delta),
            Report::Exception(exception) => {
                let n = usize::try_from(exception.n).expect("a test has few");
                self.exceptions.extend(iter::repeat_n((**exception).clone(), n));
            }
            Report::Ended { n_users, .. } => self.n_ended += *n_users,
            Report::StopTest { error, .. } => self.stop_tests.push(error.clone()),
            Report::Pulse(pulse) => self.pulse = pulse.clone(),
            Report::Gone { panic, .. } => self.panic = panic.take(),
            Report::Failed { error, .. } => panic!("the shard failed: {error}"),
            Report::TasksDone { .. } => self.n_tasks_done += 1,
            Report::ListenerFailed { failure, .. } => self.listener_failures.push(failure.clone()),
            Report::Fired(_) | Report::Ready { .. } | Report::Flushed { .. } => {}
        }
    }
}
