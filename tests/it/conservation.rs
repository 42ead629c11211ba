//! What the target served is what was recorded, plus what is named as under way at a kill.

use hatchery_tests::programs::{Finished, Program, target, wait_until};
use std::{io::Read, net::TcpListener};

const HATCHERY: &str = env!("CARGO_BIN_EXE_hatchery-under-test");
const HOOKS: &str = env!("CARGO_BIN_EXE_hooks-under-test");

const SHOP: &str = env!("CARGO_BIN_EXE_shop-under-test");

/// Requests that the run names as under way when its users were killed.
fn n_named_in_flight(finished: &Finished) -> u64 {
    let line = finished.stderr.lines().find(|line| line.contains("in flight"));
    line.map_or(0, |line| {
        let before = line.split(" request").next().expect("a split has a first part");
        let n = before.rsplit(' ').next().and_then(|word| word.parse().ok());
        n.unwrap_or_else(|| panic!("no number in {line}"))
    })
}

#[track_caller]
fn check(served: u64, finished: &Finished) {
    let recorded = finished.sum("num_requests");
    let in_flight = n_named_in_flight(finished);
    assert!(recorded > 0, "nothing was recorded: {}", finished.stderr);
    // A request under way may or may not have been served.
    assert!(
        recorded <= served && served <= recorded + in_flight,
        "served {served}, recorded {recorded}, in flight {in_flight}: {}",
        finished.stderr
    );
    assert_eq!(finished.sum("num_failures"), 0, "{}", finished.stdout);
}

#[test]
fn every_request_is_recorded_once_when_the_run_time_ends() {
    let target = target();
    let urls = [format!("{}/", target.url()), format!("{}/bytes/1024", target.url())];
    let args = [&*urls[0], &urls[1], "-u", "20", "-t", "2s", "--json"];
    let finished = Program::start(HATCHERY, &args).finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    check(target.served().total(), &finished);
    for path in ["/", "/bytes/1024"] {
        assert!(finished.entries().iter().any(|entry| entry["name"] == path), "{path}");
    }
}

/// Ends a run by a signal while its users wait for answers.
#[track_caller]
fn check_ended_by(signal: &str) {
    let target = target();
    let url = format!("{}/delay/20", target.url());
    // Whoever runs the tests may ignore the signal, under `nohup` for one, and hand that down.
    let heeding = format!("--default-signal={signal}");
    let program = Program::start("env", &[&heeding, HATCHERY, &url, "-u", "50", "--json"]);
    wait_until("requests were served", || target.served().total() > 200);
    program.signal(signal);
    let finished = program.finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    check(target.served().total(), &finished);
    assert!(n_named_in_flight(&finished) > 0, "users were killed in mid-request");
    assert!(finished.stderr.contains(&format!("got SIG{signal}")), "{}", finished.stderr);
}

#[test]
fn every_request_is_recorded_once_when_ctrl_c_ends_the_run() {
    check_ended_by("INT");
}

#[test]
fn every_request_is_recorded_once_when_the_terminal_closes() {
    check_ended_by("HUP");
}

#[test]
fn a_run_under_nohup_outlives_its_terminal() {
    let target = target();
    let url = format!("{}/delay/20", target.url());
    // As `nohup` does, which would want a terminal to take away.
    let ignoring = ["-c", "trap '' HUP; exec \"$@\"", "sh", HATCHERY, &url, "-u", "50", "--json"];
    let program = Program::start("sh", &ignoring);
    wait_until("requests were served", || target.served().total() > 200);
    program.signal("HUP");
    let n_before = target.served().total();
    wait_until("more were", || target.served().total() > n_before + 200);
    program.signal("INT");
    let finished = program.finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    check(target.served().total(), &finished);
    assert!(!finished.stderr.contains("SIGHUP"), "{}", finished.stderr);
}

#[test]
fn nothing_is_in_flight_after_a_stop_with_time_to_finish() {
    let target = target();
    let url = format!("{}/delay/20", target.url());
    let args = [&*url, "-u", "50", "-t", "1s", "--stop-timeout", "30s", "--json"];
    let finished = Program::start(HATCHERY, &args).finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert_eq!(n_named_in_flight(&finished), 0);
    assert_eq!(finished.sum("num_requests"), target.served().total(), "{}", finished.stderr);
}

#[test]
fn a_second_signal_does_not_wait_for_the_stop_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let args = [&*url, "-u", "3", "--stop-timeout", "1h", "--json"];
    let program = Program::start(HATCHERY, &args);
    let mut waiting: Vec<_> = listener.incoming().take(3).map(Result::unwrap).collect();
    for stream in &mut waiting {
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0, "a request has come");
    }
    program.signal("TERM");
    program.signal("INT");
    let finished = program.finish();
    assert_eq!(n_named_in_flight(&finished), 3, "{}", finished.stderr);
}

#[test]
fn a_task_that_blocks_its_core_does_not_keep_signals_from_ending_the_run() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let program = Program::start(HOOKS, &["--headless", "--fail", "core", "--host", &host]);
    let _blocking = listener.accept().unwrap();
    program.signal("INT");
    program.signal("TERM");
    let finished = program.finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert!(finished.stderr.contains("users after they were killed"), "{}", finished.stderr);
    assert!(finished.stderr.contains("Aggregated"), "{}", finished.stderr);
}

#[test]
fn the_shop_runs_on_a_target_of_its_own_and_on_ours() {
    let args =
        ["--headless", "-u", "20", "-r", "20", "-t", "2s", "--stop-timeout", "10s", "--json"];
    let finished = Program::start(SHOP, &args).finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let target = target();
    let url = target.url();
    let args = [&args[..], &["--host", &url]].concat();
    let finished = Program::start(SHOP, &args).finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert_eq!(finished.sum("num_requests"), target.served().total());
    let logins = finished.entries().into_iter().find(|entry| entry["name"] == "/login");
    assert_eq!(logins.expect("recorded")["num_requests"], 20);
}
