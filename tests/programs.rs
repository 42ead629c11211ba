//! The programs as a user runs them, and the embedded target as they load it.

use hatchery::target::{Target, TargetOptions};
use serde_json::Value;
use std::{
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a program may take to end before the test fails: far longer than any of them runs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the embedded target in this process.
pub fn target() -> Target {
    Target::start(&TargetOptions::loopback()).expect("the target can be started")
}

/// A program under way. Killed if the test ends before it.
pub struct Program {
    child: Option<Child>,
}

impl Program {
    /// Starts it.
    pub fn start(path: &str, args: &[&str]) -> Program {
        let mut command = Command::new(path);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Program { child: Some(command.spawn().expect("the program was built with the tests")) }
    }

    /// Sends it a signal by name, as `kill` does.
    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("not ended").id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.expect("kill can be run").success(), "the program had ended before");
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Finished {
        let child = self.child.take().expect("ends once");
        let id = child.id().to_string();
        let done = thread::spawn(move || child.wait_with_output());
        let begin = Instant::now();
        while !done.is_finished() {
            if begin.elapsed() > PATIENCE {
                let _ = Command::new("kill").args(["-s", "KILL", &id]).status();
                let output = done.join().expect("no panic").expect("it was started");
                panic!("it did not end: {}", Finished::new(&output).stderr);
            }
            thread::sleep(Duration::from_millis(5));
        }
        Finished::new(&done.join().expect("no panic").expect("it was started"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A program that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How.
    pub status: ExitStatus,
    /// What it printed on standard output.
    pub stdout: String,
    /// What it printed on standard error.
    pub stderr: String,
}

impl Finished {
    fn new(output: &Output) -> Finished {
        Finished {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The exit code; −1 if a signal ended it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// What `--json` printed: Locust's list of entries.
    pub fn entries(&self) -> Vec<Value> {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }

    /// A number summed over all entries.
    pub fn sum(&self, key: &str) -> u64 {
        self.entries().iter().map(|entry| entry[key].as_u64().expect("a count")).sum()
    }
}

/// Waits until something is true.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
