//! A shard for tests: it answers commands with reports at once, and writes down what it was told.

use crate::{
    runner::{Control, Plan},
    shard::{Launch, Shard},
};
use actix::System;
use hatchery_core::{
    clock::unix_now_ns,
    dispatch::ClassSpec,
    message::{Command, Pulse, Report, Stop, Whom},
    shard::Outbox,
    stats::{Delta, Recorder, Sample},
};
use std::{
    cell::{Cell, RefCell},
    io, mem,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{runtime, time::Instant};

/// What the shards of a test do beside obeying.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// Users that are asked to end go on with their task.
    pub(crate) stubborn: bool,
    /// Users that are killed have an `on_stop` hook that does not end.
    pub(crate) unkillable: bool,
    /// A user's first task blocks its core for ever.
    pub(crate) blocking: bool,
    /// How often a shard panics when it is told to hatch.
    pub(crate) n_panics: u32,
    /// A shard that cannot start.
    pub(crate) failing_shard: Option<usize>,
}

/// A command, the shard that got it, and the time since the test began.
pub(crate) type Entry = (Duration, usize, String);

/// Starts fake shards, and keeps what they were told.
pub(crate) struct FakeLaunch {
    n_shards: usize,
    script: Script,
    n_panics_left: Rc<Cell<u32>>,
    start: Instant,
    log: Arc<Mutex<Vec<Entry>>>,
    outbox: RefCell<Option<Outbox>>,
}

impl FakeLaunch {
    pub(crate) fn new(n_shards: usize, script: Script) -> FakeLaunch {
        FakeLaunch {
            n_shards,
            n_panics_left: Rc::new(Cell::new(script.n_panics)),
            script,
            start: Instant::now(),
            log: Arc::default(),
            outbox: RefCell::default(),
        }
    }

    /// Everything the shards were told that contains `text`.
    pub(crate) fn told(&self, text: &str) -> Vec<Entry> {
        let log = self.log.lock().unwrap();
        log.iter().filter(|(_, _, command)| command.contains(text)).cloned().collect()
    }

    /// Says something as if a shard did.
    pub(crate) fn say(&self, report: Report) {
        self.outbox.borrow().as_ref().unwrap().send(report);
    }
}

impl Launch for FakeLaunch {
    fn n_shards(&self) -> usize {
        self.n_shards
    }

    fn launch(&self, shard: usize, outbox: Outbox) -> io::Result<Box<dyn Shard>> {
        *self.outbox.borrow_mut() = Some(outbox.clone());
        if self.script.failing_shard == Some(shard) {
            outbox.send(Report::Failed { shard, error: "no ring".to_owned() });
            outbox.send(Report::Gone { shard, panic: None });
        } else {
            outbox.send(Report::Ready { shard, ring: "fake".to_owned() });
        }
        Ok(Box::new(FakeShard {
            idx: shard,
            outbox,
            script: self.script.clone(),
            n_panics_left: self.n_panics_left.clone(),
            start: self.start,
            log: self.log.clone(),
            life: RefCell::new(Life {
                alive: self.script.failing_shard != Some(shard),
                blocked: false,
                n_users: [0; 2],
                n_asked: [0; 2],
                recorder: Recorder::new(shard),
            }),
        }))
    }
}

struct FakeShard {
    idx: usize,
    outbox: Outbox,
    script: Script,
    n_panics_left: Rc<Cell<u32>>,
    start: Instant,
    log: Arc<Mutex<Vec<Entry>>>,
    life: RefCell<Life>,
}

struct Life {
    alive: bool,
    /// It does nothing more.
    blocked: bool,
    n_users: [u32; 2],
    n_asked: [u32; 2],
    recorder: Recorder,
}

impl Life {
    fn record(&mut self, name: &'static str) {
        let id = self.recorder.entry_static("GET", name);
        self.recorder.record(
            id,
            &Sample {
                latency_ns: Some(1_000_000),
                bytes: 1,
                status: 200,
                failure: None,
                end_unix_ns: unix_now_ns(),
            },
        );
    }

    fn end(&mut self, class: usize, n_users: u32) {
        self.n_users[class] = self.n_users[class].saturating_sub(n_users);
    }
}

impl FakeShard {
    fn pulse(&self, life: &Life) {
        let n_users = life.n_users.to_vec();
        self.outbox.send(Report::Pulse(Pulse { shard: self.idx, n_users, ..Pulse::default() }));
    }

    fn stop(&self, life: &mut Life, whom: Whom, how: Stop) {
        let whom = match whom {
            Whom::All => vec![(0, life.n_users[0]), (1, life.n_users[1])],
            Whom::Last { class, n_users } => vec![(class, n_users)],
            Whom::Asked => vec![(0, life.n_asked[0]), (1, life.n_asked[1])],
        };
        for (class, n_users) in whom {
            if how == Stop::Kill {
                life.n_asked[class] = 0;
            }
            match how {
                Stop::Ask if self.script.stubborn => life.n_asked[class] += n_users,
                Stop::Kill if self.script.unkillable => {}
                Stop::Ask | Stop::Kill => life.end(class, n_users),
            }
        }
    }

    fn die(&self, life: &mut Life, panic: Option<String>) {
        life.alive = false;
        self.outbox.send(Report::Gone { shard: self.idx, panic });
    }

    fn hand_over(&self, life: &mut Life) {
        for delta in life.recorder.collect() {
            self.outbox.send(Report::Stats(Box::new(delta)));
        }
    }
}

impl Shard for FakeShard {
    fn send(&self, command: Command) {
        let entry = (self.start.elapsed(), self.idx, format!("{command:?}"));
        self.log.lock().unwrap().push(entry);
        let life = &mut *self.life.borrow_mut();
        if !life.alive || life.blocked {
            return;
        }
        match command {
            Command::Hatch { .. } if self.n_panics_left.get() > 0 => {
                self.n_panics_left.set(self.n_panics_left.get() - 1);
                self.die(life, Some("boom".to_owned()));
            }
            Command::Hatch { class, n_users } => {
                life.n_users[class] += n_users;
                life.blocked = self.script.blocking;
                (0..n_users).for_each(|_| life.record("/hatch"));
            }
            Command::Stop { whom, how } => self.stop(life, whom, how),
            Command::ResetStats { epoch } => life.recorder.reset(epoch),
            Command::Flush { token } => {
                self.hand_over(life);
                self.pulse(life);
                self.outbox.send(Report::Flushed { shard: self.idx, token });
            }
            Command::Quit => {
                // An `on_stop` hook makes its last request.
                life.record("/quit");
                self.hand_over(life);
                self.die(life, None);
            }
            Command::TestStart { .. } | Command::TestStop | Command::Resolved(_) => {}
        }
    }

    fn recycle(&self, delta: Delta) {
        self.life.borrow_mut().recorder.recycle(delta);
    }

    fn join(self: Box<Self>) {
        assert!(!mem::take(&mut self.life.borrow_mut().alive), "only a shard that is gone ends");
    }
}

/// Two classes that share evenly.
pub(crate) fn plan(stop_timeout: Option<Duration>) -> Plan {
    let class = |name: &str| ClassSpec { name: name.to_owned(), weight: 1.0, fixed_count: 0 };
    Plan {
        classes: vec![class("A"), class("B")],
        stop_timeout,
        reset_stats: false,
        iterations: None,
        listeners: vec![],
        common: Arc::default(),
        process_exit_code: None,
        exit_code_on_error: 1,
        spin: false,
    }
}

/// Runs a test on an actix system whose clock jumps to the next timer when nothing else is to do.
pub(crate) fn on_paused_time<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    let paused = || {
        let mut builder = runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    System::with_tokio_rt(paused).block_on(async { test().await });
}

/// A control plane of fake shards.
pub(crate) async fn launch(
    n_shards: usize,
    plan: Plan,
    script: Script,
) -> (Control, Rc<FakeLaunch>) {
    let fakes = Rc::new(FakeLaunch::new(n_shards, script));
    (Control::launch(plan, fakes.clone()).await.unwrap(), fakes)
}
