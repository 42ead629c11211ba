//! `--phases`: each request's time is shared out, and the shares add up to the books.

use hatchery_tests::programs::{Program, target};

const HATCHERY: &str = env!("CARGO_BIN_EXE_hatchery-under-test");

#[test]
fn each_request_has_its_phases_and_each_user_a_connection() {
    let target = target();
    let url = format!("{}/", target.url());
    let args = [&*url, "-u", "5", "-t", "1s", "--stop-timeout", "30s", "--phases"];
    let finished = Program::start(HATCHERY, &[&args[..], &["--json"]].concat()).finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    for entry in finished.entries() {
        let phases = &entry["phases_us"];
        assert_eq!(phases["first_byte"]["num_requests"], entry["num_requests"]);
        assert_eq!(phases["last_byte"]["num_requests"], entry["num_requests"]);
        assert_eq!(phases["connections_opened"], 5);
        assert_eq!(phases["connect"]["num_requests"], 5);
        assert!(phases["dns"].is_null() && phases["tls"].is_null(), "{phases}");
    }
    let finished = Program::start(HATCHERY, &args).finish();
    let lines = finished.stderr.lines().skip_while(|line| *line != "Request phases (ms)");
    let rows: Vec<_> = lines.filter(|line| line.contains("GET ")).collect();
    assert_eq!(rows.len(), 3, "{}", finished.stderr);
    for (row, phase) in rows.iter().zip(["connect", "first byte", "last byte"]) {
        assert!(row.contains(phase), "{row}");
    }
}

#[test]
fn phases_that_nobody_asked_for_are_not_shown() {
    let target = target();
    let url = format!("{}/", target.url());
    let args = [&*url, "-u", "2", "--iterations", "20"];
    let finished = Program::start(HATCHERY, &args).finish();
    assert!(!finished.stderr.contains("phases"), "{}", finished.stderr);
    let finished = Program::start(HATCHERY, &[&args[..], &["--json"]].concat()).finish();
    assert!(!finished.stdout.contains("phases"), "{}", finished.stdout);
}
