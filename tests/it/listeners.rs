//! Listeners that fail, exit codes that listeners set, and hooks of a program's own.

use hatchery::{ControlEvents, Environment, EventHook, Events, State, prelude::*};
use hatchery_tests::programs::{Finished, Program as Process, wait_until};
use std::sync::{Arc, Mutex};

const HOOKS: &str = env!("CARGO_BIN_EXE_hooks-under-test");

fn run(flags: &[&str]) -> Finished {
    let args = ["--headless", "--iterations", "20", "--only-summary"];
    Process::start(HOOKS, &[&args[..], flags].concat()).finish()
}

#[track_caller]
fn check_failure(hook: &str, expected: &str) {
    let finished = run(&["--fail", hook]);
    assert_eq!(finished.code(), 2, "{hook}: {}", finished.stderr);
    let line = finished.stderr.lines().find(|line| line.contains("Uncaught exception"));
    let line = line.unwrap_or_else(|| panic!("{hook}: {}", finished.stderr));
    assert!(line.contains("ERROR") && line.contains(&format!("of {hook}")), "{line}");
    assert!(line.contains(expected), "{line}");
    let n_lines = finished.stderr.matches("Uncaught exception").count();
    assert_eq!(n_lines, 1, "{hook}: {}", finished.stderr);
    // Nothing else was silenced by it.
    assert!(finished.stderr.contains("the core's test_stop was heard"), "{}", finished.stderr);
    assert!(finished.stderr.contains("CALL     call"), "{}", finished.stderr);
}

#[test]
fn a_listener_that_fails_is_logged_once_by_its_hook_and_the_process_exits_with_2() {
    check_failure("request", "no call");
    check_failure("test_start", "not today");
    check_failure("quitting", "not yet");
    let finished = run(&["--fail", "request"]);
    assert!(finished.stderr.contains("of request failed 20 times"), "{}", finished.stderr);
    assert_eq!(run(&[]).code(), 0);
}

#[test]
fn a_failed_request_outranks_a_failed_listener_and_a_code_that_is_set_outranks_both() {
    let finished = run(&["--fail", "task"]);
    assert_eq!(finished.code(), 1, "{}", finished.stderr);
    assert_eq!(run(&["--fail", "task", "--early-code", "40"]).code(), 40);
    assert_eq!(run(&["--fail", "request", "--early-code", "40"]).code(), 40);
    assert_eq!(run(&["--early-code", "40", "--late-code", "0"]).code(), 0);
    assert_eq!(run(&["--fail", "task", "--late-code", "0"]).code(), 0);
}

#[test]
fn a_run_does_not_begin_where_a_listener_of_init_fails() {
    for (hook, error) in [("init", "nothing is ready"), ("listen", "panicked: no ears")] {
        let finished = run(&["--fail", hook]);
        assert_eq!(finished.code(), 1, "{}", finished.stderr);
        let last = finished.stderr.lines().last().unwrap_or_default();
        assert!(last.contains("event handler of init failed") && last.contains(error), "{last}");
        assert!(!finished.stderr.contains("Ramping"), "{}", finished.stderr);
    }
    let finished = run(&["--fail", "init"]);
    assert!(finished.stderr.contains("the second listener of init was heard"));
}

#[test]
fn the_report_says_what_a_dead_core_has_lost() {
    let args = ["--headless", "-u", "3", "-r", "3", "-t", "2s", "--only-summary"];
    let finished = Process::start(HOOKS, &[&args[..], &["--fail", "shard"]].concat()).finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    for text in [
        "panicked: a connection broke; starting it again (1 of 3)",
        "users are hatched again, up to a second of its statistics is lost",
        "shards died and were started again 1 times: up to a second of statistics is missing",
    ] {
        assert!(finished.stderr.contains(text), "{text}: {}", finished.stderr);
    }
}

#[test]
fn the_environment_may_set_the_exit_code_too() {
    let environment = Environment::new().user::<Seller>().process_exit_code(9);
    let runner = environment.create_local_runner().unwrap();
    assert_eq!(runner.control().process_exit_code(), Some(9));
    runner.quit();
    assert_eq!(runner.process_exit_code(), Some(9));
}

/// Payloads of the program's own.
struct Sold {
    n_items: u32,
}

struct SoldOut {
    shop: String,
}

/// What a program may put into its environment.
struct Shop {
    name: &'static str,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Shop {
    fn say(&self, text: String) {
        self.heard.lock().unwrap().push(text);
    }
}

struct Seller;

impl User for Seller {
    const NEEDS_HOST: bool = false;

    fn new(spawn: &Spawn<'_>) -> Self {
        assert_eq!(spawn.environment().classes[0].name(), "Seller");
        Seller
    }
}

#[tasks]
impl Seller {
    #[task]
    async fn sell(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.fire(&Sold { n_items: 1 });
        cx.fire_reverse(&Sold { n_items: 2 });
        // Nobody listens to this one.
        cx.fire(&0_u8);
        let shop = cx.parsed_options::<Shop>().expect("given by the test").name.to_owned();
        cx.fire_on_control(SoldOut { shop });
        cx.stop_user()
    }
}

fn listen(events: &mut Events) {
    for i in 1..=2 {
        let environment = events.environment().clone();
        events.hook::<Sold>().add_listener(move |sold| {
            let shop = environment.parsed_options::<Shop>().expect("given by the test");
            shop.say(format!("{}: listener {i} of {}", shop.name, sold.n_items));
        });
    }
}

fn listen_control(events: &mut ControlEvents) {
    for i in 1..=2 {
        let environment = events.environment().clone();
        events.hook::<SoldOut>().add_listener(move |sold_out| {
            let shop = environment.parsed_options::<Shop>().expect("given by the test");
            shop.say(format!("{} sold out: listener {i}", sold_out.shop));
        });
    }
}

#[test]
fn a_programs_own_hooks_are_found_by_their_payload_on_both_planes() {
    let heard = Arc::new(Mutex::new(vec![]));
    let environment = Environment::new()
        .user::<Seller>()
        .parsed_options(Shop { name: "ours", heard: heard.clone() })
        .listen(listen)
        .listen_control(listen_control);
    let runner = environment.create_local_runner().unwrap();
    runner.start(1, 1.0, true).unwrap();
    wait_until("all is sold", || heard.lock().unwrap().len() == 6);
    let shop = "theirs".to_owned();
    runner.control().fire_reverse(SoldOut { shop });
    wait_until("that was heard too", || heard.lock().unwrap().len() == 8);
    assert_eq!(runner.state(), State::Running);
    runner.quit();
    let heard = heard.lock().unwrap().join(", ");
    assert_eq!(
        heard,
        "ours: listener 1 of 1, ours: listener 2 of 1, ours: listener 2 of 2, ours: listener 1 of \
         2, ours sold out: listener 1, ours sold out: listener 2, theirs sold out: listener 2, \
         theirs sold out: listener 1"
    );
    assert_eq!(runner.process_exit_code(), Some(0));
}

#[test]
fn a_hook_may_also_belong_to_whoever_made_it() {
    let heard = Arc::new(Mutex::new(vec![]));
    let mut hook = EventHook::named("sold");
    for i in 0..2 {
        let heard = heard.clone();
        hook.add_listener(move |sold: &Sold| heard.lock().unwrap().push((i, sold.n_items)));
    }
    hook.fire(&Sold { n_items: 3 });
    hook.fire_reverse(&Sold { n_items: 4 });
    assert_eq!(*heard.lock().unwrap(), [(0, 3), (1, 3), (1, 4), (0, 4)]);
}

struct Flood;

impl User for Flood {
    const NEEDS_HOST: bool = false;

    fn new(_: &Spawn<'_>) -> Self {
        Flood
    }
}

#[tasks]
impl Flood {
    #[task]
    async fn flood(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        (0..100_000).for_each(|_| cx.fire_on_control(SoldOut { shop: String::new() }));
        cx.stop_user()
    }
}

#[test]
fn a_flood_of_events_for_the_control_thread_is_cut_and_named() {
    let environment = Environment::new().user::<Flood>();
    let runner = environment.create_local_runner().unwrap();
    runner.start(1, 1.0, true).unwrap();
    wait_until("it is named", || runner.control().status().borrow().listener_failed);
    runner.quit();
    assert_eq!(runner.process_exit_code(), Some(2));
}
