//! Local ports: more connections than one address allows, in a network of the test's own with few
//! ports.

use hatchery_tests::programs::{Finished, Program};
use std::process::Command;

const HATCHERY: &str = env!("CARGO_BIN_EXE_hatchery-under-test");

/// Runs `hatchery URL` with these arguments where there are twenty local ports; `None` where that
/// cannot be arranged.
fn with_twenty_ports(args: &str) -> Option<Finished> {
    let arrange = "ip link set lo up && echo '32768 32787' >/proc/sys/net/ipv4/ip_local_port_range";
    let can = Command::new("unshare").args(["-rn", "sh", "-c", arrange]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no network of its own can be made here (unshare -rn)");
        return None;
    }
    // The line of a listening socket on port 8080.
    let script = format!(
        "{arrange}
         {HATCHERY} target --listen 127.0.0.1:8080 >/dev/null 2>&1 & target=$!
         trap 'kill $target' EXIT
         until grep -q ':1F90 00000000:0000 0A' /proc/net/tcp; do sleep 0.02; done
         {HATCHERY} http://127.0.0.1:8080/delay/100 {args}"
    );
    Some(Program::start("unshare", &["-rn", "sh", "-c", &script]).finish())
}

#[test]
fn more_users_than_ports_are_refused_with_the_number_of_addresses_that_do() {
    let Some(finished) = with_twenty_ports("-u 60") else { return };
    assert_eq!(finished.code(), 2, "{}", finished.stderr);
    let expected = "60 connections to 127.0.0.1:8080 need a local port each, and 32768 to 32787 \
                    are 20: give 3 addresses with --source-ip";
    assert!(finished.stderr.contains(expected), "{}", finished.stderr);
    let Some(finished) = with_twenty_ports("-u 60 --source-ip 127.0.0.2,127.0.0.3") else { return };
    assert_eq!(finished.code(), 2, "{}", finished.stderr);
    assert!(finished.stderr.contains("30 local ports on each of 2"), "{}", finished.stderr);
}

#[test]
fn source_addresses_make_room_for_more_connections_than_one_has_ports() {
    let args = "-u 60 -t 2s --stop-timeout 10s --json --source-ip 127.0.0.2,127.0.0.4/31";
    let Some(finished) = with_twenty_ports(args) else { return };
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert_eq!(finished.sum("num_failures"), 0);
    assert!(finished.sum("num_requests") >= 60, "{}", finished.stderr);
}

#[test]
fn a_destination_that_has_no_port_left_is_a_clear_failure() {
    // Each user has connections to both, and the check before cannot know that a name is a name of
    // the other.
    let args = "http://localhost:8080/delay/100 -u 15 -t 1s --stop-timeout 10s \
                --resolve localhost:8080:127.0.0.1";
    let Some(finished) = with_twenty_ports(args) else { return };
    assert_eq!(finished.code(), 2, "{}", finished.stderr);
    let expected = "30 connections to 127.0.0.1:8080";
    assert!(finished.stderr.contains(expected), "{}", finished.stderr);
    let args = args.replace("--resolve localhost:8080:127.0.0.1", "");
    let Some(finished) = with_twenty_ports(&args) else { return };
    assert_eq!(finished.code(), 1, "{}", finished.stderr);
    let expected =
        "no local port is left for this destination: give more addresses with --source-ip";
    assert!(finished.stderr.contains(expected), "{}", finished.stderr);
}
