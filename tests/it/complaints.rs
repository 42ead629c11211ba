//! Bad input: one clear line, exit code 2, before anything starts.

use hatchery_tests::programs::Program;
use std::fs;

const HATCHERY: &str = env!("CARGO_BIN_EXE_hatchery-under-test");

const SHOP: &str = env!("CARGO_BIN_EXE_shop-under-test");

/// A port of a server that must not be reached by any of these runs.
const URL: &str = "http://127.0.0.1:9/";

#[track_caller]
fn check(args: &[&str], expected: &[&str]) {
    check_program(HATCHERY, args, expected);
}

#[track_caller]
fn check_program(program: &str, args: &[&str], expected: &[&str]) {
    let finished = Program::start(program, args).finish();
    assert_eq!(finished.code(), 2, "{args:?}: {}", finished.stderr);
    assert_eq!(finished.stdout, "", "{args:?}");
    assert_eq!(finished.stderr.lines().count(), 1, "{args:?}: {}", finished.stderr);
    for text in expected {
        assert!(finished.stderr.contains(text), "{args:?}: {}", finished.stderr);
    }
}

#[test]
fn bad_numbers_are_named_with_what_is_accepted() {
    check(&[URL, "-u", "0"], &["'0'", "--users", "at least one"]);
    check(&[URL, "-u", "many"], &["'many'", "--users", "whole number"]);
    check(&[URL, "-r", "0"], &["'0'", "--hatch-rate", "greater than 0"]);
    check(&[URL, "--spawn-rate", "nan"], &["'nan'", "--hatch-rate"]);
    check(&[URL, "-t", "1x"], &["'1x'", "--run-time", "1h20m"]);
    check(&[URL, "--stop-timeout", "soon"], &["'soon'", "--stop-timeout"]);
    check(&[URL, "--cores", "0-9999"], &["9999"]);
    check(&[URL, "--cores", "one"], &["'one'", "--cores"]);
    check(&[URL, "--seed", "one"], &["'one'", "--seed", "whole number"]);
    check(&["target", "--listen", "8080"], &["'8080'", "--listen", "0.0.0.0:8080"]);
}

#[test]
fn numbers_below_zero_are_refused_as_values_and_not_as_flags() {
    check(&[URL, "-u", "-5"], &["'-5'", "--users", "whole number"]);
    check(&[URL, "--hatch-rate", "-0.5"], &["'-0.5'", "--hatch-rate", "greater than 0"]);
    check(&[URL, "-t", "-1s"], &["'-1s'", "--run-time"]);
    check(&[URL, "--stop-timeout", "-1"], &["'-1'", "--stop-timeout"]);
    check(&[URL, "--iterations", "-1"], &["'-1'", "--iterations", "from 1 on"]);
    check(&[URL, "--exit-code-on-error", "256"], &["'256'", "0 to 255"]);
}

#[test]
fn an_unknown_flag_or_class_gets_a_suggestion() {
    check(&[URL, "--usrs", "5"], &["'--usrs'", "--users"]);
    check_program(SHOP, &["shoper"], &["'shoper'", "did you mean 'Shopper'?"]);
    check_program(SHOP, &["--class", "Nobody"], &["'Nobody'", "there are Shopper"]);
}

#[test]
fn flags_that_mean_nothing_together_are_named() {
    check_program(SHOP, &["--shape", "1,1m", "--step-load"], &["--shape", "--step-load"]);
    check_program(SHOP, &["--headless", "--step-load"], &["--step-load needs", "--step-time"]);
    let stray = ["--headless", "--step-users", "5"];
    check_program(SHOP, &stray, &["--step-users means nothing without --step-load"]);
    let steps = ["--headless", "--step-load", "--step-users", "5", "-u", "2", "--step-time", "1s"];
    check_program(SHOP, &steps, &["--step-users 5", "--users 2"]);
}

#[test]
fn tags_that_leave_nobody_a_task_are_named() {
    check_program(SHOP, &["--headless", "-T", "brows"], &["no task is left", "--tags brows"]);
    let args = ["--headless", "--tags", "buy", "--exclude-tags", "buy"];
    check_program(SHOP, &args, &["--tags buy --exclude-tags buy"]);
}

#[test]
fn an_unreadable_url_is_named() {
    check(&[], &["URL"]);
    check(&["127.0.0.1:8080"], &["127.0.0.1:8080", "http"]);
    check(&["ftp://127.0.0.1/"], &["ftp://127.0.0.1/", "http"]);
    check(&["http://"], &["http://"]);
    check(&["/path"], &["'/path'", "--host"]);
    check(&["/path", "--host", "nonsense"], &["nonsense", "http"]);
    check(&[URL, "-m", "G T"], &["'G T'"]);
    check(&[URL, "--header", "novalue"], &["novalue", "Name: value"]);
}

#[test]
fn a_program_without_a_host_says_so() {
    let bare = env!("CARGO_BIN_EXE_bare-under-test");
    check_program(bare, &["--headless"], &["no host given for Visitor", "--host"]);
    check_program(bare, &["--headless", "--host", "nonsense"], &["nonsense", "http"]);
}

#[test]
fn flags_of_connections_are_checked() {
    check(&[URL, "--requests-per-connection", "few"], &["'few'", "--requests-per-connection"]);
    check(
        &[URL, "--requests-per-connection", "5", "--no-keepalive"],
        &["--requests-per-connection", "--no-keepalive"],
    );
    check(&[URL, "--shared-pool=few"], &["'few'", "--shared-pool"]);
    check(&[URL, "--source-ip", "10.0.0"], &["'10.0.0'", "--source-ip", "10.0.1.0/28"]);
    check(&[URL, "--source-ip", "10.0.0.0/8"], &["'10.0.0.0/8'", "more than 65536"]);
    check(&[URL, "--source-ip", "192.0.2.1"], &["192.0.2.1", "this machine's", "ip address"]);
    check(&[URL, "--resolve", "shop.test:10.0.0.5"], &["'shop.test:10.0.0.5'", "--resolve"]);
    check(&[URL, "--resolve", "shop.test:x:10.0.0.5"], &["'x'", "--resolve"]);
    check(&[URL, "--resolve", "shop.test:443:there"], &["'there'", "--resolve"]);
    check(
        &[URL, "--resolve", "+shop.test:443:10.0.0.5"],
        &["--resolve", "write 'shop.test:443:10.0.0.5'"],
    );
    check(&[URL, "--resolve=-shop.test:443:10.0.0.5"], &["'-shop.test'", "--resolve"]);
    check(&[URL, "--resolve", "*.test:443:10.0.0.5"], &["'*.test'", "* for all hosts"]);
}

#[test]
fn proxies_are_checked_and_passwords_not_repeated() {
    check(&[URL, "--proxy", "socks5://127.0.0.1:1"], &["socks5://127.0.0.1:1", "--proxy", "http"]);
    check(&[URL, "--proxy", "https="], &["--proxy"]);
    check(&[URL, "--proxy", "http://"], &["--proxy", "'http://'"]);
}

#[test]
fn files_of_certificates_must_be_there_and_readable() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let missing = folder.path().join("missing.pem").display().to_string();
    let empty = file("empty.pem", "no certificate here");
    check(&[URL, "--cacert", &missing], &[&missing, "No such file"]);
    check(&[URL, "--cacert", &empty], &[&empty, "no certificate"]);
    check(&[URL, "--cert", &missing], &[&missing, "No such file"]);
    check(&[URL, "--cert", &empty, "--key", &missing], &[folder.path().to_str().unwrap()]);
    check(&[URL, "--key", &empty], &["--cert"]);
}

#[test]
fn ports_are_counted_for_each_destination_before_anything_starts() {
    // More than there are ports, whatever the range, and open files perhaps.
    let finished = Program::start(HATCHERY, &[URL, "-u", "70000"]).finish();
    assert_eq!(finished.code(), 2, "{}", finished.stderr);
    for text in ["70000 connections to 127.0.0.1:9", "--source-ip", "ip_local_port_range"] {
        assert!(finished.stderr.contains(text), "{}", finished.stderr);
    }
}
