//! The bare loop: what the server gives to a generator that does nothing but send and count.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Counts, Job, Latency, Peer, Places, only_http1};
use crate::case::{Case, Work};

pub(crate) struct Bare;

#[derive(Deserialize)]
struct Done {
    requests: u64,
    seconds: f64,
    p50_us: f64,
    p99_us: f64,
    p999_us: f64,
}

impl Peer for Bare {
    fn name(&self) -> &'static str {
        "bare"
    }

    fn program(&self, _: &Case, places: &Places) -> Result<PathBuf, String> {
        Places::built_here(
            [places.built.join("bare")],
            "cargo build --release -p hatchery-bench --bin bare",
        )
    }

    fn arguments(&self, job: &Job, command: &mut Command) -> Result<(), String> {
        only_http1(job.case, "the bare loop")?;
        let plain = job.case.has_users() || matches!(job.case.work, Work::Get { .. });
        if !plain || job.case.new_connections {
            return Err("the bare loop only sends GETs over kept connections".to_owned());
        }
        let address = job.base.split_once("://").map_or(job.base, |(_, address)| address);
        // For the scenario, the page that most of its requests are for.
        let path = if job.case.work == Work::Scenario { "/item/1" } else { job.case.path() };
        command.args([address, "--path", path]);
        command.args(["-u", &job.case.connections.to_string()]);
        command.args(["-t", &job.seconds.to_string(), "--cpu", &job.cpu.to_string()]);
        if job.case.tls {
            command.arg("--tls");
        }
        if job.case.has_users() {
            command.arg("--accept-headers");
        }
        Ok(())
    }

    fn counts(&self, stdout: &str, _: &Job) -> Result<Counts> {
        let done: Done = serde_json::from_str(stdout.trim()).context("read the loop's JSON")?;
        Ok(Counts {
            succeeded: done.requests,
            failed: 0,
            seconds: done.seconds,
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
    use crate::peer::command_line;

    #[test]
    fn cases_become_flags() {
        assert_eq!(
            command_line(&Bare, "small").unwrap(),
            "127.0.0.1:1 --path / -u 64 -t 5 --cpu 0"
        );
        assert!(command_line(&Bare, "http-user").unwrap().ends_with("--cpu 0 --accept-headers"));
        assert!(command_line(&Bare, "tls").unwrap().ends_with("--cpu 0 --tls"));
        assert!(command_line(&Bare, "post").unwrap_err().contains("only sends GETs"));
    }
}
