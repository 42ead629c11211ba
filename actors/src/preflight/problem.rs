//! What can be missing, in words: each with the value and what to do.

use super::{Destination, MEMLOCK_MIN, USER_BYTES_MIN};
use std::{error, fmt};

const GIB: u64 = 1 << 30;

/// Why a run cannot begin: one line per reason, each with what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreflightError {
    pub(super) problems: Vec<Problem>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Users { n_users: u64, memory: u64 },
    Files { needed: u64, hard: u64 },
    RaiseFiles { needed: u64, reason: String },
    Memlock { soft: u64 },
    Ports { destination: Destination, n_sources: u64, first: u64, last: u64 },
    IoUring { value: u32 },
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
            Problem::Users { n_users, memory } => write!(
                f,
                "{n_users} users need {} GiB of memory at least, and this machine has {}: use \
                 fewer users, or more machines",
                n_users.saturating_mul(USER_BYTES_MIN).div_ceil(GIB),
                memory / GIB,
            ),
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
