//! Many users: what a bare-metal host is for.

use hatchery::{Environment, State, prelude::*};
use std::{io, time::Instant};

const N_USERS: u32 = 200_000;

struct Idle;

impl User for Idle {
    const NEEDS_HOST: bool = false;
    const WAIT: Wait = constant(3600.0);

    fn new(_: &Spawn<'_>) -> Self {
        Idle
    }
}

#[tasks]
impl Idle {
    #[task]
    async fn nothing(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.measure("NOTHING", "at all", async { Ok::<_, io::Error>(()) }).await?;
        Ok(())
    }
}

/// Bytes of memory that the process has held at most.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it has one");
    let kib = line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok());
    kib.expect("a number of KiB") * 1024
}

#[test]
fn two_hundred_thousand_users_come_run_a_task_and_go() {
    let begin = Instant::now();
    let runner = Environment::new().user::<Idle>().create_local_runner().expect("it can run");
    runner.start(N_USERS, f64::INFINITY, true).expect("it starts");
    while runner.stats().n_requests() < u64::from(N_USERS) {
        assert!(begin.elapsed().as_secs() < 120, "{}", runner.stats().n_requests());
    }
    assert_eq!((runner.state(), runner.user_count()), (State::Running, N_USERS));
    runner.stop();
    assert_eq!((runner.state(), runner.user_count()), (State::Stopped, 0));
    runner.quit();
    assert_eq!(runner.stats().n_requests(), u64::from(N_USERS));
    assert!(peak_bytes() < 1 << 30, "{} bytes", peak_bytes());
    // A quarter of it without optimisation; the rest is for whoever shares the cores.
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}
