//! Goose, as the small program under `bench/peers/goose/`.
//!
//! Goose is a library: the program takes Goose's own flags, reads the case from the environment like
//! the locustfiles do, and prints Goose's metrics as one line of JSON.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Counts, Job, Latency, Peer, Places, one_name, only_http1};
use crate::case::Case;

pub(crate) struct Goose;

#[derive(Deserialize)]
struct Printed {
    succeeded: u64,
    failed: u64,
    seconds: f64,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    p999_us: Option<f64>,
}

impl Peer for Goose {
    fn name(&self) -> &'static str {
        "goose"
    }

    fn program(&self, _: &Case, places: &Places) -> Result<PathBuf, String> {
        Places::built_here(
            [
                places.bench.join("peers/goose/target/release/goose-peer"),
                // Where a shared target directory puts it.
                places.built.join("goose-peer"),
            ],
            "cargo build --release --manifest-path bench/peers/goose/Cargo.toml",
        )
    }

    fn arguments(&self, job: &Job, command: &mut Command) -> Result<(), String> {
        one_name(job.case, "Goose's program here")?;
        only_http1(job.case, "Goose's program here")?;
        let users = job.case.connections.to_string();
        command.args(["--host", job.base, "--users", &users, "--increase-rate", &users]);
        command.arg("--run-time").arg(format!("{}s", job.seconds));
        // What was sent while users started was served too, so it counts.
        command.args(["--no-reset-metrics", "--no-print-metrics", "--quiet"]);
        if job.case.tls {
            command.arg("--accept-invalid-certs");
        }
        command.env("BENCH_PATH", job.case.path());
        command.env("BENCH_POST_BYTES", job.case.post_bytes().unwrap_or(0).to_string());
        command.env("BENCH_CLOSE", if job.case.new_connections { "1" } else { "" });
        Ok(())
    }

    fn counts(&self, stdout: &str, _: &Job) -> Result<Counts> {
        let line = stdout.lines().rfind(|line| line.starts_with('{'));
        let line = line.context("the Goose program printed no JSON line")?;
        let printed: Printed = serde_json::from_str(line).context("read Goose's JSON line")?;
        Ok(Counts {
            succeeded: printed.succeeded,
            failed: printed.failed,
            seconds: printed.seconds,
            latency: Latency {
                p50_us: printed.p50_us,
                p99_us: printed.p99_us,
                p999_us: printed.p999_us,
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
        let recorded = include_str!("../../peers/recorded/goose.txt");
        let counts = Goose.counts(recorded, &test_job(&CASES[0], &places)).unwrap();
        assert_eq!(counts.failed, 0);
        assert!(counts.succeeded > 1_000 && counts.seconds >= 1.0);
        assert!(counts.latency.p50_us < counts.latency.p999_us);
    }

    #[test]
    fn cases_become_flags() {
        let line = command_line(&Goose, "tls").unwrap();
        assert!(line.starts_with("--host http://127.0.0.1:1 --users 64 --increase-rate 64"));
        assert!(line.ends_with("--accept-invalid-certs"));
    }
}
