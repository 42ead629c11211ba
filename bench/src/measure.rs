//! Children: started on one CPU, watched while they run, and gone when this program is.
//!
//! Pinning and dying together need code between `fork` and `exec`, which Rust calls unsafe; two
//! programs of util-linux do both, so each child is started as
//! `setpriv --pdeathsig TERM taskset --cpu-list CPU program …` and keeps the process id it was born
//! with. Only processes started here are ever signalled, each by its own id.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::{
        resource::{UsageWho, getrusage},
        signal::{Signal, kill},
        time::TimeValLike,
    },
    unistd::Pid,
};
use procfs::process::Process;

/// How often a running child is looked at: often enough that a peak of memory is not missed by
/// much, and rare enough not to be load itself.
const WATCH_EVERY: Duration = Duration::from_millis(50);
/// How long a child may take to end after it was asked to.
const TERM_PATIENCE: Duration = Duration::from_secs(3);
/// How long a server gets to notice that its clients are gone before its CPU time is read.
const SETTLE: Duration = Duration::from_millis(200);

/// A program and its arguments, before it is known on which CPU it runs.
pub(crate) fn pinned(program: &Path, cpu: u32) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "taskset", "--cpu-list"]).arg(cpu.to_string());
    command.arg(program).stdin(Stdio::null());
    command
}

/// A child that does not outlive its owner.
pub(crate) struct Guard {
    child: Child,
}

impl Guard {
    /// Starts `command` with its output in `out` and its complaints in `err`.
    pub(crate) fn spawn(command: &mut Command, out: &Path, err: &Path) -> Result<Guard> {
        command.stdout(File::create(out)?).stderr(File::create(err)?);
        let child = command.spawn().with_context(|| format!("start {command:?}"))?;
        Ok(Guard { child })
    }

    /// The process id, which is the child's own: its wrappers replace themselves.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }
}

impl Drop for Guard {
    /// Asks first, so that a server takes its workers along; insists after a while.
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // A process id that does not fit was never given out; the kernel's limit is 2^22.
        let pid = Pid::from_raw(self.child.id() as i32);
        let _ = kill(pid, Signal::SIGTERM);
        let asked = Instant::now();
        while asked.elapsed() < TERM_PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(WATCH_EVERY);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a generator printed and used, and what the server used meanwhile.
pub(crate) struct Finished {
    pub(crate) stdout: String,
    /// User and system time of the whole process and the children it waited for.
    pub(crate) cpu_us: f64,
    pub(crate) peak_rss_bytes: u64,
    pub(crate) server_cpu_us: f64,
}

/// Runs a generator to its end and accounts for it.
///
/// # Errors
/// If it cannot be started, ends with an error, or does not end within `limit` (it is then killed).
pub(crate) fn run(
    command: &mut Command,
    server_pid: u32,
    limit: Duration,
    scratch: &Path,
) -> Result<Finished> {
    let (out, err) = (scratch.join("generator.out"), scratch.join("generator.err"));
    let children_before_us = children_cpu_us()?;
    let server_before_us = tree_cpu_us(server_pid);
    let mut guard = Guard::spawn(command, &out, &err)?;
    let started = Instant::now();
    let mut peak_rss_bytes = 0;
    let status = loop {
        peak_rss_bytes = peak_rss_bytes.max(tree_peak_rss_bytes(guard.pid()));
        if let Some(status) = guard.ended()? {
            break status;
        }
        if started.elapsed() > limit {
            bail!("did not end within {} s and was killed", limit.as_secs());
        }
        thread::sleep(WATCH_EVERY);
    };
    // Nothing else is waited for in between, so the difference is this child's alone.
    let cpu_us = children_cpu_us()? - children_before_us;
    thread::sleep(SETTLE);
    let server_cpu_us = tree_cpu_us(server_pid) - server_before_us;
    if !status.success() {
        bail!("{status}: {}", complaint(&err));
    }
    let stdout = String::from_utf8_lossy(&fs::read(&out)?).into_owned();
    Ok(Finished { stdout, cpu_us, peak_rss_bytes, server_cpu_us })
}

/// The first line a program wrote to its standard error, which is usually the reason.
pub(crate) fn complaint(err: &Path) -> String {
    let text = fs::read(err).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find(|line| !line.trim().is_empty());
    line.unwrap_or("it gave no reason").trim().chars().take(160).collect()
}

fn children_cpu_us() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("read the children's usage")?;
    Ok((usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64)
}

/// CPU time of a live process and its live descendants. In steps of the kernel's tick (10 ms).
fn tree_cpu_us(pid: u32) -> f64 {
    let ticks: u64 = tree(pid)
        .iter()
        .filter_map(|process| process.stat().ok())
        .map(|stat| stat.utime + stat.stime)
        .sum();
    ticks as f64 * 1e6 / procfs::ticks_per_second() as f64
}

/// Peak resident memory of a live process and its live descendants, added up.
///
/// Not `ru_maxrss`: that one also remembers the memory of the process that forked, so a generator of
/// a few megabytes would be charged with ours.
fn tree_peak_rss_bytes(pid: u32) -> u64 {
    tree(pid)
        .iter()
        .filter_map(|process| process.status().ok()?.vmhwm)
        .map(|kibibytes| kibibytes * 1024)
        .sum()
}

/// A process and its descendants, as far as they still exist.
fn tree(pid: u32) -> Vec<Process> {
    let mut found = Vec::new();
    let mut pids = vec![pid];
    while let Some(pid) = pids.pop() {
        let Ok(process) = Process::new(pid as i32) else { continue };
        if let Ok(tasks) = process.tasks() {
            pids.extend(tasks.flatten().filter_map(|task| task.children().ok()).flatten());
        }
        found.push(process);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_accounted_for_and_a_slow_one_is_killed() {
        let scratch = tempfile::tempdir().unwrap();
        let me = std::process::id();
        let mut command = pinned(Path::new("sh"), 0);
        command.args(["-c", "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo done"]);
        let finished = run(&mut command, me, Duration::from_secs(20), scratch.path()).unwrap();
        assert_eq!(finished.stdout, "done\n");
        assert!(finished.cpu_us > 0.0);

        let mut command = pinned(Path::new("sleep"), 0);
        command.arg("30");
        let error = run(&mut command, me, Duration::from_millis(100), scratch.path());
        assert!(error.err().unwrap().to_string().contains("was killed"));
    }

    #[test]
    fn a_failing_child_gives_its_reason() {
        let scratch = tempfile::tempdir().unwrap();
        let mut command = pinned(Path::new("sh"), 0);
        command.args(["-c", "echo >&2 unknown flag --x; exit 2"]);
        let error = run(&mut command, std::process::id(), Duration::from_secs(5), scratch.path());
        assert!(error.err().unwrap().to_string().contains("unknown flag --x"));
    }
}
