//! oha: the Rust generator on tokio and hyper, with JSON of its own.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Counts, Job, Latency, Peer, Places, no_scenarios};
use crate::case::Case;

pub(crate) struct Oha;

/// What was in flight when time was up is listed among the errors under this name. Nobody else
/// counts those, so they are not counted here.
const IN_FLIGHT: &str = "aborted due to deadline";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    summary: Summary,
    latency_percentiles: BTreeMap<String, Option<f64>>,
    status_code_distribution: BTreeMap<String, u64>,
    error_distribution: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Summary {
    total: f64,
}

impl Peer for Oha {
    fn name(&self) -> &'static str {
        "oha"
    }

    fn program(&self, _: &Case, _: &Places) -> Result<PathBuf, String> {
        Places::on_path("oha", "cargo install oha --locked")
    }

    fn arguments(&self, job: &Job, command: &mut Command) -> Result<(), String> {
        no_scenarios(job.case, "oha")?;
        command.args(["--no-tui", "--output-format", "json", "-c"]);
        command.arg(job.case.connections.to_string());
        command.arg("-z").arg(format!("{}s", job.seconds));
        if let Some(bytes) = job.case.post_bytes() {
            let body = job.scratch.join("body");
            fs::write(&body, "x".repeat(bytes))
                .map_err(|error| format!("failed to write a body for oha: {error}"))?;
            command.args(["-m", "POST", "-D"]).arg(body);
        }
        if job.case.new_connections {
            command.arg("--disable-keepalive");
        }
        if job.case.http2 {
            command.arg("--http2");
        }
        if job.case.tls {
            command.arg("--insecure");
        }
        command.arg(job.url());
        Ok(())
    }

    fn counts(&self, stdout: &str, _: &Job) -> Result<Counts> {
        let report: Report = serde_json::from_str(stdout).context("read oha's JSON")?;
        let answered: u64 = report.status_code_distribution.values().sum();
        let statuses = &report.status_code_distribution;
        let succeeded =
            statuses.iter().filter(|(code, _)| code.starts_with('2')).map(|(_, count)| count).sum();
        let errors = report.error_distribution.iter();
        let broken: u64 =
            errors.filter(|(name, _)| name.as_str() != IN_FLIGHT).map(|(_, count)| count).sum();
        let at = |name: &str| report.latency_percentiles.get(name).copied().flatten();
        let us = |name: &str| at(name).map(|seconds| seconds * 1e6);
        Ok(Counts {
            succeeded,
            failed: answered - succeeded + broken,
            seconds: report.summary.total,
            latency: Latency { p50_us: us("p50"), p99_us: us("p99"), p999_us: us("p99.9") },
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
        let recorded = include_str!("../../peers/recorded/oha.json");
        assert!(recorded.contains(IN_FLIGHT));
        let counts = Oha.counts(recorded, &test_job(&CASES[0], &places)).unwrap();
        assert_eq!(counts.failed, 0);
        assert!(counts.succeeded > 1_000);
        assert!(counts.latency.p50_us.unwrap() > 1.0);
        assert!(counts.latency.p99_us < counts.latency.p999_us);
    }

    #[test]
    fn cases_become_flags() {
        assert_eq!(
            command_line(&Oha, "tls").unwrap(),
            "--no-tui --output-format json -c 64 -z 5s --insecure http://127.0.0.1:1/"
        );
        assert!(command_line(&Oha, "h2-tls").unwrap().contains("--http2 --insecure"));
        assert!(command_line(&Oha, "close").unwrap().contains("--disable-keepalive"));
    }
}
