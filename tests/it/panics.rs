//! Panics where nobody looks for them: none takes a core down, and a core that goes down all the
//! same comes back.

use hatchery::{Class, Environment, RunnerEvent, State, prelude::*};
use hatchery_core::{
    message::{Command, Stop, Whom},
    shard::Common,
};
use hatchery_tests::{programs::wait_until, stage::Stage};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

/// Something whose destructor panics.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(thread::panicking(), "in a destructor");
    }
}

struct Carrier {
    _bomb: Bomb,
}

impl User for Carrier {
    fn new(_: &Spawn<'_>) -> Self {
        Carrier { _bomb: Bomb }
    }
}

#[tasks]
#[nested(CarriersSet)]
impl Carrier {}

struct CarriersSet {
    _bomb: Bomb,
}

impl TaskSet for CarriersSet {
    fn new(_: &mut Carrier) -> Self {
        CarriersSet { _bomb: Bomb }
    }
}

#[tasks(parent = Carrier)]
impl CarriersSet {
    #[task]
    async fn end(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.stop_user()
    }
}

struct Holder;

impl User for Holder {
    fn new(_: &Spawn<'_>) -> Self {
        Holder
    }
}

#[tasks]
impl Holder {
    #[task]
    async fn hold(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let _bomb = Bomb;
        let ticket = cx.shard().begin();
        cx.sleep(Duration::from_secs(1_000_000)).await;
        ticket.discard();
        Ok(())
    }
}

struct Waiter {
    n_waits: u32,
}

impl User for Waiter {
    const WAIT: Wait = custom_wait();

    fn new(_: &Spawn<'_>) -> Self {
        Waiter { n_waits: 0 }
    }

    async fn wait_time(&mut self, cx: &mut Cx<'_, Self>) -> f64 {
        self.n_waits += 1;
        assert_ne!(self.n_waits, 1, "in wait_time");
        cx.sleep(Duration::from_secs(1_000_000)).await;
        0.0
    }
}

#[tasks]
impl Waiter {
    #[task]
    async fn beat(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.measure("BEAT", "beat", async { Ok::<_, io::Error>(()) }).await?;
        Ok(())
    }
}

fn stage<U: User>() -> Stage {
    Stage::real(Common { classes: vec![Class::of::<U>()], ..Common::default() })
}

#[track_caller]
fn check(mut stage: Stage, text: &str, n_exceptions: usize) {
    stage.wait_until_empty();
    assert_eq!(stage.exceptions.len(), n_exceptions, "{:?}", stage.exceptions);
    assert!(stage.exceptions.iter().all(|it| it.message.contains(text)), "{:?}", stage.exceptions);
    stage.quit();
    assert_eq!(stage.panic, None);
}

#[test]
fn a_destructor_that_panics_is_counted_and_ends_nobody_else() {
    let stage = stage::<Carrier>();
    stage.hatch(3);
    // The set's and the user's.
    check(stage, "in a destructor", 6);
}

#[test]
fn a_killed_task_whose_destructors_panic_is_counted() {
    let mut stage = stage::<Holder>();
    stage.hatch(2);
    stage.wait_until(|stage| stage.pulse.n_in_flight == 2);
    stage.send(Command::Stop { whom: Whom::All, how: Stop::Kill });
    check(stage, "in a destructor", 2);
}

#[test]
fn a_wait_function_that_panics_is_counted_and_one_that_takes_its_time_is_killed() {
    let mut stage = stage::<Waiter>();
    stage.hatch(1);
    stage.wait_until(|stage| stage.stats.n_requests() == 2);
    stage.send(Command::Stop { whom: Whom::All, how: Stop::Kill });
    check(stage, "in wait_time", 1);
}

/// What the users of the test below share.
#[derive(Default)]
struct Fuse {
    is_lit: AtomicBool,
    n_born: AtomicU32,
}

/// A user of a protocol whose background task breaks: not its own code, and beyond its guard.
struct Fragile;

impl User for Fragile {
    const NEEDS_HOST: bool = false;
    const WAIT: Wait = constant(0.005);

    fn new(spawn: &Spawn<'_>) -> Self {
        let fuse = spawn.parsed_options::<Arc<Fuse>>().expect("given");
        fuse.n_born.fetch_add(1, Ordering::Relaxed);
        Fragile
    }
}

#[tasks]
impl Fragile {
    #[task]
    async fn call(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let fuse = cx.parsed_options::<Arc<Fuse>>().expect("given");
        if fuse.is_lit.swap(false, Ordering::Relaxed) {
            let later = cx.sleep(Duration::from_millis(1));
            cx.shard().spawn(async {
                // The first turn is taken where it is spawned: within the guard of this task.
                later.await;
                panic!("a connection broke")
            });
        }
        cx.measure("CALL", "call", async { Ok::<_, io::Error>(()) }).await?;
        Ok(())
    }
}

#[test]
fn a_core_that_dies_is_started_again_and_its_users_are_hatched_again() {
    const N_USERS: u32 = 20;
    let fuse = Arc::new(Fuse::default());
    let environment = Environment::new().user::<Fragile>().parsed_options(fuse.clone());
    let runner = environment.create_local_runner().unwrap();
    let mut events = runner.subscribe();
    runner.start(N_USERS, f64::INFINITY, true).unwrap();
    assert_eq!((runner.user_count(), fuse.n_born.load(Ordering::Relaxed)), (N_USERS, N_USERS));
    let n_before = runner.stats().n_requests();

    fuse.is_lit.store(true, Ordering::Relaxed);
    let reason = loop {
        if let RunnerEvent::ShardLost { reason, .. } = events.blocking_next().unwrap() {
            break reason;
        }
    };
    assert_eq!(reason, "panicked: a connection broke");
    wait_until("all users are there again", || {
        fuse.n_born.load(Ordering::Relaxed) > N_USERS && runner.user_count() == N_USERS
    });
    assert_eq!(runner.state(), State::Running);
    // What was handed over before the panic is kept, and the new life's is added to it.
    let n_after = runner.stats().n_requests();
    assert!(n_after >= n_before, "{n_after} after {n_before}");
    wait_until("they work", || runner.stats().n_requests() > n_after + 100);
    runner.quit();
    let stats = runner.stats();
    assert!(stats.audit().balances());
    assert_eq!((stats.n_failures(), stats.exceptions().count()), (0, 0));
    assert_eq!(runner.process_exit_code(), Some(0));
}
