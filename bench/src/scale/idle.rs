//! What a user with an idle connection weighs: resident memory, and the kernel's beside it.
//!
//! Files are what runs out first. Where one process may not have as many as there are users, they
//! are spread over several, each with a target of its own; all stay until the last has connected.
//! Ports do not run out, because the users connect from several addresses of the loopback.

use crate::memory::{self, Connecting, resident};
use anyhow::{Context, Result, bail};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read},
    net::{IpAddr, Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Files beside the connections, on either side.
const SPARE_FILES: u64 = 200;

/// Addresses that users connect from, 127.0.0.2 being the first. Each has 28,000 ports, some of
/// which the run before may have left in TIME_WAIT.
const SOURCES_N: u8 = 8;

/// Users with an idle connection each.
pub(crate) fn run(cpu: usize, n_users: u32) -> Result<()> {
    let shares = shares(n_users, raise_file_limit()?)?;
    let kernel_before = kernel_bytes();
    let mut parts = vec![];
    let mut bytes = 0;
    for &n in &shares {
        let (part, of_part) = Part::start(cpu, n)?;
        bytes += of_part;
        parts.push(part);
    }
    let kernel = kernel_bytes().saturating_sub(kernel_before);
    let n_processes = match parts.len() {
        1 => "one process".to_owned(),
        n => format!("{n} processes, as files are limited"),
    };
    println!(
        "memory: {} bytes per user with an idle connection ({n_users} users in {n_processes})",
        bytes / u64::from(n_users)
    );
    println!(
        "memory: beside that {} bytes of the kernel per connection, both ends (Slab of /proc/meminfo)",
        kernel / u64::from(n_users)
    );
    Ok(())
}

/// One process' share: prints how many bytes its users take, and keeps them until its standard
/// input ends.
pub(crate) fn part(cpu: usize, n_users: u32) -> Result<()> {
    raise_file_limit()?;
    let (_target, base) = Target::start()?;
    let sources = (2..2 + SOURCES_N).map(|last| IpAddr::from([127, 0, 0, last])).collect();
    let before = resident()?;
    // Memory of the connecting, which is more at a time than that of being connected, may linger.
    let _cores = memory::visitors(cpu, n_users, Some(&Connecting { base, sources }))?;
    println!("{}", resident()?.saturating_sub(before));
    io::stdin().read_to_end(&mut vec![]).context("wait for the others")?;
    Ok(())
}

/// How many users each process has, none more than its files allow.
fn shares(n_users: u32, files: u64) -> Result<Vec<u32>> {
    let most = files.saturating_sub(SPARE_FILES).min(u64::from(u32::MAX)) as u32;
    if most == 0 {
        bail!("open files are limited to {files}, which is too few: raise `ulimit -Hn`");
    }
    let n_parts = n_users.div_ceil(most).max(1);
    Ok((0..n_parts).map(|part| n_users / n_parts + u32::from(part < n_users % n_parts)).collect())
}

fn raise_file_limit() -> Result<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("raise the limit of open files")?;
    Ok(hard)
}

/// What the kernel holds for itself.
pub(crate) fn kernel_bytes() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Slab:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

/// A process with a share of the users. It ends, and its target with it, when its standard input
/// does: with this value, or with this process.
struct Part(Child);

impl Part {
    /// Starts it, and returns how many bytes its users take when all are connected.
    fn start(cpu: usize, n_users: u32) -> Result<(Part, u64)> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["idle-part", "-u", &n_users.to_string(), "--cpus", &cpu.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut part = Part(command.spawn().context("start a process for users")?);
        let mut line = String::new();
        let stdout = part.0.stdout.take().context("read from a process with users")?;
        BufReader::new(stdout).read_line(&mut line)?;
        // Without a line it has said why on its standard error, which is ours.
        let bytes = line.trim().parse().context("connect the users")?;
        Ok((part, bytes))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The embedded target in a process of its own, which does not outlive this value.
struct Target(Child);

impl Target {
    fn start() -> Result<(Target, String)> {
        let exe = env::current_exe()?;
        let program = exe.with_file_name("hatchery");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
        let address = listener.local_addr()?;
        drop(listener);
        let mut command = Command::new(&program);
        command.args(["target", "--listen", &address.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| {
            format!("start {}; build it with `cargo build --release`", program.display())
        })?;
        let target = Target(child);
        let begin = Instant::now();
        while TcpStream::connect(address).is_err() {
            if begin.elapsed() > Duration::from_secs(5) {
                bail!("the target does not accept connections on {address}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok((target, format!("http://{address}")))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fit_the_files_and_add_up() {
        assert_eq!(shares(20_000, 1 << 20).unwrap(), [20_000]);
        assert_eq!(shares(20_000, 20_000).unwrap(), [10_000, 10_000]);
        assert_eq!(shares(5, 202).unwrap(), [2, 2, 1]);
        assert!(shares(5, 200).unwrap_err().to_string().contains("raise `ulimit -Hn`"));
    }
}
