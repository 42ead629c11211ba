//! The hooks of a core: when they are fired, and with what.

use hatchery::{Class, RequestEvent, TestStart, TestStop, UserError, prelude::*};
use hatchery_core::{
    message::{Command, Stop, Whom},
    shard::Common,
};
use hatchery_tests::{programs::Program as Process, stage::Stage};
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

const EVENTS: &str = env!("CARGO_BIN_EXE_events-under-test");

type Heard = Arc<Mutex<Vec<String>>>;

fn say(heard: &Heard, text: impl Into<String>) {
    heard.lock().expect("no test panics with the lock").push(text.into());
}

fn said(heard: &Heard) -> Vec<String> {
    heard.lock().expect("no test panics with the lock").clone()
}

/// Succeeds, fails, errs, and ends.
struct Caller;

impl User for Caller {
    const CHOICE: Choice = Choice::Sequential;
    const WAIT: Wait = constant(1.0);

    fn new(_: &Spawn<'_>) -> Self {
        Caller
    }
}

#[tasks]
impl Caller {
    #[task]
    async fn good(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let time = Duration::from_millis(30);
        let sleep = cx.sleep(time);
        cx.measure("CALL", "good", async {
            sleep.await;
            Ok::<_, io::Error>(())
        })
        .await?;
        Ok(())
    }

    #[task]
    async fn bad(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let error = io::Error::other("no answer");
        cx.measure("CALL", "bad", async { Err::<(), _>(error) }).await?;
        Ok(())
    }

    #[task]
    async fn end(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.stop_user()
    }
}

fn listen(events: &mut Events, heard: &Heard) {
    let log = heard.clone();
    events.request.add_listener(move |request: &RequestEvent| {
        let ms = request.response_time.as_millis();
        say(&log, format!("request {} {} {ms} ms", request.request_type, request.name));
    });
    events.request.add_listener(|_| Err("a listener's own mistake"));
    let log = heard.clone();
    events.request_success(move |request| say(&log, format!("success {}", request.name)));
    let log = heard.clone();
    events.request_failure(move |request| {
        let failure = request.failure.as_ref().expect("it failed");
        say(&log, format!("failure {}: {failure}", request.name));
    });
    let log = heard.clone();
    events.user_error.add_listener(move |error: &UserError| {
        say(&log, format!("user_error {} {}", error.class, error.message));
    });
    let log = heard.clone();
    events.test_start.add_listener(move |start: &TestStart| {
        say(&log, format!("test_start {}", start.shard));
    });
    let log = heard.clone();
    events.test_stop.add_listener(move |stop: &TestStop| {
        say(&log, format!("test_stop {}", stop.shard));
    });
}

#[test]
fn each_hook_of_a_core_is_fired_at_its_time_and_a_bad_listener_silences_none() {
    let heard = Heard::default();
    let log = heard.clone();
    let mut stage = Stage::new(Common {
        classes: vec![Class::of::<Caller>()],
        listeners: vec![Arc::new(move |events: &mut Events| listen(events, &log))],
        ..Common::default()
    });
    stage.send(Command::TestStart { n_tasks: None });
    stage.hatch(1);
    stage.wait_until(|stage| stage.n_ended == 1);
    stage.send(Command::TestStop);
    stage.quit();
    let said = said(&heard);
    assert_eq!(said.len(), 7, "{said:?}");
    assert_eq!(said[..3], ["test_start 0", "request CALL good 30 ms", "success good"]);
    assert_eq!(said[3], "request CALL bad 0 ms");
    assert!(said[4].starts_with("failure bad: ") && said[4].contains("no answer"), "{said:?}");
    assert_eq!(said[5..], ["user_error Caller no answer", "test_stop 0"]);
    assert_eq!(stage.panic, None);
    // Told with the first pulse after each: once or twice, but both times are counted.
    assert_eq!(stage.listener_failures.iter().map(|failure| failure.n).sum::<u64>(), 2);
    for failure in &stage.listener_failures {
        assert_eq!((failure.hook, &*failure.error), ("request", "a listener's own mistake"));
    }
}

/// Takes its time to begin and to end.
struct Slow {
    heard: Heard,
}

impl User for Slow {
    const WAIT: Wait = constant(0.001);

    fn new(spawn: &Spawn<'_>) -> Self {
        Slow { heard: spawn.options::<Heard>().expect("given").clone() }
    }

    async fn on_start(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        say(&self.heard, "starting");
        while !said(&self.heard).iter().any(|word| word == "go on") {
            cx.sleep(Duration::from_millis(1)).await;
        }
        say(&self.heard, "started");
        Ok(())
    }

    async fn on_stop(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.sleep(Duration::from_secs(1)).await;
        say(&self.heard, "stopped");
        Ok(())
    }
}

#[tasks]
impl Slow {
    #[task]
    async fn task(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        say(&self.heard, "task");
        Ok(())
    }
}

fn slow(heard: &Heard) -> Common {
    let options = Arc::new(heard.clone());
    Common { classes: vec![Class::of::<Slow>()], options, ..Common::default() }
}

#[test]
fn a_user_that_is_asked_while_it_starts_finishes_that_and_runs_no_task() {
    let heard = Heard::default();
    let mut stage = Stage::real(slow(&heard));
    stage.hatch(1);
    while said(&heard).is_empty() {
        stage.flush();
    }
    stage.send(Command::Stop { whom: Whom::All, how: Stop::Ask });
    stage.flush();
    say(&heard, "go on");
    stage.wait_until_empty();
    assert_eq!(said(&heard), ["starting", "go on", "started", "stopped"]);
    stage.quit();
}

#[test]
fn on_stop_of_a_thousand_users_overlaps() {
    let heard = Heard::default();
    say(&heard, "go on");
    let mut stage = Stage::new(slow(&heard));
    stage.hatch(1_000);
    stage.flush();
    stage.wait_until(|_| said(&heard).iter().filter(|word| *word == "task").count() >= 1_000);
    stage.send(Command::Stop { whom: Whom::All, how: Stop::Kill });
    // Each hook takes a second of the shard's time: one after the other, they would outlast the
    // ten seconds that a shard gives them when it quits.
    stage.quit();
    assert_eq!(said(&heard).iter().filter(|word| *word == "stopped").count(), 1_000);
}

#[test]
fn a_programs_own_flags_reach_its_users_and_its_listeners_hear_the_whole_run() {
    let args = ["--headless", "-u", "2", "-r", "2", "--iterations", "20", "--only-summary"];
    let finished = Process::start(EVENTS, &[&args[..], &["--slow-ms", "0"]].concat()).finish();
    // Its listener of `quitting` judges by requests alone: exceptions would have made it 1.
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert!(finished.stderr.contains("Shopper: too slow"), "{}", finished.stderr);
    let mut rest = finished.stderr.as_str();
    for word in [
        "init: ready",
        "test_start: 2 users",
        "hatch_complete: 2",
        "test_stop",
        "quit: exit code 0",
    ] {
        let at = rest.find(word).unwrap_or_else(|| panic!("{word}: {}", finished.stderr));
        rest = &rest[at..];
    }
    let finished = Process::start(EVENTS, &[&args[..], &["--slow-ms", "60000"]].concat()).finish();
    assert!(!finished.stderr.contains("too slow"), "{}", finished.stderr);
    let help = Process::start(EVENTS, &["--help"]).finish();
    assert!(
        help.stdout.contains("--slow-ms") && help.stdout.contains("--users"),
        "{}",
        help.stdout
    );
}
