//! What can be typed. A flag's doc comment is its help.

use super::http;
use clap::Args;
use hatchery_actors::shape::Plan;
use hatchery_core::{placement::CoreChoice, run_time::parse_timespan};
use std::{path::PathBuf, time::Duration};
use tracing::Level;

/// The flags that every run has, of a program's own or of `hatchery URL`.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunFlags {
    /// Users at the peak
    #[arg(short, long, value_name = "N", value_parser = at_least_one)]
    pub(crate) users: Option<u32>,

    /// Users started per second, fractions allowed [default: 1; with URLs all at once]
    #[arg(short = 'r', long, alias = "spawn-rate", value_name = "N", value_parser = rate)]
    pub(crate) hatch_rate: Option<f64>,

    /// Stop after this time: 20, 20s, 3m, 2h, 1h20m, 3h30m10s [default: never]
    #[arg(short = 't', long, value_name = "TIME", value_parser = timespan)]
    pub(crate) run_time: Option<Duration>,

    /// Stop after so many tasks in all
    #[arg(long, value_name = "N", value_parser = at_least_one_task)]
    pub(crate) iterations: Option<u64>,

    /// Load over time: users,time;users,time such as 100,1m;200,5m;0,30s
    #[arg(long, value_name = "PLAN", conflicts_with = "step_load")]
    pub(crate) shape: Option<Plan>,

    /// Add users step by step, up to --users
    #[arg(long)]
    pub(crate) step_load: bool,

    /// Users that each step adds [default: 1]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) step_users: Option<u32>,

    /// How long a step lasts
    #[arg(long, value_name = "TIME", value_parser = timespan)]
    pub(crate) step_time: Option<Duration>,

    /// Choose all classes, and all tasks, equally often
    #[arg(long)]
    pub(crate) equal_weights: bool,

    /// Base URL of the target, before any that a class names
    #[arg(short = 'H', long, value_name = "URL")]
    pub(crate) host: Option<String>,

    /// Start at once, without the web UI
    #[arg(long)]
    pub(crate) headless: bool,

    /// How long running tasks may take to finish when users are stopped [default: 0]
    #[arg(short = 's', long, value_name = "TIME", value_parser = timespan)]
    pub(crate) stop_timeout: Option<Duration>,

    /// CPUs to drive users from: auto, a number of CPUs, or a list such as 0-3,8
    #[arg(long, value_name = "CPUS", default_value = "auto")]
    pub(crate) cores: CoreChoice,

    /// Poll instead of sleeping when there is nothing to do: less delay, a whole core each
    #[arg(long)]
    pub(crate) spin: bool,

    /// Print the final statistics as JSON on standard output, Locust's list of entries
    #[arg(long)]
    pub(crate) json: bool,

    /// Measure DNS, connect, TLS, first and last byte of each request, and print them at the end
    #[arg(long)]
    pub(crate) phases: bool,

    /// Print no tables before the end
    #[arg(long)]
    pub(crate) only_summary: bool,

    /// Begin the statistics anew when all users have been hatched
    #[arg(long)]
    pub(crate) reset_stats: bool,

    /// Only run tasks with one of these tags
    #[arg(short = 'T', long, value_name = "TAG", num_args = 1..)]
    pub(crate) tags: Vec<String>,

    /// Run no tasks with one of these tags, whatever --tags says
    #[arg(short = 'E', long, value_name = "TAG", num_args = 1..)]
    pub(crate) exclude_tags: Vec<String>,

    /// What to exit with when a request or a task failed
    #[arg(long, value_name = "CODE", default_value_t = 1, value_parser = exit_code)]
    pub(crate) exit_code_on_error: i32,

    /// Start of the random sequences, to draw the same tasks again
    #[arg(long, value_name = "N", value_parser = seed)]
    pub(crate) seed: Option<u64>,

    /// Flags to read from a TOML file [default: hatchery.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// What to log: error, warn, info, debug or trace
    #[arg(short = 'L', long, value_name = "LEVEL", default_value = "info", ignore_case = true)]
    pub(crate) loglevel: Level,

    #[command(flatten)]
    pub(crate) http: HttpFlags,
}

/// How HTTP sessions behave unless a program says otherwise.
#[derive(Args, Clone, Debug)]
pub(crate) struct HttpFlags {
    /// Do not verify TLS certificates
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,

    /// Open a new connection for each request, as --requests-per-connection 1 does
    #[arg(long, conflicts_with = "requests_per_connection")]
    pub(crate) no_keepalive: bool,

    /// Speak HTTP/2 over TLS with servers that offer it, and HTTP/1.1 with the others
    #[arg(long)]
    pub(crate) http2: bool,

    /// Speak HTTP/2 without asking, over TLS and over plain TCP (h2c)
    #[arg(long)]
    pub(crate) http2_prior_knowledge: bool,

    /// Close a connection after so many requests [default: 0, no limit]
    #[arg(long, value_name = "N")]
    pub(crate) requests_per_connection: Option<u32>,

    /// Close connections with RST, which leaves no TIME_WAIT behind, instead of FIN
    #[arg(long)]
    pub(crate) reset_on_close: bool,

    /// Share connections among the users of a core, up to N per core and origin [default of N: 0,
    /// no limit]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    pub(crate) shared_pool: Option<u32>,

    /// Send requests through an HTTP proxy, http://user:password@host:port; those of a kind only
    /// with https=, http= or SCHEME://HOST= before it, directly with none; may be repeated
    #[arg(long = "proxy", value_name = "[FOR=]URL", value_parser = http::proxy)]
    pub(crate) proxies: Vec<http::ProxyFlag>,

    /// Local addresses to connect from, each with ports of its own: a list of addresses and networks
    /// such as 10.0.0.5,10.0.1.0/28
    #[arg(long, value_name = "ADDRESSES", value_parser = http::sources)]
    pub(crate) source_ip: Option<http::Sources>,

    /// Connect to this address instead of the host's, which may be * for all hosts; may be repeated
    #[arg(long, value_name = "HOST:PORT:ADDRESS", value_parser = http::resolve)]
    pub(crate) resolve: Vec<http::Resolve>,

    /// PEM file, or directory of such files, with the certificates to trust instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,

    /// PEM file with a client certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,

    /// PEM file with its key [default: the file of --cert]
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// Speak HTTP/1.1 by hyper instead of the lean path, to compare the two
    #[arg(long)]
    pub(crate) hyper: bool,
}

/// `--cores` alone, for the embedded target.
#[derive(Args, Clone, Debug)]
pub(crate) struct Cores {
    /// CPUs to serve from: auto, a number of CPUs, or a list such as 0-3,8
    #[arg(long, value_name = "CPUS", default_value = "auto")]
    pub(crate) cores: CoreChoice,
}

fn at_least_one(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(0) => Err("at least one user is needed".to_owned()),
        Ok(n) => Ok(n),
        Err(_) => Err(format!("a whole number of users from 1 to {} is needed", u32::MAX)),
    }
}

fn at_least_one_task(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a whole number of tasks from 1 on is needed".to_owned()),
        Ok(n) => Ok(n),
    }
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a whole number from 0 to {} is needed", u64::MAX))
}

fn exit_code(text: &str) -> Result<i32, String> {
    let code = text.parse::<u8>().map_err(|_| "an exit code from 0 to 255 is needed".to_owned());
    code.map(i32::from)
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(rate),
        _ => Err("a number of users per second greater than 0 is needed".to_owned()),
    }
}

fn timespan(text: &str) -> Result<Duration, String> {
    parse_timespan(text).map_err(|error| error.to_string())
}
