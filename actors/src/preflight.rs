//! Whether the machine has what a run needs, before anything starts.
//!
//! [`check`] compares two plain values; [`preflight`] reads one of them from the machine and
//! raises the one limit that a process may raise by itself.

mod machine;
mod problem;

pub use problem::PreflightError;

use machine::read_facts;
use problem::Problem;
use rustix::process::{Resource, Rlimit, setrlimit};

/// Descriptors that a shard needs beside its users' connections: rings, eventfds, the executor's.
const FILES_PER_SHARD: u64 = 16;

/// Descriptors for the rest of the process: standard streams, files written, the user interface.
const FILES_OF_PROCESS: u64 = 64;

/// glommio refuses to start an executor under a lower limit on locked memory, in bytes. From
/// kernel 5.12 on rings are not charged to it any more, so that the sum does not grow by shard.
/// (`Reactor::new` in glommio 0.9's `sys/uring.rs`.)
const MEMLOCK_MIN: u64 = 512 * 1024;

/// Memory that a user takes at the very least, in bytes, before it has a session or a connection.
/// (Measured: 846, by `scale memory`.)
const USER_BYTES_MIN: u64 = 512;

/// What a run needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Users at the peak.
    pub n_users: u64,
    /// Sockets of connections at the peak, all told.
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
    /// The machine's memory, in bytes.
    pub memory: Option<u64>,
    /// The first and the last of the local ports given to connections.
    pub port_range: Option<(u64, u64)>,
    /// `kernel.io_uring_disabled`: 0 open to all, 1 to the privileged, 2 to nobody.
    pub io_uring_disabled: Option<u32>,
    /// Whether the process is privileged enough for a restricted io_uring.
    pub io_uring_privileged: bool,
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
    if let Some(memory) =
        facts.memory.filter(|memory| needs.n_users.saturating_mul(USER_BYTES_MIN) > *memory)
    {
        problems.push(Problem::Users { n_users: needs.n_users, memory });
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
    match check(needs, &facts)? {
        Some(needed) => raise_files(needed, &facts),
        None => Ok(()),
    }
}

/// The same for a server on so many shards: it takes as many connections as open files may be.
///
/// # Errors
/// As [`preflight`].
pub fn preflight_server(n_shards: u64) -> Result<(), PreflightError> {
    let facts = read_facts();
    let needs =
        Needs { n_users: 0, n_connections: 0, n_shards, destinations: vec![], n_sources: 1 };
    check(&needs, &facts)?;
    match (facts.nofile_soft, facts.nofile_hard) {
        (Some(soft), Some(hard)) if soft < hard => raise_files(hard, &facts),
        _ => Ok(()),
    }
}

fn raise_files(needed: u64, facts: &Facts) -> Result<(), PreflightError> {
    let limit = Rlimit { current: Some(needed), maximum: facts.nofile_hard };
    setrlimit(Resource::Nofile, limit).map_err(|error| {
        let reason = error.to_string();
        PreflightError { problems: vec![Problem::RaiseFiles { needed, reason }] }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEEDS: Needs = Needs {
        n_users: 10_000,
        n_connections: 10_000,
        n_shards: 4,
        destinations: vec![],
        n_sources: 1,
    };

    fn to(name: &str, by_shard: &[u64]) -> Destination {
        Destination { name: name.to_owned(), by_shard: by_shard.to_vec() }
    }

    const FACTS: Facts = Facts {
        nofile_soft: Some(20_000),
        nofile_hard: Some(20_000),
        memlock_soft: Some(8 << 20),
        memory: Some(64 << 30),
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
    fn more_users_than_fit_into_the_memory_are_refused() {
        let needs = |n_users| Needs { n_users, ..NEEDS };
        insta::assert_snapshot!(
            problem(&needs(u64::from(u32::MAX)), &FACTS),
            @"4294967295 users need 2048 GiB of memory at least, and this machine has 64: use fewer users, or more machines"
        );
        assert_eq!(check(&needs(100_000_000), &FACTS), Ok(None));
        assert_eq!(check(&needs(u64::from(u32::MAX)), &Facts { memory: None, ..FACTS }), Ok(None));
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
}
