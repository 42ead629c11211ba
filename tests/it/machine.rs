//! Machines that lack what a run needs: one clear line with the fix, before anything starts.

use hatchery_tests::{
    programs::{Finished, Program},
    servers::missing,
};
use std::process::Command;

const HATCHERY: &str = env!("CARGO_BIN_EXE_hatchery-under-test");

const SHOP: &str = env!("CARGO_BIN_EXE_shop-under-test");

/// Runs the program behind the first argument, an error number with which `io_uring_setup` fails
/// from then on: what the seccomp profiles of containers do.
const FORBID_IO_URING: &str = r#"
import ctypes, os, sys

class Step(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte),
                ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]

class Filter(ctypes.Structure):
    _fields_ = [("n", ctypes.c_ushort), ("steps", ctypes.POINTER(Step))]

steps = (Step * 4)(
    Step(0x20, 0, 0, 0),                            # load the number of the system call
    Step(0x15, 0, 1, 425),                          # io_uring_setup?
    Step(0x06, 0, 0, 0x00050000 | int(sys.argv[1])),  # then this error
    Step(0x06, 0, 0, 0x7fff0000))                   # else go on
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0              # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, ctypes.byref(Filter(4, steps))) == 0  # PR_SET_SECCOMP
os.execv(sys.argv[2], sys.argv[2:])
"#;

/// Linux' numbers.
const EPERM: &str = "1";
const ENOSYS: &str = "38";

#[track_caller]
fn check_without_io_uring(errno: &str, args: &[&str], expected: &str) {
    let args = [&["-c", FORBID_IO_URING, errno][..], args].concat();
    check(&Program::start("python3", &args).finish(), expected);
}

#[track_caller]
fn check(finished: &Finished, expected: &str) {
    assert_eq!(finished.code(), 2, "{}", finished.stderr);
    let lines: Vec<_> = finished.stderr.lines().collect();
    assert!(lines.len() == 1 && lines[0].contains(expected), "{}", finished.stderr);
}

#[test]
fn where_io_uring_is_forbidden_or_missing_the_cause_and_the_fix_are_named() {
    if !Command::new("python3").arg("--version").output().is_ok_and(|it| it.status.success()) {
        return missing("python3", "apt-get install python3");
    }
    let url = [HATCHERY, "http://127.0.0.1:9/", "-t", "1s"];
    let programs: [&[&str]; 3] =
        [&[SHOP, "--headless", "-t", "1s"], &url, &[HATCHERY, "target", "--listen", "127.0.0.1:0"]];
    for args in programs {
        check_without_io_uring(EPERM, args, "seccomp profile that allows io_uring_setup");
        check_without_io_uring(ENOSYS, args, "this kernel has none");
    }
}

#[test]
fn a_slip_in_the_number_of_users_is_complained_about_at_once() {
    for args in [["-u", "4000000000"], ["--shape", "4000000000,1m"]] {
        let args = [&["http://127.0.0.1:9/"], &args[..]].concat();
        let finished = Program::start(HATCHERY, &args).finish();
        assert_eq!(finished.code(), 2, "{}", finished.stderr);
        assert!(finished.stderr.contains("4000000000 "), "{}", finished.stderr);
    }
}

/// Runs a command under a limit of `ulimit`.
fn limited(limit: &str, command: &str) -> Finished {
    Program::start("bash", &["-c", &format!("ulimit {limit} && exec {command}")]).finish()
}

#[test]
fn the_limit_of_open_files_is_raised_for_users_and_the_embedded_target() {
    let run = "--headless -u 200 -r 200 -t 1s --stop-timeout 30s --json";
    let finished = limited("-Sn 64", &format!("{SHOP} {run}"));
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert!(finished.sum("num_requests") > 200 && finished.sum("num_failures") == 0);
    let finished = limited("-n 400", &format!("{SHOP} {run}"));
    check(&finished, "open files are limited to 400");
}

#[test]
fn the_target_names_what_it_lacks() {
    let finished = limited("-l 64", &format!("{HATCHERY} target --listen 127.0.0.1:0"));
    check(&finished, "locked memory is limited to 64 KiB");
    let finished = limited("-n 20", &format!("{HATCHERY} target --listen 127.0.0.1:0"));
    check(&finished, "open files are limited to 20");
}
