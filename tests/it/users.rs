//! What users do, in which order, on virtual time.

use hatchery::prelude::*;
use hatchery_core::{
    message::{Command, Stop, Whom},
    shard::Common,
    user::Class,
};
use hatchery_tests::stage::Stage;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// What happened, in order, told by the users through the program's options.
type Log = Arc<Mutex<Vec<&'static str>>>;

fn stage<U: User>(log: &Log) -> Stage {
    let options = Arc::new(Log::clone(log));
    Stage::new(Common { classes: vec![Class::of::<U>()], options, ..Common::default() })
}

fn log_of(spawn: &Spawn<'_>) -> Log {
    Log::clone(spawn.options::<Log>().expect("set by `stage`"))
}

fn say(log: &Log, word: &'static str) {
    log.lock().expect("no test panics with the lock").push(word);
}

fn said(log: &Log) -> Vec<&'static str> {
    log.lock().expect("no test panics with the lock").clone()
}

/// A user with a nested set, which tells everything that happens to it.
struct Teller {
    log: Log,
}

impl User for Teller {
    const WAIT: Wait = constant(1.0);

    fn new(spawn: &Spawn<'_>) -> Self {
        Teller { log: log_of(spawn) }
    }

    async fn on_start(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        say(&self.log, "start");
        cx.schedule(Self::plain);
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        say(&self.log, "stop");
        Ok(())
    }
}

#[tasks]
#[nested(Inner)]
impl Teller {
    async fn plain(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        say(&self.log, "plain");
        Ok(())
    }
}

struct Inner {
    n: u32,
}

impl TaskSet for Inner {
    fn new(_: &mut Teller) -> Self {
        Inner { n: 0 }
    }

    async fn on_start(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        say(&cx.user().log, "inner start");
        Ok(())
    }

    async fn on_stop(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        say(&cx.user().log, "inner stop");
        Ok(())
    }
}

#[tasks(parent = Teller)]
impl Inner {
    #[task]
    async fn step(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        self.n += 1;
        say(&cx.parent().log, "step");
        match self.n {
            1 => Ok(()),
            2 => Err(Exit::failed("bad step")),
            _ => cx.stop_user(),
        }
    }
}

#[test]
fn a_user_runs_its_queue_then_its_table_and_its_hooks_run_inside_out() {
    let log = Log::default();
    let mut stage = stage::<Teller>(&log);
    stage.hatch(1);
    stage.wait_until(|stage| stage.n_ended == 1);
    assert_eq!(
        said(&log),
        ["start", "plain", "inner start", "step", "step", "step", "inner stop", "stop"]
    );
    assert_eq!(stage.exceptions.len(), 1);
    assert_eq!(stage.exceptions[0].message, "bad step");
    stage.quit();
    assert_eq!(stage.panic, None);
}

/// Panics wherever its number says.
struct Clumsy {
    user_id: u64,
    log: Log,
}

impl User for Clumsy {
    const WAIT: Wait = constant(0.5);

    fn new(spawn: &Spawn<'_>) -> Self {
        assert_ne!(spawn.user_id(), 1, "in new");
        Clumsy { user_id: spawn.user_id(), log: log_of(spawn) }
    }

    async fn on_start(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        assert_ne!(self.user_id, 2, "in on_start");
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        assert_ne!(self.user_id, 3, "in on_stop");
        say(&self.log, "stop");
        Ok(())
    }
}

#[tasks]
impl Clumsy {
    #[task]
    async fn task(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.sleep(Duration::from_millis(1)).await;
        assert_ne!(self.user_id, 4, "in a task");
        say(&self.log, "task");
        cx.stop_user()
    }
}

#[test]
fn a_panic_anywhere_in_a_user_is_counted_and_its_neighbours_go_on() {
    let log = Log::default();
    let mut stage = stage::<Clumsy>(&log);
    stage.hatch(6);
    // The fourth user's task panics over and over; the others end.
    stage.wait_until(|stage| stage.n_ended == 5 && stage.exceptions.len() >= 5);
    for place in ["in new", "in on_start", "in on_stop", "in a task"] {
        let found = stage.exceptions.iter().filter(|it| it.message.contains(place)).count();
        assert!(found >= 1, "{place}: {:?}", stage.exceptions);
    }
    stage.send(Command::Stop { whom: Whom::All, how: Stop::Kill });
    stage.wait_until_empty();
    let said = said(&log);
    assert_eq!(said.iter().filter(|&&word| word == "task").count(), 3);
    // Users three, four, five and six began; the third's hook panicked before its word.
    assert_eq!(said.iter().filter(|&&word| word == "stop").count(), 3);
    stage.quit();
    assert_eq!(stage.panic, None);
}

struct Paced;

impl User for Paced {
    const WAIT: Wait = constant_pacing(1.0);

    fn new(_: &Spawn<'_>) -> Self {
        Paced
    }
}

#[tasks]
impl Paced {
    #[task]
    async fn beat(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let time = Duration::from_millis(cx.shard().rng().u64(..900));
        cx.measure("BEAT", "beat", async {
            cx.sleep(time).await;
            Ok::<_, std::io::Error>(())
        })
        .await?;
        Ok(())
    }
}

#[test]
fn a_thousand_paced_users_keep_their_pace_for_thirty_seconds() {
    let mut stage = stage::<Paced>(&Log::default());
    stage.hatch(1000);
    let mut first_unix_s = None;
    stage.wait_until(|stage| {
        let Some(beats) = stage.stats.entry("BEAT", "beat") else { return false };
        let first = *first_unix_s.get_or_insert(beats.seconds[0].unix_s);
        beats.seconds.back().is_some_and(|second| second.unix_s >= first + 32)
    });
    stage.quit();
    let beats = stage.stats.entry("BEAT", "beat").expect("recorded");
    let thirty = beats.seconds.iter().skip(1).take(30).map(|second| second.n_requests);
    let n: u64 = thirty.sum();
    assert!(n.abs_diff(30_000) <= 150, "{n} tasks began in thirty seconds");
    assert!(stage.stats.audit().balances());
}

struct Stubborn {
    log: Log,
}

impl User for Stubborn {
    fn new(spawn: &Spawn<'_>) -> Self {
        Stubborn { log: log_of(spawn) }
    }

    async fn on_stop(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        say(&self.log, "stop");
        Ok(())
    }
}

#[tasks]
impl Stubborn {
    #[task]
    async fn long(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        say(&self.log, "begin");
        let ticket = cx.shard().begin();
        while !said(&self.log).contains(&"release") {
            cx.sleep(Duration::from_millis(1)).await;
        }
        ticket.discard();
        say(&self.log, "end");
        Ok(())
    }
}

fn real_stage(log: &Log) -> Stage {
    let options = Arc::new(Log::clone(log));
    let classes = vec![Class::of::<Stubborn>()];
    Stage::real(Common { classes, options, ..Common::default() })
}

#[test]
fn a_user_that_is_asked_finishes_its_task_and_begins_no_other() {
    let log = Log::default();
    let mut stage = real_stage(&log);
    stage.hatch(1);
    stage.wait_until(|stage| stage.pulse.n_in_flight == 1);
    stage.send(Command::Stop { whom: Whom::All, how: Stop::Ask });
    stage.flush();
    assert_eq!(stage.pulse.n_users, [1], "its task is not done");
    say(&log, "release");
    stage.wait_until_empty();
    stage.quit();
    assert_eq!(said(&log), ["begin", "release", "end", "stop"]);
    assert_eq!(stage.stats.n_abandoned, 0);
}

#[test]
fn a_kill_drops_the_task_counts_its_request_as_abandoned_and_runs_on_stop() {
    let log = Log::default();
    let mut stage = real_stage(&log);
    stage.hatch(3);
    stage.wait_until(|stage| stage.pulse.n_in_flight == 3);
    stage.send(Command::Stop { whom: Whom::Last { class: 0, n_users: 1 }, how: Stop::Kill });
    stage.wait_until(|stage| stage.pulse.n_users == [2]);
    assert_eq!(said(&log), ["begin", "begin", "begin", "stop"]);
    stage.quit();
    assert_eq!(said(&log).len(), 6);
    assert_eq!(stage.stats.n_abandoned, 3);
}
