//! A shard begins as many tasks as it was given, and says when they are done.

use hatchery::{Class, prelude::*};
use hatchery_core::{message::Command, shard::Common};
use hatchery_tests::{programs::Program, stage::Stage};

const SHOP: &str = env!("CARGO_BIN_EXE_shop-under-test");

struct Counter;

impl User for Counter {
    // Longer than any test: only the end of the tasks ends the wait.
    const WAIT: Wait = constant(1e6);

    fn new(_: &Spawn<'_>) -> Self {
        Counter
    }
}

#[tasks]
impl Counter {
    #[task]
    async fn count(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.measure("RUN", "count", async { Ok::<_, std::io::Error>(()) }).await?;
        Ok(())
    }
}

fn stage(n_tasks: Option<u64>) -> Stage {
    let stage = Stage::new(Common { classes: vec![Class::of::<Counter>()], ..Common::default() });
    stage.send(Command::TestStart { n_tasks });
    stage
}

#[test]
fn the_last_task_ends_the_users_that_wait() {
    let mut stage = stage(Some(7));
    stage.hatch(7);
    stage.wait_until(|stage| stage.n_tasks_done == 1);
    stage.wait_until_empty();
    stage.quit();
    assert_eq!(stage.stats.n_requests(), 7);
    assert_eq!(stage.n_ended, 0, "they were asked, and need no replacement");
}

#[test]
fn users_beyond_the_tasks_run_none() {
    let mut stage = stage(Some(3));
    stage.hatch(10);
    stage.wait_until(|stage| stage.n_tasks_done == 1);
    stage.hatch(5);
    stage.wait_until_empty();
    // Another test begins with a count of its own.
    stage.send(Command::TestStart { n_tasks: Some(2) });
    stage.hatch(2);
    stage.wait_until(|stage| stage.n_tasks_done == 2);
    stage.quit();
    assert_eq!(stage.stats.n_requests(), 5);
}

#[test]
fn a_shard_without_tasks_is_done_at_once() {
    let mut stage = stage(Some(0));
    stage.wait_until(|stage| stage.n_tasks_done == 1);
    stage.quit();
}

#[test]
fn a_run_ends_with_its_iterations() {
    let args = ["--headless", "-u", "3", "-r", "3", "--iterations", "12", "--json"];
    let finished = Program::start(SHOP, &args).finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert!(finished.stderr.contains("--iterations limit reached"), "{}", finished.stderr);
    // Beside its tasks' requests, each user logs in; a checkout is a task that only nests others.
    let n_requests = finished.sum("num_requests");
    assert!((3 + 1..=3 + 12 + 3).contains(&n_requests), "{n_requests}: {}", finished.stdout);
}

#[test]
fn programs_list_their_classes_and_choose_among_them() {
    let finished = Program::start(SHOP, &["--list"]).finish();
    assert_eq!((finished.code(), &*finished.stdout), (0, "Available Users:\n    Shopper\n"));
    for args in [["Nobody"].as_slice(), &["--class", "Nobody"]] {
        let finished = Program::start(SHOP, args).finish();
        assert_eq!(finished.code(), 2);
        assert_eq!(finished.stderr, "error: no user class 'Nobody': there are Shopper\n");
    }
    let finished = Program::start(SHOP, &["Shopper", "--show-task-ratio-json"]).finish();
    assert_eq!(finished.code(), 0);
    assert!(finished.stdout.contains("per_class"), "{}", finished.stdout);
}

#[test]
fn a_load_plan_leads_a_run_to_its_end() {
    let args = ["--headless", "--shape", "5,1s;5,1s;0,1s", "--only-summary"];
    let finished = Program::start(SHOP, &args).finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert!(
        finished.stderr.contains("Ramping to 5 users at a rate of 5.00"),
        "{}",
        finished.stderr
    );
    assert!(finished.stderr.contains("Ramping to 0 users"), "{}", finished.stderr);
}

#[test]
fn a_step_load_adds_users_step_by_step_and_reset_stats_begins_anew_at_each() {
    let args = ["--headless", "-u", "5", "-r", "100", "--step-load", "--step-users", "2"];
    let rest = ["--step-time", "1s", "-t", "3500ms", "--reset-stats", "--only-summary"];
    let finished = Program::start(SHOP, &[&args[..], &rest].concat()).finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let lines = finished.stderr.lines();
    let steps = lines.filter_map(|line| line.split_once("Ramping to ").map(|(_, rest)| rest));
    let expected =
        ["2 users at a rate of 100.00 per second", "4 users at a rate of 100.00 per second"];
    assert_eq!(steps.collect::<Vec<_>>(), expected, "{}", finished.stderr);
    assert_eq!(finished.stderr.matches("Resetting stats").count(), 2, "{}", finished.stderr);
}
