//! Reading the machine.

use super::Facts;
use rustix::{
    process::{Resource, getegid, getgroups, getrlimit},
    thread::{CapabilitySet, capabilities},
};
use std::{fs, str::FromStr};

/// Reads what the machine has. A file that cannot be read is a fact that is not known.
pub(super) fn read_facts() -> Facts {
    let files = getrlimit(Resource::Nofile);
    let port_range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
    Facts {
        nofile_soft: files.current,
        nofile_hard: files.maximum,
        memlock_soft: getrlimit(Resource::Memlock).current,
        memory: read_memory(),
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

fn read_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

fn read_number<T: FromStr>(path: &str) -> Option<T> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn parse_range(text: &str) -> Option<(u64, u64)> {
    let mut numbers = text.split_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_can_be_read() {
        let facts = read_facts();
        assert!(facts.port_range.is_some() && facts.memory.is_some_and(|memory| memory > 1 << 20));
        assert_eq!(parse_range("32768\t60999\n"), Some((32_768, 60_999)));
        assert_eq!(parse_range("x"), None);
    }
}
