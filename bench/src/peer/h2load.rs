//! h2load, from nghttp2: HTTP/2 where the case has it, with one stream at a time like its peers.
//!
//! It has no other output than its text, and no percentiles in it: those stay empty. Its log of
//! single requests has them, but writing that would be measured too.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use regex::Regex;

use super::{Counts, Job, Latency, Peer, Places, no_scenarios};
use crate::case::Case;

pub(crate) struct H2load;

impl Peer for H2load {
    fn name(&self) -> &'static str {
        "h2load"
    }

    fn program(&self, _: &Case, _: &Places) -> Result<PathBuf, String> {
        Places::on_path("h2load", "apt-get install nghttp2-client")
    }

    fn arguments(&self, job: &Job, command: &mut Command) -> Result<(), String> {
        no_scenarios(job.case, "h2load")?;
        if job.case.new_connections {
            return Err("h2load 1.52 never ends a timed run whose server closes".to_owned());
        }
        if !job.case.http2 {
            command.arg("--h1");
        }
        command.args(["--threads", "1", "--clients"]);
        command.arg(job.case.connections.to_string());
        command.arg("--duration").arg(job.seconds.to_string());
        if let Some(bytes) = job.case.post_bytes() {
            let body = job.scratch.join("body");
            fs::write(&body, "x".repeat(bytes))
                .map_err(|error| format!("failed to write a body for h2load: {error}"))?;
            command.arg("--data").arg(body);
        }
        command.arg(job.url());
        Ok(())
    }

    fn counts(&self, stdout: &str, _: &Job) -> Result<Counts> {
        let number = |pattern: &str| -> Result<f64> {
            let regex = Regex::new(pattern).expect("the patterns below are constants");
            let found = regex.captures(stdout).with_context(|| format!("find {pattern}"))?;
            found[1].parse().with_context(|| format!("read the number of {pattern}"))
        };
        Ok(Counts {
            succeeded: number(r"(\d+) succeeded")? as u64,
            // The requests that errored are among those that failed.
            failed: number(r"(\d+) failed")? as u64 + number(r"(\d+) timeout")? as u64,
            seconds: seconds(stdout)?,
            latency: Latency::default(),
        })
    }
}

/// The duration of the run, which h2load prints in the unit that suits it.
fn seconds(stdout: &str) -> Result<f64> {
    let regex = Regex::new(r"finished in (?:(\d+)m)?\s*([\d.]+)(us|ms|s),").expect("a constant");
    let found = regex.captures(stdout).context("find h2load's `finished in`")?;
    let minutes: f64 = found.get(1).map_or(Ok(0.0), |minutes| minutes.as_str().parse())?;
    let value: f64 = found[2].parse()?;
    let unit = match &found[3] {
        "us" => 1e-6,
        "ms" => 1e-3,
        _ => 1.0,
    };
    Ok(minutes * 60.0 + value * unit)
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
        let recorded = include_str!("../../peers/recorded/h2load.txt");
        let counts = H2load.counts(recorded, &test_job(&CASES[0], &places)).unwrap();
        assert_eq!((counts.succeeded, counts.failed, counts.seconds), (38_026, 0, 1.0));
    }

    #[test]
    fn durations_come_in_several_units() {
        assert_eq!(seconds("finished in 1.50s, 3 req/s").unwrap(), 1.5);
        assert_eq!(seconds("finished in 250.00ms, 3 req/s").unwrap(), 0.25);
        assert_eq!(seconds("finished in 2m 3.00s, 3 req/s").unwrap(), 123.0);
        assert!(seconds("no such line").is_err());
    }

    #[test]
    fn cases_become_flags() {
        assert_eq!(
            command_line(&H2load, "conns-1000").unwrap(),
            "--h1 --threads 1 --clients 1000 --duration 5 http://127.0.0.1:1/"
        );
        assert_eq!(
            command_line(&H2load, "h2c").unwrap(),
            "--threads 1 --clients 64 --duration 5 http://127.0.0.1:1/"
        );
        assert!(command_line(&H2load, "close").is_err());
    }
}
