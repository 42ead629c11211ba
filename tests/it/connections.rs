//! Flags that say how connections are made.

use hatchery_tests::programs::{Finished, Program, target};

const HATCHERY: &str = env!("CARGO_BIN_EXE_hatchery-under-test");

/// Loads the embedded target's `/` with these arguments after its URL.
fn load(args: &[&str]) -> Finished {
    let target = target();
    let url = target.url();
    let all = [&[&*url, "-u", "4", "-t", "1s", "--stop-timeout", "10s", "--json"], args].concat();
    Program::start(HATCHERY, &all).finish()
}

#[track_caller]
fn check(args: &[&str]) {
    let finished = load(args);
    assert_eq!(finished.code(), 0, "{args:?}: {}", finished.stderr);
    assert!(finished.sum("num_requests") >= 4, "{args:?}: {}", finished.stderr);
}

#[test]
fn connections_are_made_as_the_flags_say() {
    check(&["--requests-per-connection", "3"]);
    check(&["--requests-per-connection", "1", "--reset-on-close"]);
    check(&["--shared-pool"]);
    check(&["--shared-pool=1"]);
    check(&["--shared-pool=2", "--requests-per-connection", "5", "--hyper"]);
    check(&["--source-ip", "127.0.0.2,127.0.0.3"]);
    check(&["--proxy", "http://127.0.0.1:9", "--proxy", "http://127.0.0.1=none"]);
    check(&["--proxy", "https=http://127.0.0.1:9"]);
}

#[test]
fn a_name_is_resolved_as_the_flag_says() {
    let target = target();
    let port = target.url().rsplit(':').next().unwrap().to_owned();
    let url = format!("http://shop.test:{port}/");
    for host in ["shop.test", "*"] {
        let resolve = format!("{host}:{port}:127.0.0.1");
        let args = [&*url, "--resolve", &resolve, "-t", "1s", "--stop-timeout", "10s", "--json"];
        let finished = Program::start(HATCHERY, &args).finish();
        assert_eq!(finished.code(), 0, "{host}: {}", finished.stderr);
    }
}

#[test]
fn a_proxy_that_is_not_there_is_a_failure_that_names_it() {
    let proxy = "http://user:secret@127.0.0.1:9";
    let args = ["http://127.0.0.1:1/", "--proxy", proxy, "-t", "1s", "--only-summary"];
    let finished = Program::start(HATCHERY, &args).finish();
    assert_eq!(finished.code(), 1, "{}", finished.stderr);
    let said = finished.stdout + &finished.stderr;
    assert!(said.contains("ProxyError: http://127.0.0.1:9: ConnectionRefused"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn the_environments_proxies_are_ignored() {
    let target = target();
    let url = target.url();
    let variables = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"];
    let variables = variables.map(|name| format!("{name}=http://127.0.0.1:9"));
    let mut args: Vec<_> = variables.iter().map(|variable| &**variable).collect();
    args.extend([HATCHERY, &*url, "-t", "1s", "--stop-timeout", "10s", "--json"]);
    let finished = Program::start("env", &args).finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
}
