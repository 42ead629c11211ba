//! Whether the machine has what a run needs, before anything starts.
//!
//! [`check`] compares two plain values; [`preflight`] reads one of them from the machine and
//! raises the one limit that a process may raise by itself.

use rustix::{
    process::{Resource, Rlimit, getegid, getgroups, getrlimit, setrlimit},
    thread::{CapabilitySet, capabilities},
};
use std::{error, fmt, fs, str::FromStr};

/// Descriptors that a shard needs beside its users' connections: rings, eventfds, the executor's.
const FILES_PER_SHARD: u64 = 16;

/// Descriptors for the rest of the process: standard streams, files written, the user interface.
const FILES_OF_PROCESS: u64 = 64;

/// glommio refuses to start an executor under a lower limit on locked memory, in bytes. From
/// kernel 5.12 on rings are not charged to it any more, so that the sum does not grow by shard.
/// (`Reactor::new` in glommio 0.9's `sys/uring.rs`.)
const MEMLOCK_MIN: u64 = 512 * 1024;

/// What a run needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Connections at the peak, all told.
    pub n_connections: u64,
    /// Shards.
    pub n_shards: u64,
    /// Where the TCP connections among them lead.
    pub destinations: Vec<Destination>,
    /// Local addresses that each shard spreads its connections over; 1 if the system chooses.
    pub n_sources: u64,
}

/// An address and a port that connections lead to. Each of them takes a local port, of which every
/// local address has its own for every destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// `host:port`.
    pub name: String,
    /// Connections to it at the peak, by shard.
    pub by_shard: Vec<u64>,
}

impl Destination {
    /// Local ports that the busiest of so many local addresses needs. Each shard goes through the
    /// addresses in turn, so that on none of them it has more than its share, rounded up.
    fn n_ports(&self, n_sources: u64) -> u64 {
        self.by_shard.iter().map(|n| n.div_ceil(n_sources.max(1))).sum()
    }

    /// Local addresses without which so many ports would not be enough.
    fn n_sources(&self, n_ports: u64) -> Option<u64> {
        let all: u64 = self.by_shard.iter().sum();
        let most = self.by_shard.iter().copied().max().unwrap_or(0);
        // Rounding makes it one or two more than the plain quotient.
        (all.div_ceil(n_ports.max(1))..=most).find(|&n| self.n_ports(n) <= n_ports)
    }
}

impl Needs {
    /// Open files at the peak.
    pub fn n_files(&self) -> u64 {
        self.n_connections + self.n_shards * FILES_PER_SHARD + FILES_OF_PROCESS
    }
}

/// What the machine has. `None` in a limit is "unlimited", elsewhere "not known".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Open files: the soft limit.
    pub nofile_soft: Option<u64>,
    /// Open files: the hard limit, up to which the soft one may be raised.
    pub nofile_hard: Option<u64>,
    /// Locked memory: the soft limit, in bytes.
    pub memlock_soft: Option<u64>,
    /// The first and the last of the local ports given to connections.
    pub port_range: Option<(u64, u64)>,
    /// `kernel.io_uring_disabled`: 0 open to all, 1 to the privileged, 2 to nobody.
    pub io_uring_disabled: Option<u32>,
    /// Whether the process is privileged enough for a restricted io_uring.
    pub io_uring_privileged: bool,
}

/// Why a run cannot begin: one line per reason, each with what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreflightError {
    problems: Vec<Problem>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    Files { needed: u64, hard: u64 },
    RaiseFiles { needed: u64, reason: String },
    Memlock { soft: u64 },
    Ports { destination: Destination, n_sources: u64, first: u64, last: u64 },
    IoUring { value: u32 },
}

/// Compares what is needed with what there is, and says to which value the soft limit on open
/// files must be raised, if it must.
///
/// # Errors
/// Everything that is missing, not just the first.
pub fn check(needs: &Needs, facts: &Facts) -> Result<Option<u64>, PreflightError> {
    let mut problems = vec![];
    if let Some(value @ 1..) = facts.io_uring_disabled
        && (value > 1 || !facts.io_uring_privileged)
    {
        problems.push(Problem::IoUring { value });
    }
    if let Some(soft) = facts.memlock_soft.filter(|&soft| soft < MEMLOCK_MIN) {
        problems.push(Problem::Memlock { soft });
    }
    let needed = needs.n_files();
    let raise = facts.nofile_soft.is_some_and(|soft| soft < needed);
    if let Some(hard) = facts.nofile_hard.filter(|&hard| raise && hard < needed) {
        problems.push(Problem::Files { needed, hard });
    }
    if let Some((first, last)) = facts.port_range {
        let n_sources = needs.n_sources;
        let lacks = |to: &&Destination| to.n_ports(n_sources) > (last + 1).saturating_sub(first);
        for destination in needs.destinations.iter().filter(lacks) {
            let destination = destination.clone();
            problems.push(Problem::Ports { destination, n_sources, first, last });
        }
    }
    match problems.is_empty() {
        true => Ok(raise.then_some(needed)),
        false => Err(PreflightError { problems }),
    }
}

/// Checks this machine, and raises the soft limit on open files if that is all it takes.
///
/// # Errors
/// Everything that is missing, not just the first.
pub fn preflight(needs: &Needs) -> Result<(), PreflightError> {
    let facts = read_facts();
    let Some(needed) = check(needs, &facts)? else { return Ok(()) };
    let limit = Rlimit { current: Some(needed), maximum: facts.nofile_hard };
    setrlimit(Resource::Nofile, limit).map_err(|error| {
        let reason = error.to_string();
        PreflightError { problems: vec![Problem::RaiseFiles { needed, reason }] }
    })
}

/// Reads what the machine has. A file that cannot be read is a fact that is not known.
fn read_facts() -> Facts {
    let files = getrlimit(Resource::Nofile);
    let port_range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
    Facts {
        nofile_soft: files.current,
        nofile_hard: files.maximum,
        memlock_soft: getrlimit(Resource::Memlock).current,
        port_range: port_range.as_deref().and_then(parse_range),
        io_uring_disabled: read_number("/proc/sys/kernel/io_uring_disabled"),
        io_uring_privileged: is_sys_admin() || in_io_uring_group(),
    }
}

/// Whether the process has `CAP_SYS_ADMIN`, which root in a container usually has not.
fn is_sys_admin() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// Whether the process is in the group of `kernel.io_uring_group` (see the kernel's
/// `admin-guide/sysctl/kernel.rst`).
fn in_io_uring_group() -> bool {
    let group: Option<i64> = read_number("/proc/sys/kernel/io_uring_group");
    let Some(Ok(group)) = group.map(u32::try_from) else { return false };
    let mut groups = getgroups().unwrap_or_default();
    groups.push(getegid());
    groups.iter().any(|known| known.as_raw() == group)
}

fn read_number<T: FromStr>(path: &str) -> Option<T> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn parse_range(text: &str) -> Option<(u64, u64)> {
    let mut numbers = text.split_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

impl fmt::Display for PreflightError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl error::Error for PreflightError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Files { needed, hard } => write!(
                f,
                "open files are limited to {hard}, and this run needs {needed}: run `ulimit -Hn \
                 {needed}` as root, or set LimitNOFILE={needed} in the service"
            ),
            Problem::RaiseFiles { needed, reason } => write!(
                f,
                "the limit of open files could not be raised to {needed}: {reason}; run `ulimit \
                 -n {needed}`"
            ),
            Problem::Memlock { soft } => write!(
                f,
                "locked memory is limited to {} KiB, and an executor needs {} KiB: run `ulimit -l \
                 {}`, or set LimitMEMLOCK={}K in the service",
                soft / 1024,
                MEMLOCK_MIN / 1024,
                MEMLOCK_MIN / 1024,
                MEMLOCK_MIN / 1024,
            ),
            Problem::Ports { destination, n_sources, first, last } => {
                let n_ports = (last + 1).saturating_sub(*first);
                let n_connections: u64 = destination.by_shard.iter().sum();
                write!(f, "{n_connections} connections to {} ", destination.name)?;
                match n_sources {
                    0 | 1 => f.write_str("need a local port each")?,
                    n => write!(
                        f,
                        "need {} local ports on each of {n} source addresses",
                        destination.n_ports(*n)
                    )?,
                }
                write!(f, ", and {first} to {last} are {n_ports}: ")?;
                if let Some(n) = destination.n_sources(n_ports) {
                    write!(f, "give {n} addresses with --source-ip, ")?;
                }
                f.write_str(
                    "run `sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"`, or use fewer \
                     users, more hosts, or a unix socket",
                )
            }
            Problem::IoUring { value } => {
                write!(f, "io_uring is disabled by kernel.io_uring_disabled={value}: run ")?;
                match value {
                    1 => f.write_str(
                        "`sysctl -w kernel.io_uring_disabled=0`, or grant CAP_SYS_ADMIN, or \
                         join the group of kernel.io_uring_group",
                    ),
                    _ => f.write_str("`sysctl -w kernel.io_uring_disabled=0`"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEEDS: Needs =
        Needs { n_connections: 10_000, n_shards: 4, destinations: vec![], n_sources: 1 };

    fn to(name: &str, by_shard: &[u64]) -> Destination {
        Destination { name: name.to_owned(), by_shard: by_shard.to_vec() }
    }

    const FACTS: Facts = Facts {
        nofile_soft: Some(20_000),
        nofile_hard: Some(20_000),
        memlock_soft: Some(8 << 20),
        port_range: Some((32_768, 60_999)),
        io_uring_disabled: Some(0),
        io_uring_privileged: false,
    };

    #[track_caller]
    fn problem(needs: &Needs, facts: &Facts) -> String {
        let text = check(needs, facts).unwrap_err().to_string();
        assert!(!text.contains("  "), "{text}");
        text
    }

    #[test]
    fn a_machine_that_has_everything_needs_no_change() {
        assert_eq!(check(&NEEDS, &FACTS), Ok(None));
        let unlimited = Facts { nofile_soft: None, nofile_hard: None, memlock_soft: None, ..FACTS };
        assert_eq!(check(&NEEDS, &unlimited), Ok(None));
        let unknown = Facts { port_range: None, io_uring_disabled: None, ..FACTS };
        assert_eq!(check(&NEEDS, &unknown), Ok(None));
    }

    #[test]
    fn the_soft_limit_of_open_files_is_raised_up_to_the_hard_one() {
        let low = Facts { nofile_soft: Some(1_024), ..FACTS };
        assert_eq!(check(&NEEDS, &low), Ok(Some(NEEDS.n_files())));
        let too_low = Facts { nofile_hard: Some(4_096), ..low };
        insta::assert_snapshot!(
            problem(&NEEDS, &too_low),
            @"open files are limited to 4096, and this run needs 10128: run `ulimit -Hn 10128` as root, or set LimitNOFILE=10128 in the service"
        );
    }

    #[test]
    fn locked_memory_must_be_enough_for_an_executor() {
        insta::assert_snapshot!(
            problem(&NEEDS, &Facts { memlock_soft: Some(64 * 1024), ..FACTS }),
            @"locked memory is limited to 64 KiB, and an executor needs 512 KiB: run `ulimit -l 512`, or set LimitMEMLOCK=512K in the service"
        );
    }

    #[test]
    fn each_tcp_connection_to_one_destination_needs_a_port() {
        let facts = Facts { nofile_soft: None, ..FACTS };
        let needs = |destinations: &[Destination], n_sources| Needs {
            destinations: destinations.to_vec(),
            n_sources,
            ..NEEDS
        };
        insta::assert_snapshot!(
            problem(&needs(&[to("10.0.0.5:80", &[14_117, 14_116])], 1), &facts),
            @r#"28233 connections to 10.0.0.5:80 need a local port each, and 32768 to 60999 are 28232: give 2 addresses with --source-ip, run `sysctl -w net.ipv4.ip_local_port_range="1024 65535"`, or use fewer users, more hosts, or a unix socket"#
        );
        assert_eq!(check(&needs(&[to("10.0.0.5:80", &[14_116, 14_116])], 1), &facts), Ok(None));
        // Each destination has all the ports.
        let two = [to("10.0.0.5:80", &[28_232]), to("10.0.0.6:80", &[28_232])];
        assert_eq!(check(&needs(&two, 1), &facts), Ok(None));
        // And each source has them all again.
        let many = [to("10.0.0.5:80", &[50_000, 50_000])];
        assert_eq!(check(&needs(&many, 4), &facts), Ok(None));
        insta::assert_snapshot!(
            problem(&needs(&many, 3), &facts),
            @r#"100000 connections to 10.0.0.5:80 need 33334 local ports on each of 3 source addresses, and 32768 to 60999 are 28232: give 4 addresses with --source-ip, run `sysctl -w net.ipv4.ip_local_port_range="1024 65535"`, or use fewer users, more hosts, or a unix socket"#
        );
    }

    proptest! {
        #[test]
        fn the_addresses_asked_for_are_enough_and_one_less_is_not(
            by_shard in prop::collection::vec(0_u64..5_000, 1..8),
            n_ports in 8_u64..2_000,
        ) {
            let to = to("10.0.0.5:80", &by_shard);
            if let Some(n) = to.n_sources(n_ports) {
                prop_assert!(to.n_ports(n) <= n_ports);
                prop_assert!(n <= 1 || to.n_ports(n - 1) > n_ports);
            } else {
                prop_assert!(by_shard.iter().all(|&n| n == 0));
            }
        }
    }

    #[test]
    fn io_uring_must_be_allowed() {
        insta::assert_snapshot!(
            problem(&NEEDS, &Facts { io_uring_disabled: Some(2), io_uring_privileged: true, ..FACTS }),
            @"io_uring is disabled by kernel.io_uring_disabled=2: run `sysctl -w kernel.io_uring_disabled=0`"
        );
        insta::assert_snapshot!(
            problem(&NEEDS, &Facts { io_uring_disabled: Some(1), ..FACTS }),
            @"io_uring is disabled by kernel.io_uring_disabled=1: run `sysctl -w kernel.io_uring_disabled=0`, or grant CAP_SYS_ADMIN, or join the group of kernel.io_uring_group"
        );
        let root = Facts { io_uring_disabled: Some(1), io_uring_privileged: true, ..FACTS };
        assert_eq!(check(&NEEDS, &root), Ok(None));
    }

    #[test]
    fn everything_that_is_missing_is_said_at_once() {
        let poor = Facts { memlock_soft: Some(0), io_uring_disabled: Some(2), ..FACTS };
        assert_eq!(problem(&NEEDS, &poor).lines().count(), 2);
    }

    #[test]
    fn this_machine_can_be_read() {
        assert!(read_facts().port_range.is_some());
        assert_eq!(parse_range("32768\t60999\n"), Some((32_768, 60_999)));
        assert_eq!(parse_range("x"), None);
    }
}
