//! More connections from one host to one server than a source address has ports for.
//!
//! Open files are limited by process (20,000 on many machines), so that there are several generators
//! and several workers of nginx; all of these share one address and port.

use crate::idle::kernel_bytes;
use anyhow::{Context, Result, bail, ensure};
use procfs::net::{TcpState, tcp};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    env, fs,
    io::Read,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long the connections may take to be there all at once.
const LIMIT: Duration = Duration::from_secs(90);

/// How long nginx lets each request wait: all users are waiting for their first answer when the
/// last one of them connects.
const ANSWER_AFTER_S: u32 = 40;

/// Has `n_processes` generators keep `n_users` connections open at a time, each generator from an
/// address of its own.
pub(crate) fn run(n_users: u32, n_processes: u32) -> Result<()> {
    ensure!((1..=100).contains(&n_processes), "--processes {n_processes}: choose 1 to 100");
    let (n_each, n_rest) = (n_users / n_processes, n_users % n_processes);
    ensure!(n_rest == 0, "-u {n_users} does not divide by --processes {n_processes}");
    let program = env::current_exe()?.with_file_name("hatchery");
    let folder = tempfile::tempdir()?;
    let (_nginx, address) = start_nginx(folder.path(), n_processes)?;
    let kernel_before = kernel_bytes();
    let mut generators = vec![];
    for i in 0..n_processes {
        let source = Ipv4Addr::new(127, 0, 0, 2 + i as u8);
        let mut command = Command::new(&program);
        command.args([&format!("http://{address}/"), "-u", &n_each.to_string(), "-r", "1000"]);
        command.args(["-t", "50s", "--stop-timeout", "60s", "--json", "--only-summary"]);
        command.args(["--source-ip", &source.to_string(), "--loglevel", "error"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let child = command.spawn().with_context(|| {
            format!("start {}; build it with `cargo build --release`", program.display())
        })?;
        generators.push(Running(child));
    }
    let begin = Instant::now();
    let by_source = loop {
        let by_source = established(address)?;
        if by_source.values().sum::<u32>() >= n_users || begin.elapsed() > LIMIT {
            break by_source;
        }
        thread::sleep(Duration::from_millis(500));
    };
    let kernel = kernel_bytes().saturating_sub(kernel_before);
    let n_open: u32 = by_source.values().sum();
    println!("host: {n_open} connections to {address} at a time, by source address {by_source:?}");
    println!(
        "host: {} bytes of the kernel per connection, both ends (Slab of /proc/meminfo)",
        kernel / u64::from(n_open.max(1))
    );
    let (mut n_requests, mut n_failures) = (0, 0);
    for generator in generators {
        let (requests, failures) = generator.counts()?;
        (n_requests, n_failures) = (n_requests + requests, n_failures + failures);
    }
    println!("host: {n_requests} requests, {n_failures} of them failed");
    ensure!(n_open >= n_users, "{n_open} of {n_users} connections were open at a time");
    Ok(())
}

/// A process that does not outlive this value.
struct Running(Child);

impl Running {
    /// Waits for a generator: its requests, and how many of them failed.
    fn counts(mut self) -> Result<(u64, u64)> {
        let mut report = String::new();
        let output = self.0.stdout.take().context("the output was asked for")?;
        { output }.read_to_string(&mut report)?;
        let status = self.0.wait()?;
        let entries: Vec<Value> = serde_json::from_str(&report)
            .with_context(|| format!("read the report of a generator that ended with {status}"))?;
        let sum = |key: &str| entries.iter().filter_map(|entry| entry[key].as_u64()).sum();
        Ok((sum("num_requests"), sum("num_failures")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // By a signal that lets nginx end its workers.
        if let Ok(id) = i32::try_from(self.0.id()) {
            let _ = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(id),
                nix::sys::signal::Signal::SIGTERM,
            );
        }
        let _ = self.0.wait();
    }
}

/// nginx with so many workers, which answers each request after a while: that is how it treats
/// those who give no password.
fn start_nginx(folder: &Path, n_workers: u32) -> Result<(Running, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    let address = listener.local_addr()?;
    drop(listener);
    let own = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {own}/{name};\n"))
        .concat();
    let config = format!(
        "daemon off; worker_processes {n_workers}; worker_rlimit_nofile 20000; pid {own}/pid;
         error_log {own}/error.log;
         events {{ worker_connections 19900; }}
         http {{
             access_log off; keepalive_timeout 300s;
             {temporary}
             server {{
                 listen {address} reuseport backlog=4096;
                 location / {{
                     auth_basic x; auth_basic_user_file {own}/nobody; auth_delay {ANSWER_AFTER_S}s;
                     error_page 401 =200 @late;
                 }}
                 location @late {{ return 200 late; }}
             }}
         }}"
    );
    fs::write(folder.join("nobody"), "")?;
    fs::write(folder.join("nginx.conf"), config)?;
    let known = ["/usr/sbin/nginx", "/usr/bin/nginx"];
    let Some(program) = known.into_iter().find(|path| Path::new(path).exists()) else {
        bail!("nginx is missing: apt-get install nginx-light");
    };
    let mut command = Command::new(program);
    command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(folder.join("nginx.conf"));
    let nginx = Running(command.stdin(Stdio::null()).spawn().context("start nginx")?);
    let begin = Instant::now();
    while TcpStream::connect(address).is_err() {
        ensure!(begin.elapsed() < Duration::from_secs(5), "nginx does not listen on {address}");
        thread::sleep(Duration::from_millis(20));
    }
    Ok((nginx, address))
}

/// How many connections to an address this host has, by the address that they come from.
fn established(address: SocketAddr) -> Result<BTreeMap<String, u32>> {
    let mut by_source = BTreeMap::new();
    for entry in tcp().context("read /proc/net/tcp")? {
        if entry.remote_address == address && entry.state == TcpState::Established {
            *by_source.entry(entry.local_address.ip().to_string()).or_default() += 1;
        }
    }
    Ok(by_source)
}
