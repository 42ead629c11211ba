//! What is compared: each generator's command line, and how its report is read.
//!
//! A peer is one file: where its program is looked for, how it is told to run a case, and how its
//! output becomes [`Counts`]. A peer that cannot do a case says why, and the reason takes the place
//! of its row: nothing is left out silently.

mod bare;
mod goose;
mod h2load;
mod hatchery;
mod locust;
mod oha;
mod wrk;

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use serde::Serialize;

pub(crate) use self::hatchery::program as hatchery_program;
use crate::case::{Case, Work};

/// Every peer, in the order in which they run within a round.
pub(crate) const PEERS: [&dyn Peer; 10] = [
    &hatchery::Hatchery::Lean,
    &hatchery::Hatchery::Hyper,
    &bare::Bare,
    &wrk::Wrk::Plain,
    &wrk::Wrk::SameHeaders,
    &h2load::H2load,
    &oha::Oha,
    &goose::Goose,
    &locust::Locust::Fast,
    &locust::Locust::Http,
];

/// What `--quick` runs.
pub(crate) const QUICK: [&str; 4] = ["hatchery", "wrk", "h2load", "oha"];

/// Whom the others are divided by: the first of these that ran the case.
pub(crate) const BASELINES: [&str; 5] = ["wrk", "h2load", "goose", "locust-fast", "locust-http"];

/// A load generator.
pub(crate) trait Peer {
    /// Its name in tables and on the command line.
    fn name(&self) -> &'static str;

    /// The program that runs `case`, or how to get it.
    fn program(&self, case: &Case, places: &Places) -> Result<PathBuf, String>;

    /// Adds the arguments for `job`, or says why the peer cannot do it.
    fn arguments(&self, job: &Job, command: &mut Command) -> Result<(), String>;

    /// Reads what the program printed.
    fn counts(&self, stdout: &str, job: &Job) -> Result<Counts>;
}

/// One run of one case.
pub(crate) struct Job<'a> {
    pub(crate) case: &'a Case,
    /// Scheme, host and port, without a slash at the end.
    pub(crate) base: &'a str,
    pub(crate) seconds: u64,
    /// The CPU that generates. Every child is pinned there already; some want to be told.
    pub(crate) cpu: u32,
    pub(crate) places: &'a Places,
    /// A directory for this run's files.
    pub(crate) scratch: &'a Path,
}

impl Job<'_> {
    pub(crate) fn url(&self) -> String {
        format!("{}{}", self.base, self.case.path())
    }
}

/// What a peer says about its run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Counts {
    /// Requests that were answered as expected.
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// The time over which it counted, by its own clock.
    pub(crate) seconds: f64,
    pub(crate) latency: Latency,
}

/// Percentiles in microseconds, as far as a peer reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) p999_us: Option<f64>,
}

/// Where programs are looked for.
pub(crate) struct Places {
    /// Where this program lies; cargo puts hatchery and its examples there too.
    pub(crate) built: PathBuf,
    /// The `bench` directory of the checkout.
    pub(crate) bench: PathBuf,
}

impl Places {
    /// # Errors
    /// If the running program cannot be found on disk.
    pub(crate) fn new() -> Result<Places> {
        let exe = env::current_exe()?;
        let built = exe.parent().map(Path::to_path_buf).unwrap_or_default();
        Ok(Places { built, bench: PathBuf::from(env!("CARGO_MANIFEST_DIR")) })
    }

    /// A program on `$PATH`, or `how` to get it.
    pub(crate) fn on_path(name: &str, how: &str) -> Result<PathBuf, String> {
        let path = env::var_os("PATH").unwrap_or_default();
        first_file(env::split_paths(&path).map(|dir| dir.join(name)))
            .ok_or_else(|| format!("{name} is not on $PATH: {how}"))
    }

    /// The first of `candidates` that exists, or `how` to get it.
    pub(crate) fn built_here<const N: usize>(
        candidates: [PathBuf; N],
        how: &str,
    ) -> Result<PathBuf, String> {
        first_file(candidates.into_iter()).ok_or_else(|| format!("not built: {how}"))
    }
}

fn first_file(mut candidates: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    candidates.find(|candidate| candidate.is_file())
}

/// The peer's refusal of users: only three of the peers have them.
fn no_scenarios(case: &Case, name: &str) -> Result<(), String> {
    if case.work == Work::Scenario {
        return Err(format!("{name} has no scenarios"));
    }
    one_name(case, name)
}

/// The peer's refusal of HTTP/2.
fn only_http1(case: &Case, name: &str) -> Result<(), String> {
    match case.http2 {
        true => Err(format!("{name} speaks HTTP/1.1 only")),
        false => Ok(()),
    }
}

/// The peer's refusal of many names: hatchery's growth with them is measured against itself.
fn one_name(case: &Case, name: &str) -> Result<(), String> {
    match case.work {
        Work::Names { n } if n > 1 => Err(format!("{name} has one name only")),
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(crate) fn test_job<'a>(case: &'a Case, places: &'a Places) -> Job<'a> {
    let scratch = Path::new("scratch");
    Job { case, base: "http://127.0.0.1:1", seconds: 5, cpu: 0, places, scratch }
}

#[cfg(test)]
pub(crate) fn command_line(peer: &dyn Peer, case_name: &str) -> Result<String, String> {
    let case = crate::case::CASES.iter().find(|case| case.name == case_name).unwrap();
    let places = Places { built: PathBuf::new(), bench: PathBuf::from("bench") };
    let mut command = Command::new(peer.name());
    peer.arguments(&test_job(case, &places), &mut command)?;
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    Ok(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_baseline_and_quick_peer_exists() {
        let names = PEERS.map(Peer::name);
        assert!(BASELINES.iter().chain(&QUICK).all(|name| names.contains(name)));
    }

    #[test]
    fn a_missing_program_names_the_fix() {
        let error = Places::on_path("no-such-program", "apt-get install it").unwrap_err();
        assert_eq!(error, "no-such-program is not on $PATH: apt-get install it");
    }
}
