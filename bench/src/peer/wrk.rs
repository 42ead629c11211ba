//! wrk: the C generator that most numbers are compared with.
//!
//! Its Lua `done` hook prints JSON, so its table is never read. The script sets the request once;
//! no Lua runs per request. wrk does not verify certificates.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Counts, Job, Latency, Peer, Places, no_scenarios, only_http1};
use crate::case::Case;

pub(crate) enum Wrk {
    /// As it comes: `Host` is its only header.
    Plain,
    /// With the headers that hatchery sends, so that the server reads the same bytes.
    SameHeaders,
}

#[derive(Deserialize)]
struct Done {
    requests: u64,
    duration_us: u64,
    /// Answers that are not 2xx or 3xx; they are among `requests`.
    status_errors: u64,
    /// Failures to connect, read, write or be in time; they are not.
    io_errors: u64,
    p50_us: f64,
    p99_us: f64,
    p999_us: f64,
}

impl Peer for Wrk {
    fn name(&self) -> &'static str {
        match self {
            Wrk::Plain => "wrk",
            Wrk::SameHeaders => "wrk-headers",
        }
    }

    fn program(&self, _: &Case, _: &Places) -> Result<PathBuf, String> {
        Places::on_path("wrk", "apt-get install wrk")
    }

    fn arguments(&self, job: &Job, command: &mut Command) -> Result<(), String> {
        no_scenarios(job.case, "wrk")?;
        only_http1(job.case, "wrk")?;
        command.args(["--threads", "1", "--latency", "--connections"]);
        command.arg(job.case.connections.to_string());
        command.arg("--duration").arg(format!("{}s", job.seconds));
        command.arg("--script").arg(job.places.bench.join("peers/wrk/report.lua"));
        command.arg(job.url()).arg("--");
        command.arg(job.case.post_bytes().unwrap_or(0).to_string());
        command.arg(if job.case.new_connections { "close" } else { "keep" });
        if matches!(self, Wrk::SameHeaders) {
            command.arg(if job.case.has_users() { "headers" } else { "agent" });
        }
        Ok(())
    }

    fn counts(&self, stdout: &str, _: &Job) -> Result<Counts> {
        let line = stdout.lines().rfind(|line| line.starts_with('{'));
        let line = line.context("wrk printed no JSON line; did its script run?")?;
        let done: Done = serde_json::from_str(line).context("read wrk's JSON line")?;
        Ok(Counts {
            succeeded: done.requests.saturating_sub(done.status_errors),
            failed: done.status_errors + done.io_errors,
            seconds: done.duration_us as f64 / 1e6,
            latency: Latency {
                p50_us: Some(done.p50_us),
                p99_us: Some(done.p99_us),
                p999_us: Some(done.p999_us),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::CASES,
        peer::{command_line, test_job},
    };

    #[test]
    fn a_recorded_run_is_read() {
        let places = Places { built: PathBuf::new(), bench: PathBuf::new() };
        let recorded = include_str!("../../peers/recorded/wrk.txt");
        let counts = Wrk::Plain.counts(recorded, &test_job(&CASES[0], &places)).unwrap();
        assert_eq!(counts.failed, 0);
        assert!(counts.succeeded > 10_000);
        assert!(counts.seconds > 0.9 && counts.seconds < 1.2);
        assert!(counts.latency.p50_us < counts.latency.p999_us);
    }

    #[test]
    fn cases_become_flags() {
        assert_eq!(
            command_line(&Wrk::Plain, "post").unwrap(),
            "--threads 1 --latency --connections 64 --duration 5s \
             --script bench/peers/wrk/report.lua http://127.0.0.1:1/ -- 1024 keep"
        );
        assert!(command_line(&Wrk::Plain, "close").unwrap().ends_with("-- 0 close"));
        assert!(command_line(&Wrk::SameHeaders, "small").unwrap().ends_with("keep agent"));
        assert!(command_line(&Wrk::SameHeaders, "http-user").unwrap().ends_with("keep headers"));
        assert_eq!(command_line(&Wrk::Plain, "scenario").unwrap_err(), "wrk has no scenarios");
    }
}
