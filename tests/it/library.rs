//! Hatchery as a library: environments and runners without the command line.

use hatchery::{
    ControlEvents, Environment, RunnerEvent, RunnerEvents, State, control::Quitting, prelude::*,
    run_single_user,
};
use hatchery_tests::programs::{target, wait_until};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

struct Visitor {
    client: HttpSession,
}

impl User for Visitor {
    const WAIT: Wait = constant(0.01);

    fn new(spawn: &Spawn<'_>) -> Self {
        Visitor { client: HttpSession::new(spawn) }
    }
}

#[tasks]
impl Visitor {
    #[task]
    async fn index(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        self.client.get("/").await;
        Ok(())
    }
}

fn until_stopped(events: &mut RunnerEvents) {
    while !matches!(
        events.blocking_next().expect("the runner has not quit"),
        RunnerEvent::State { to: State::Stopped, .. }
    ) {}
}

#[test]
fn environments_follow_one_another_and_each_reads_its_own_statistics() {
    let target = target();
    for n_users in [3, 5] {
        let before = target.served().total();
        let environment = Environment::new()
            .user::<Visitor>()
            .host(target.url())
            .stop_timeout(Duration::from_secs(30));
        let runner = environment.create_local_runner().expect("the machine can run it");
        assert_eq!((runner.state(), runner.user_count()), (State::Ready, 0));
        runner.start(n_users, f64::INFINITY, true).expect("it starts");
        assert_eq!((runner.state(), runner.user_count()), (State::Running, n_users));
        runner.stop();
        assert_eq!((runner.state(), runner.user_count()), (State::Stopped, 0));
        runner.quit();
        assert_eq!(runner.stats().n_requests(), target.served().total() - before);
        assert_eq!(runner.process_exit_code(), Some(0));
    }
}

#[test]
fn what_is_missing_is_said_before_anything_starts() {
    let error = Environment::new().create_local_runner().expect_err("there is no class");
    assert!(error.to_string().contains("no user class"), "{error}");
    let error = Environment::new().user::<Visitor>().create_local_runner().expect_err("no host");
    assert!(error.to_string().contains("Visitor"), "{error}");
    let error = Environment::new().user::<Visitor>().host("nonsense").create_local_runner();
    assert!(error.is_err());
    let twice = Environment::new().user::<Faulty>().user::<Faulty>();
    let error = twice.create_local_runner().expect_err("one name, two classes");
    assert!(error.to_string().contains("Faulty"), "{error}");
}

/// Counts its lives in the program's options.
struct Mortal;

impl User for Mortal {
    const NEEDS_HOST: bool = false;
    const WAIT: Wait = constant(0.001);

    fn new(spawn: &Spawn<'_>) -> Self {
        spawn.options::<Arc<AtomicU32>>().expect("given").fetch_add(1, Ordering::Relaxed);
        Mortal
    }
}

#[tasks]
impl Mortal {
    #[task]
    async fn live(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.measure("LIFE", "live", async { Ok::<_, io::Error>(()) }).await?;
        cx.stop_user()
    }
}

#[test]
fn a_single_user_runs_until_it_ends() {
    let n_lives = Arc::new(AtomicU32::new(0));
    let environment = Environment::new().parsed_options(n_lives.clone());
    run_single_user::<Mortal>(&environment).expect("it runs");
    assert_eq!(n_lives.load(Ordering::Relaxed), 1);
}

struct Faulty;

impl User for Faulty {
    const NEEDS_HOST: bool = false;

    fn new(_: &Spawn<'_>) -> Self {
        Faulty
    }
}

#[tasks]
impl Faulty {
    #[task]
    async fn fail(&mut self, _: &mut Cx<'_, Self>) -> TaskResult {
        Err(Exit::failed("no luck"))
    }
}

#[test]
fn without_catching_exceptions_the_first_one_ends_the_run() {
    let environment = Environment::new().user::<Faulty>().catch_exceptions(false);
    let runner = environment.create_local_runner().expect("it can run");
    let mut events = runner.subscribe();
    runner.start(1, 1.0, false).expect("it starts");
    until_stopped(&mut events);
    let error = runner.control().status().borrow().stop_test_error.clone();
    assert_eq!(error.as_deref(), Some("no luck"));
    runner.quit();
    assert_eq!(runner.process_exit_code(), Some(1));
    assert_eq!(runner.stats().exceptions().count(), 1);
}

fn idle() -> Environment {
    Environment::new().user::<Idle>()
}

/// Only waits.
struct Idle;

impl User for Idle {
    const NEEDS_HOST: bool = false;
    const WAIT: Wait = constant(0.05);

    fn new(_: &Spawn<'_>) -> Self {
        Idle
    }
}

#[tasks]
impl Idle {
    #[task]
    async fn idle(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.measure("IDLE", "idle", async { Ok::<_, io::Error>(()) }).await?;
        Ok(())
    }
}

#[test]
fn the_environment_names_its_runner_and_statistics_as_long_as_somebody_holds_the_runner() {
    let environment = idle();
    assert!(environment.runner().is_none());
    assert_eq!(environment.stats().n_requests(), 0);
    let runner = environment.create_local_runner().expect("it can run");
    environment.runner().expect("it was made").start(2, f64::INFINITY, true).expect("it starts");
    assert_eq!(runner.user_count(), 2);
    wait_until("requests are counted", || environment.stats().n_requests() > 0);
    runner.quit();
    assert_eq!(environment.stats().n_requests(), runner.stats().n_requests());
    drop(runner);
    assert!(environment.runner().is_none());
}

#[test]
fn an_environments_shape_leads_each_test_of_its_runner_from_the_beginning() {
    let shape = |run_time: Duration, _: u32| {
        (run_time < Duration::from_secs(2)).then(|| match run_time < Duration::from_secs(1) {
            true => Tick::new(3, f64::INFINITY),
            false => Tick::new(1, f64::INFINITY),
        })
    };
    let runner = idle().shape(shape).create_local_runner().expect("it can run");
    for _ in 0..2 {
        let mut events = runner.subscribe();
        runner.start(50, 1.0, true).expect("it starts");
        assert!((1..=3).contains(&runner.user_count()), "{}", runner.user_count());
        until_stopped(&mut events);
    }
    runner.quit();
}

#[test]
fn a_step_load_goes_up_to_the_users_that_the_start_names() {
    let environment = idle().step_load(2, Duration::from_secs(1));
    let runner = environment.create_local_runner().expect("it can run");
    runner.start(4, f64::INFINITY, true).expect("it starts");
    assert!([2, 4].contains(&runner.user_count()), "{}", runner.user_count());
    runner.start(100, f64::INFINITY, true).expect("it is not edited");
    wait_until("the last step is taken", || runner.user_count() == 4);
    runner.stop();
    assert_eq!((runner.state(), runner.user_count()), (State::Stopped, 0));
    assert!(runner.start(1, -1.0, false).is_err());
    runner.quit();
}

#[test]
fn the_last_listener_may_set_the_exit_code() {
    let environment =
        Environment::new().user::<Faulty>().listen_control(|events: &mut ControlEvents| {
            events.quitting.add_listener(|quitting: &Quitting| quitting.set_process_exit_code(7));
        });
    let runner = environment.create_local_runner().expect("it can run");
    runner.quit();
    assert_eq!(runner.process_exit_code(), Some(7));
}

#[test]
fn iterations_end_a_test_by_themselves() {
    let target = target();
    let environment = Environment::new().user::<Visitor>().host(target.url()).iterations(25);
    let runner = environment.create_local_runner().expect("it can run");
    let mut events = runner.subscribe();
    runner.start(4, f64::INFINITY, false).expect("it starts");
    until_stopped(&mut events);
    runner.quit();
    assert_eq!((runner.stats().n_requests(), target.served().total()), (25, 25));
}
