//! What a user weighs: resident memory of this process before and after, divided.

use crate::{cores::Cores, hatch};
use anyhow::{Context, Result, bail};
use crossbeam_channel::{Sender, bounded};
use hatchery_core::{
    shard::Common,
    user::{Class, Cx, Root, Spawn, Table, TaskResult, Tasks, User, Wait, constant},
};
use hatchery_http::HttpSession;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use procfs::process::Process;
use std::{
    cell::Cell,
    env, fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    rc::Rc,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// How long users may take to start.
const LIMIT: Duration = Duration::from_secs(120);

/// Files beside the connections.
const SPARE_FILES: u64 = 200;

/// A user with a session and two tasks, one of which it has run once.
struct Visitor {
    client: HttpSession,
    tally: Rc<Tally>,
}

#[derive(Default)]
struct Tally {
    n_started: Cell<u32>,
    n_failed: Cell<u32>,
}

/// What users do at their start, and whom to tell when all have.
struct Plan {
    connects: bool,
    n_users: u32,
    started: Sender<u32>,
}

impl User for Visitor {
    const WAIT: Wait = constant(3600.0);

    fn new(spawn: &Spawn<'_>) -> Self {
        Visitor {
            client: HttpSession::new(spawn),
            tally: spawn.shard().local(|_| Tally::default()),
        }
    }
}

impl Tasks for Visitor {
    type Parent = Root;

    fn table() -> Table<Self> {
        Table::new().task(3, Visitor::visit).task(1, Visitor::visit)
    }
}

impl Visitor {
    async fn visit(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let Some(plan) = cx.shard().common().options.downcast_ref::<Plan>() else { return Ok(()) };
        let tally = &self.tally;
        if plan.connects && !self.client.get("/").await.ok() {
            tally.n_failed.set(tally.n_failed.get() + 1);
        }
        tally.n_started.set(tally.n_started.get() + 1);
        if tally.n_started.get() == plan.n_users {
            let _ = plan.started.send(tally.n_failed.get());
        }
        Ok(())
    }
}

/// Users that wait and have nothing else.
pub(crate) fn bare(cpu: usize, n_users: u32) -> Result<()> {
    let before = resident()?;
    let _cores = hatch::noop_users(cpu, n_users)?;
    print("user that waits, without a session", before, n_users)
}

/// Users that wait and have a session, but no connection.
pub(crate) fn with_session(cpu: usize, n_users: u32) -> Result<()> {
    let before = resident()?;
    let _cores = visitors(cpu, n_users, false, "http://127.0.0.1:9")?;
    print("user that waits, with a session and no connection", before, n_users)
}

/// Users with an idle connection each.
pub(crate) fn idle(cpu: usize, n_users: u32) -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("raise the limit of open files")?;
    let wanted = u64::from(n_users) + SPARE_FILES;
    if hard < wanted {
        bail!("{n_users} users need {wanted} open files and may have {hard}: raise `ulimit -Hn`");
    }
    let (_target, base) = Target::start()?;
    let before = resident()?;
    let kernel_before = kernel_bytes();
    let _cores = visitors(cpu, n_users, true, &base)?;
    // Memory of the connecting, which is more at a time than that of being connected, may linger.
    print("user with an idle connection", before, n_users)?;
    let kernel = kernel_bytes().saturating_sub(kernel_before);
    println!(
        "memory: beside that {} bytes of the kernel per connection, both ends (Slab of /proc/meminfo)",
        kernel / u64::from(n_users)
    );
    Ok(())
}

fn visitors(cpu: usize, n_users: u32, connects: bool, base: &str) -> Result<Cores> {
    let (started, all_started) = bounded(1);
    let common = Common {
        classes: vec![Class::of::<Visitor>()],
        host: Some(base.to_owned()),
        options: Arc::new(Plan { connects, n_users, started }),
        ..Common::default()
    };
    let cores = Cores::start(&[cpu], common)?;
    // Connections in lots that a listen queue holds.
    let lot = if connects { 500 } else { n_users };
    let mut left = n_users;
    while left > 0 {
        let n = left.min(lot);
        cores.hatch(0, n);
        left -= n;
        if left > 0 {
            thread::sleep(Duration::from_millis(100));
        }
    }
    let n_failed = all_started.recv_timeout(LIMIT).context("wait for the users")?;
    if n_failed > 0 {
        bail!("{n_failed} of {n_users} connections failed");
    }
    Ok(cores)
}

fn print(what: &str, before: u64, n_users: u32) -> Result<()> {
    let bytes = resident()?.saturating_sub(before) / u64::from(n_users);
    println!("memory: {bytes} bytes per {what} ({n_users} users)");
    Ok(())
}

fn resident() -> Result<u64> {
    Ok(Process::myself()?.statm()?.resident * procfs::page_size())
}

fn kernel_bytes() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Slab:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
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
