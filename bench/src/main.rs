//! `compare`: hatchery and its peers, side by side on one target.
//!
//! Installs nothing and imports nothing of hatchery: every generator is a program, started on one
//! CPU while the server has another, and accounted for from outside. Within a case the peers take
//! turns (ABC, CBA, …), so that what disturbs the machine disturbs them alike. What cannot run
//! keeps its row, with the reason.

mod case;
mod instructions;
mod measure;
mod peer;
mod report;
mod round;
mod stats;
mod target;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use procfs::Current;

use crate::{
    case::CASES,
    peer::{PEERS, Peer, Places},
    report::{Report, Settings, markdown},
    round::Plan,
    target::Kind,
};

/// Run load generators side by side on one target and print medians and ratios.
///
/// Installs nothing. A peer that is missing keeps its row, which says how to get it.
#[derive(Parser)]
#[command(name = "compare", version)]
struct Args {
    /// A short look: small, tls and post; 3 rounds of 2 s; wrk, h2load, oha and hatchery; nginx
    #[arg(long)]
    quick: bool,
    /// Count hatchery's instructions per request with valgrind instead; small and http-user on nginx
    /// unless told otherwise
    #[arg(long, conflicts_with_all = ["quick", "peers", "rounds", "json", "markdown"])]
    instructions: bool,
    /// Cases to run [default: all]
    #[arg(long = "case", value_name = "NAME", num_args = 1.., value_parser = CASES.map(|case| case.name))]
    cases: Vec<String>,
    /// Peers to run [default: all]
    #[arg(long = "peer", value_name = "NAME", num_args = 1.., value_parser = PEERS.map(Peer::name))]
    peers: Vec<String>,
    /// Servers to load [default: both]
    #[arg(long = "target", value_name = "NAME", num_args = 1..)]
    targets: Vec<Kind>,
    /// How often each peer runs each case [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// How long one run lasts [default: 5]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,
    /// The CPU that every generator is pinned to
    #[arg(long, value_name = "CPU", default_value_t = 0)]
    generator_cpu: u32,
    /// The CPU that the server is pinned to
    #[arg(long, value_name = "CPU", default_value_t = 1)]
    server_cpu: u32,
    /// Also write everything that was measured as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also write the tables to a file
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let plan = Plan::new(&args)?;
    raise_file_limit()?;
    if args.instructions {
        print!("{}", instructions::run(&plan)?);
        return Ok(());
    }
    let settings = plan.settings();
    let mut rows = Vec::new();
    for kind in &plan.targets {
        rows.extend(round::run_target(&plan, *kind)?);
    }
    let report = Report { settings, rows };
    let text = markdown::render(&report);
    println!("{text}");
    if let Some(file) = &args.markdown {
        fs::write(file, &text).with_context(|| format!("write {}", file.display()))?;
    }
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        fs::write(file, json).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}

impl Plan {
    fn new(args: &Args) -> Result<Plan> {
        if args.generator_cpu == args.server_cpu {
            bail!(
                "use CPU {} for both sides: give --generator-cpu and --server-cpu different CPUs",
                args.server_cpu
            );
        }
        let is_short = args.quick || args.instructions;
        let chosen = |given: &[String], short: &[&str], name: &str| match (given, is_short) {
            ([], true) => short.contains(&name),
            ([], false) => true,
            _ => given.iter().any(|given| given == name),
        };
        let short_cases =
            if args.instructions { &instructions::USUAL[..] } else { &case::QUICK[..] };
        let cases = CASES.iter().filter(|case| chosen(&args.cases, short_cases, case.name));
        let peers =
            PEERS.iter().copied().filter(|peer| chosen(&args.peers, &peer::QUICK, peer.name()));
        let targets = match (&args.targets[..], is_short) {
            ([], true) => vec![Kind::Nginx],
            ([], false) => vec![Kind::Nginx, Kind::Embedded],
            (given, _) => given.to_vec(),
        };
        let (rounds, seconds) = if args.quick { (3, 2) } else { (5, 5) };
        Ok(Plan {
            cases: cases.collect(),
            peers: peers.collect(),
            targets,
            rounds: args.rounds.unwrap_or(rounds),
            seconds: args.seconds.unwrap_or(seconds),
            generator_cpu: args.generator_cpu,
            server_cpu: args.server_cpu,
            places: Places::new()?,
        })
    }

    /// The conditions of the comparison; says on the way which peers are missing.
    fn settings(&self) -> Settings {
        let mut versions = BTreeMap::new();
        for peer in &self.peers {
            match peer.program(&CASES[0], &self.places) {
                Ok(program) => {
                    versions.insert(peer.name(), version(&program));
                }
                Err(reason) => eprintln!("missing {}: {reason}", peer.name()),
            }
        }
        Settings {
            arguments: env::args().skip(1).collect(),
            rounds: self.rounds,
            seconds: self.seconds,
            generator_cpu: self.generator_cpu,
            server_cpu: self.server_cpu,
            host: host(),
            load_average: procfs::LoadAverage::current().map_or(f64::NAN, |l| f64::from(l.one)),
            versions: versions.into_iter().map(|(name, text)| format!("{name}: {text}")).collect(),
        }
    }
}

/// The soft limit of open files is 1,024 in most shells; the children inherit ours.
fn raise_file_limit() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("raise the limit of open files")
}

/// The first line a program prints about its version, without where it is installed.
fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let line = text.unwrap_or_default().lines().next().unwrap_or("unknown").to_owned();
    let line = line.split(" from ").next().unwrap_or_default();
    line.split(" Copyright").next().unwrap_or_default().trim().to_owned()
}

fn host() -> String {
    let cpus = procfs::CpuInfo::current().ok();
    let model = cpus.as_ref().and_then(|cpus| cpus.model_name(0)).unwrap_or("unknown CPU");
    let n_cpus = cpus.as_ref().map_or(0, procfs::CpuInfo::num_cores);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {n_cpus} CPUs, Linux {}", kernel.trim())
}
