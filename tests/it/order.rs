//! In which order tasks and hooks run, on every way in and out, on virtual time.

use hatchery::{Class, prelude::*};
use hatchery_core::{
    message::{Command, Stop, Whom},
    shard::Common,
};
use hatchery_tests::stage::Stage;
use std::sync::{Arc, Mutex};

/// What happened, in order, and what the users are to do about it.
#[derive(Clone, Default)]
struct Script {
    log: Arc<Mutex<Vec<&'static str>>>,
    /// How the nested set's first step ends.
    way_out: &'static str,
}

impl Script {
    fn of(spawn: &Spawn<'_>) -> Script {
        spawn.options::<Script>().expect("set by `play`").clone()
    }

    fn say(&self, word: &'static str) {
        self.log.lock().expect("no test panics with the lock").push(word);
    }

    fn said(&self) -> Vec<&'static str> {
        self.log.lock().expect("no test panics with the lock").clone()
    }
}

fn play<U: User>(way_out: &'static str) -> (Stage, Script) {
    let script = Script { way_out, ..Script::default() };
    let stage = Stage::new(Common {
        classes: vec![Class::of::<U>()],
        options: Arc::new(script.clone()),
        catch_exceptions: way_out != "error that is not caught",
        ..Common::default()
    });
    stage.hatch(1);
    (stage, script)
}

/// A user, a set in it, and a set in that, which all tell their hooks.
struct Outer {
    script: Script,
}

impl User for Outer {
    const WAIT: Wait = constant(1.0);

    fn new(spawn: &Spawn<'_>) -> Self {
        Outer { script: Script::of(spawn) }
    }

    async fn on_start(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        self.script.say("start");
        cx.schedule(Self::second);
        cx.schedule(Self::third);
        cx.schedule_first(Self::first);
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.script.say("stop");
        Ok(())
    }
}

#[tasks]
#[nested(Middle)]
impl Outer {
    async fn first(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.script.say("first");
        Ok(())
    }

    async fn second(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.script.say("second");
        Ok(())
    }

    async fn third(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.script.say("third");
        Ok(())
    }
}

struct Middle;

impl TaskSet for Middle {
    fn new(_: &mut Outer) -> Self {
        Middle
    }

    async fn on_start(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.user().script.say("middle start");
        Ok(())
    }

    async fn on_stop(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.user().script.say("middle stop");
        Ok(())
    }
}

#[tasks(parent = Outer)]
#[nested(Inner)]
impl Middle {}

struct Inner {
    n_steps: u32,
}

impl TaskSet for Inner {
    fn new(_: &mut Middle) -> Self {
        Inner { n_steps: 0 }
    }

    async fn on_start(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let script = cx.user().script.clone();
        script.say("inner start");
        match script.way_out {
            "interrupt in on_start" if script.said().len() < 9 => cx.interrupt(),
            "panic in on_start" if script.said().len() < 9 => panic!("in on_start"),
            _ => Ok(()),
        }
    }

    async fn on_stop(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let script = cx.user().script.clone();
        script.say("inner stop");
        match script.way_out {
            "error in on_stop" => Err(Exit::failed("in on_stop")),
            "interrupt, and the end in on_stop" => cx.stop_user(),
            _ => Ok(()),
        }
    }
}

#[tasks(parent = Middle)]
impl Inner {
    #[task]
    async fn step(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        self.n_steps += 1;
        let script = cx.user().script.clone();
        script.say("step");
        match script.way_out {
            "stop the test" => cx.stop_test(),
            "error that is not caught" => Err(Exit::failed("no luck")),
            "error that is caught" if self.n_steps == 1 => Err(Exit::failed("no luck")),
            "panic" if self.n_steps == 1 => panic!("in a task"),
            "wait for ever" => {
                cx.wait_for(1e9).await?;
                script.say("never said");
                Ok(())
            }
            "interrupt, and the end in on_stop" => cx.interrupt(),
            _ => cx.stop_user(),
        }
    }
}

/// What is said on the way in, up to the first step.
const WAY_IN: [&str; 7] =
    ["start", "first", "second", "third", "middle start", "inner start", "step"];

const WAY_OUT: [&str; 3] = ["inner stop", "middle stop", "stop"];

#[track_caller]
fn check(way_out: &'static str, between: &[&'static str]) -> Stage {
    let (mut stage, script) = play::<Outer>(way_out);
    stage.wait_until_empty();
    let expected = [&WAY_IN[..], between, &WAY_OUT].concat();
    assert_eq!(script.said(), expected, "{way_out}");
    stage
}

#[test]
fn whatever_ends_a_user_its_hooks_run_from_the_inside_out() {
    assert_eq!(check("stop the user", &[]).n_ended, 1);
    let stage = check("stop the test", &[]);
    assert_eq!(stage.stop_tests, [None]);
    let stage = check("error in on_stop", &[]);
    assert_eq!(stage.exceptions[0].message, "in on_stop");
    check("interrupt, and the end in on_stop", &[]);
}

#[test]
fn an_error_or_a_panic_that_is_caught_goes_on_in_the_same_set() {
    let stage = check("error that is caught", &["step"]);
    assert_eq!((stage.exceptions.len(), &*stage.exceptions[0].message), (1, "no luck"));
    let stage = check("panic", &["step"]);
    assert_eq!(stage.exceptions[0].message, "panicked: in a task");
}

#[test]
fn an_error_that_is_not_caught_asks_for_the_end_of_the_test() {
    let stage = check("error that is not caught", &[]);
    assert!(stage.stop_tests.contains(&Some("no luck".to_owned())), "{:?}", stage.stop_tests);
}

#[test]
fn a_set_that_cannot_start_is_left_without_on_stop_and_its_parent_goes_on() {
    for way_out in ["interrupt in on_start", "panic in on_start"] {
        let (mut stage, script) = play::<Outer>(way_out);
        stage.wait_until_empty();
        let expected =
            [&WAY_IN[..6], &["inner start", "inner start", "inner start", "step"], &WAY_OUT];
        assert_eq!(script.said(), expected.concat(), "{way_out}");
        let n_exceptions = if way_out == "panic in on_start" { 3 } else { 0 };
        assert_eq!(stage.exceptions.len(), n_exceptions, "{way_out}");
    }
}

#[test]
fn a_wait_within_a_task_is_ended_by_a_stop_and_a_kill_alike() {
    for how in [Stop::Ask, Stop::Kill] {
        let script = Script { way_out: "wait for ever", ..Script::default() };
        let options = Arc::new(script.clone());
        let classes = vec![Class::of::<Outer>()];
        // On real time, which does not jump to the end of the wait.
        let mut stage = Stage::real(Common { classes, options, ..Common::default() });
        stage.hatch(1);
        while !script.said().contains(&"step") {
            stage.flush();
        }
        stage.send(Command::Stop { whom: Whom::All, how });
        stage.wait_until_empty();
        assert_eq!(script.said(), [&WAY_IN[..], &WAY_OUT].concat(), "{how:?}");
        assert_eq!(stage.n_ended, 0);
    }
}

/// Runs its tasks in order, whatever their weights.
struct Orderly {
    script: Script,
}

impl User for Orderly {
    const CHOICE: Choice = Choice::Sequential;

    fn new(spawn: &Spawn<'_>) -> Self {
        Orderly { script: Script::of(spawn) }
    }
}

#[tasks]
impl Orderly {
    #[task(weight = 9)]
    async fn a(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.script.say("a");
        Ok(())
    }

    #[task]
    async fn b(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        self.script.say("b");
        cx.schedule(Self::extra);
        Ok(())
    }

    #[task]
    async fn c(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        self.script.say("c");
        if self.script.said().len() > 6 { cx.stop_user() } else { Ok(()) }
    }

    async fn extra(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.script.say("extra");
        Ok(())
    }
}

#[test]
fn a_sequence_goes_round_in_the_order_of_its_table_and_heeds_its_queue() {
    let (mut stage, script) = play::<Orderly>("");
    stage.wait_until_empty();
    assert_eq!(script.said(), ["a", "b", "extra", "c", "a", "b", "extra", "c"]);
}

/// A Markov set written by the macro: `login` once, then `item` again and again until `pay`.
struct Walker {
    script: Script,
}

impl User for Walker {
    const CHOICE: Choice = Choice::Markov;

    fn new(spawn: &Spawn<'_>) -> Self {
        Walker { script: Script::of(spawn) }
    }
}

#[tasks]
impl Walker {
    #[task(to(item))]
    async fn login(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.script.say("login");
        Ok(())
    }

    #[task(to(item = 3, pay = 1))]
    async fn item(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.script.say("item");
        Ok(())
    }

    #[task(to(item))]
    async fn pay(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        self.script.say("pay");
        if self.script.said().len() > 4_000 { cx.stop_user() } else { Ok(()) }
    }
}

#[test]
fn a_markov_set_begins_with_its_first_task_and_follows_its_transitions() {
    assert_eq!(Class::of::<Walker>().problems(), []);
    let (mut stage, script) = play::<Walker>("");
    stage.wait_until_empty();
    let said = script.said();
    assert_eq!((said[0], said[1]), ("login", "item"));
    assert_eq!(said.iter().filter(|&&word| word == "login").count(), 1);
    assert!(said.windows(2).all(|pair| pair != ["pay", "pay"]));
    let (mut n_items, mut n_paid) = (0, 0);
    for pair in said.windows(2).filter(|pair| pair[0] == "item") {
        n_items += 1;
        n_paid += u32::from(pair[1] == "pay");
    }
    let share = f64::from(n_paid) / f64::from(n_items);
    assert!((share - 0.25).abs() < 0.05, "{share}");
}

/// A Markov set with mistakes in it.
struct Lost;

impl User for Lost {
    const CHOICE: Choice = Choice::Markov;
    const NEEDS_HOST: bool = false;

    fn new(_: &Spawn<'_>) -> Self {
        Lost
    }
}

#[tasks]
impl Lost {
    #[task(to(elsewhere))]
    async fn here(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        Ok(())
    }

    async fn elsewhere(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        Ok(())
    }
}

#[test]
fn a_broken_markov_set_is_refused_before_it_runs() {
    let error = Environment::new().user::<Lost>().create_local_runner().expect_err("broken");
    assert_eq!(error.to_string(), "Lost: here leads to elsewhere, which is no task of the set");
}
