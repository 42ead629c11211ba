//! Hatchery itself: its command line for plain cases, its example program for the scenario.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use super::{
    Counts, Job, Peer, Places,
    locust::{entries, summarise},
    only_http1,
};
use crate::case::{Case, Work};

pub(crate) enum Hatchery {
    /// As it comes: HTTP/1.1 by its lean path.
    Lean,
    /// The same with hyper's HTTP/1.1.
    Hyper,
}

impl Peer for Hatchery {
    fn name(&self) -> &'static str {
        match self {
            Hatchery::Lean => "hatchery",
            Hatchery::Hyper => "hatchery-hyper",
        }
    }

    fn program(&self, case: &Case, places: &Places) -> Result<PathBuf, String> {
        match case.has_users() {
            true => Places::built_here(
                [places.built.join("examples/bench_scenario")],
                "cargo build --release --example bench_scenario",
            ),
            false => program(places),
        }
    }

    fn arguments(&self, job: &Job, command: &mut Command) -> Result<(), String> {
        let users = job.case.connections.to_string();
        // A range, because a number alone is a count.
        let cores = format!("{0}-{0}", job.cpu);
        let run_time = format!("{}s", job.seconds);
        if matches!(self, Hatchery::Hyper) {
            // HTTP/2 is the same code for both.
            only_http1(job.case, "hatchery with --hyper")?;
            command.arg("--hyper");
        }
        let class = match job.case.work {
            Work::Scenario => Some("Shopper"),
            Work::HttpUser => Some("Visitor"),
            _ => None,
        };
        if let Some(class) = class {
            command.arg(class);
            command.args(["-H", job.base, "-u", &users, "-r", &users, "-t", &run_time]);
            command.args(["--headless", "--json", "--cores", &cores]);
            return Ok(());
        }
        match job.case.work {
            Work::Names { n } => {
                command.args((1..=n).map(|item| format!("{}/item/{item}", job.base)));
            }
            _ => {
                command.arg(job.url());
            }
        }
        command.args(["-u", &users, "-t", &run_time, "--cores", &cores]);
        command.args(["--json", "--only-summary"]);
        if let Some(bytes) = job.case.post_bytes() {
            command.args(["-m", "POST", "--body-size", &bytes.to_string()]);
        }
        if job.case.new_connections {
            command.arg("--no-keepalive");
        }
        match (job.case.http2, job.case.tls) {
            (true, true) => drop(command.arg("--http2")),
            (true, false) => drop(command.arg("--http2-prior-knowledge")),
            (false, _) => {}
        }
        if job.case.tls {
            command.arg("--insecure");
        }
        Ok(())
    }

    fn counts(&self, stdout: &str, job: &Job) -> Result<Counts> {
        summarise(&entries(stdout)?, job.seconds)
    }
}

/// The hatchery program, which is also the embedded target.
pub(crate) fn program(places: &Places) -> Result<PathBuf, String> {
    Places::built_here([places.built.join("hatchery")], "cargo build --release")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::command_line;

    #[test]
    fn cases_become_flags() {
        assert_eq!(
            command_line(&Hatchery::Lean, "post").unwrap(),
            "http://127.0.0.1:1/ -u 64 -t 5s --cores 0-0 --json --only-summary \
             -m POST --body-size 1024"
        );
        assert!(command_line(&Hatchery::Lean, "close").unwrap().ends_with("--no-keepalive"));
        assert!(command_line(&Hatchery::Lean, "h2-tls").unwrap().ends_with("--http2 --insecure"));
        assert!(command_line(&Hatchery::Lean, "h2c").unwrap().ends_with("--http2-prior-knowledge"));
        assert!(command_line(&Hatchery::Hyper, "h2c").is_err());
        assert!(command_line(&Hatchery::Lean, "tls").unwrap().ends_with("--insecure"));
        assert_eq!(
            command_line(&Hatchery::Lean, "scenario").unwrap(),
            "Shopper -H http://127.0.0.1:1 -u 64 -r 64 -t 5s --headless --json --cores 0-0"
        );
    }
}
