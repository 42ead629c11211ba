//! Standard output and standard error that are full or closed: no panic, and the exit code says it.

use hatchery_tests::programs::{Finished, Program};

const SHOP: &str = env!("CARGO_BIN_EXE_shop-under-test");

/// Runs the shop with these arguments and redirections.
fn shop(args: &str) -> Finished {
    Program::start("bash", &["-o", "pipefail", "-c", &format!("{SHOP} {args}")]).finish()
}

#[track_caller]
fn check(args: &str, exit_code: i32) -> Finished {
    let finished = shop(args);
    assert_eq!(finished.code(), exit_code, "{args}: {}", finished.stderr);
    finished
}

#[test]
fn what_cannot_be_printed_is_told_by_a_line_and_the_exit_code() {
    let run = "--headless -u 2 -r 2 -t 1s --stop-timeout 10s";
    let finished = check(&format!("{run} --json >/dev/full"), 4);
    assert!(finished.stderr.contains("failed to print the json report: No space left"));
    check(&format!("{run} 2>/dev/full"), 4);
    for args in ["--help", "--version", "--list"] {
        let finished = check(&format!("{args} >/dev/full"), 2);
        assert!(finished.stderr.starts_with("error: print to standard output: No space left"));
    }
    check("--usrs 5 2>/dev/full", 2);
}

#[test]
fn whoever_reads_only_the_beginning_breaks_nothing() {
    let run = "--headless -u 2 -r 2 -t 1s --stop-timeout 10s";
    check(&format!("{run} 2>&1 | head -1"), 0);
    check(&format!("{run} --json | head -1"), 0);
    check("--list | true", 0);
    check("--help | true", 0);
}
