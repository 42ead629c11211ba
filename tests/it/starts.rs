//! What becomes of a user whose `on_start` does not simply return, whose task interrupts where
//! there is no set, or who has nothing to do; and what is told of its errors.

use hatchery::{Class, prelude::*};
use hatchery_core::shard::Common;
use hatchery_tests::stage::Stage;
use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex},
};

/// How `on_start` and the first task end, and what was said.
#[derive(Clone)]
struct Script {
    on_start: &'static str,
    task: &'static str,
    said: Arc<Mutex<Vec<&'static str>>>,
}

impl Script {
    fn say(&self, word: &'static str) {
        self.said.lock().unwrap().push(word);
    }
}

/// An error with a cause.
#[derive(Debug)]
struct Outer(fmt::Error);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn act(script: &Script, how: &str, cx: &Cx<'_, Starter>) -> TaskResult {
    match how {
        "stops the user" => cx.stop_user(),
        "stops the test" => cx.stop_test(),
        "interrupts" => cx.interrupt(),
        "errs" => Err(Outer(fmt::Error))?,
        "panics" => panic!("{}", script.task),
        _ => Ok(()),
    }
}

struct Starter {
    script: Script,
}

impl User for Starter {
    const WAIT: Wait = constant(1.0);

    fn new(spawn: &Spawn<'_>) -> Self {
        Starter { script: spawn.parsed_options::<Script>().expect("given").clone() }
    }

    async fn on_start(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        self.script.say("start");
        act(&self.script, self.script.on_start, cx)
    }

    async fn on_stop(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.script.say("stop");
        Ok(())
    }
}

#[tasks]
impl Starter {
    #[task]
    async fn first(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        self.script.say("task");
        cx.schedule(Self::last);
        act(&self.script, self.script.task, cx)
    }

    async fn last(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.stop_user()
    }
}

#[track_caller]
fn check(on_start: &'static str, task: &'static str, expected: &[&str]) -> Stage {
    let script = Script { on_start, task, said: Arc::default() };
    let options = Arc::new(script.clone());
    let classes = vec![Class::of::<Starter>()];
    let mut stage = Stage::new(Common { classes, options, ..Common::default() });
    stage.hatch(1);
    stage.wait_until_empty();
    assert_eq!(*script.said.lock().unwrap(), expected, "{on_start}, {task}");
    stage
}

#[test]
fn a_user_that_ends_in_on_start_runs_on_stop_and_no_task() {
    let stage = check("stops the user", "", &["start", "stop"]);
    assert_eq!((stage.n_ended, stage.exceptions.len()), (1, 0));
    let stage = check("stops the test", "", &["start", "stop"]);
    assert_eq!(stage.stop_tests, [None]);
}

#[test]
fn a_user_that_fails_in_on_start_has_nothing_to_stop() {
    for how in ["errs", "panics"] {
        let stage = check(how, "in on_start", &["start"]);
        assert_eq!((stage.n_ended, stage.exceptions.len()), (1, 1), "{how}");
    }
}

#[test]
fn an_interrupt_without_a_set_ends_the_user_and_is_an_exception() {
    let stage = check("", "interrupts", &["start", "task", "stop"]);
    assert!(stage.exceptions[0].message.contains("outside a nested task set"));
    check("interrupts", "", &["start", "stop"]);
}

#[test]
fn an_exception_has_the_chain_of_its_errors_and_a_panic_its_place() {
    let stage = check("", "errs", &["start", "task", "stop"]);
    assert_eq!(stage.exceptions[0].message, "outer");
    assert!(stage.exceptions[0].trace.contains(&format!("caused by: {}", fmt::Error)));
    let stage = check("", "panics", &["start", "task", "stop"]);
    assert_eq!(stage.exceptions[0].message, "panicked: panics");
    assert!(stage.exceptions[0].trace.contains("starts.rs"), "{}", stage.exceptions[0].trace);
}

struct Idler;

impl User for Idler {
    const WAIT: Wait = constant(1.0);

    fn new(_: &Spawn<'_>) -> Self {
        Idler
    }
}

impl Tasks for Idler {
    type Parent = Root;

    fn table() -> Table<Self> {
        Table::new()
    }
}

#[test]
fn an_empty_table_is_an_exception_that_says_how_to_fill_it() {
    let classes = vec![Class::of::<Idler>()];
    let mut stage = Stage::new(Common { classes, ..Common::default() });
    stage.hatch(1);
    stage.wait_until(|stage| stage.exceptions.len() >= 2);
    let message = &stage.exceptions[0].message;
    assert!(message.contains("no tasks defined on Idler; mark an async fn with #[task]"));
    stage.quit();
}
