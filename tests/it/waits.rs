//! How long users wait, on virtual time.

use hatchery::{Class, prelude::*};
use hatchery_core::shard::Common;
use hatchery_tests::stage::Stage;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// Milliseconds of the shard's clock at which tasks began.
type Times = Arc<Mutex<Vec<u64>>>;

fn note<S: Tasks>(times: &Times, cx: &Cx<'_, S>) -> usize {
    let mut times = times.lock().expect("no test panics with the lock");
    times.push(cx.shard().now_ns() / 1_000_000);
    times.len()
}

fn times_of(spawn: &Spawn<'_>) -> Times {
    spawn.options::<Times>().expect("set by `gaps`").clone()
}

/// Milliseconds between the tasks of a user that ends by itself.
fn gaps<U: User>() -> Vec<u64> {
    let times = Times::default();
    let options = Arc::new(times.clone());
    let mut stage =
        Stage::new(Common { classes: vec![Class::of::<U>()], options, ..Common::default() });
    stage.hatch(1);
    stage.wait_until(|stage| stage.n_ended == 1);
    assert_eq!(stage.exceptions.len(), 0, "{:?}", stage.exceptions);
    let times = times.lock().expect("no test panics with the lock");
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// A user with this wait, whose task takes a while and is run so often.
macro_rules! user {
    ($name:ident, $wait:expr, $task_ms:literal, $n_tasks:literal) => {
        struct $name(Times);

        impl User for $name {
            const WAIT: Wait = $wait;

            fn new(spawn: &Spawn<'_>) -> Self {
                $name(times_of(spawn))
            }
        }

        #[tasks]
        impl $name {
            #[task]
            async fn task(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
                let n_tasks = note(&self.0, cx);
                cx.sleep(Duration::from_millis($task_ms)).await;
                if n_tasks == $n_tasks { cx.stop_user() } else { Ok(()) }
            }
        }
    };
}

user!(Steady, constant(0.25), 50, 4);
user!(Paced, constant_pacing(0.25), 50, 4);
user!(Overrun, constant_pacing(0.25), 400, 4);
user!(Throughput, constant_throughput(4.0), 50, 9);
user!(Varied, between(0.1, 0.3), 0, 200);
user!(Random, poisson(10.0), 0, 2_000);

#[test]
fn constants_wait_after_a_task_and_paces_count_from_its_beginning() {
    assert_eq!(gaps::<Steady>(), [300; 3]);
    assert_eq!(gaps::<Paced>(), [250; 3]);
    assert_eq!(gaps::<Overrun>(), [400; 3], "an overrun is followed at once");
    assert_eq!(gaps::<Throughput>(), [250; 8]);
}

#[test]
fn random_waits_stay_in_their_limits_and_have_their_mean() {
    let gaps_ms = gaps::<Varied>();
    assert!(gaps_ms.iter().all(|ms| (99..=301).contains(ms)), "{gaps_ms:?}");
    let sum: u64 = gaps_ms.iter().sum();
    assert!((160..240).contains(&(sum / gaps_ms.len() as u64)), "{sum}");
    let sum: u64 = gaps::<Random>().iter().sum();
    assert!((180_000..220_000).contains(&sum), "{sum} ms for 2,000 waits of 100 ms");
}

/// Waits longer each time.
struct Slowing {
    times: Times,
    wait_s: f64,
}

impl User for Slowing {
    const WAIT: Wait = custom_wait();

    fn new(spawn: &Spawn<'_>) -> Self {
        Slowing { times: times_of(spawn), wait_s: 0.0 }
    }

    async fn wait_time(&mut self, cx: &mut Cx<'_, Self>) -> f64 {
        // A wait function may itself take its time.
        cx.sleep(Duration::from_millis(10)).await;
        self.wait_s += 0.1;
        self.wait_s
    }
}

#[tasks]
#[nested(Hasty)]
impl Slowing {}

/// Without a wait of its own.
struct Hasty;

impl TaskSet for Hasty {
    fn new(_: &mut Slowing) -> Self {
        Hasty
    }
}

#[tasks(parent = Slowing)]
impl Hasty {
    #[task]
    async fn task(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let times = cx.user().times.clone();
        if note(&times, cx) == 4 { cx.stop_user() } else { Ok(()) }
    }
}

#[test]
fn a_set_without_a_wait_asks_its_users_own_function() {
    assert_eq!(gaps::<Slowing>(), [110, 210, 310]);
}

struct Patient(Times);

impl User for Patient {
    const WAIT: Wait = constant(0.5);

    fn new(spawn: &Spawn<'_>) -> Self {
        Patient(times_of(spawn))
    }
}

#[tasks]
#[nested(Brisk)]
impl Patient {}

/// With a wait of its own.
struct Brisk;

impl TaskSet for Brisk {
    const WAIT: Option<Wait> = Some(constant(0.1));

    fn new(_: &mut Patient) -> Self {
        Brisk
    }
}

#[tasks(parent = Patient)]
impl Brisk {
    #[task]
    async fn task(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let times = cx.user().0.clone();
        match note(&times, cx) {
            2 => cx.interrupt(),
            4 => cx.interrupt_and_wait(),
            6 => Err(Exit::Reschedule { immediately: true }),
            7 => {
                // The set's wait once more, within the task.
                cx.wait().await?;
                note(&times, cx);
                cx.stop_user()
            }
            _ => Ok(()),
        }
    }
}

#[test]
fn a_set_waits_by_itself_and_its_parent_only_after_an_interrupt_that_asks_for_it() {
    assert_eq!(gaps::<Patient>(), [100, 0, 100, 500, 100, 0, 100]);
}

struct Host(Times);

impl User for Host {
    fn new(spawn: &Spawn<'_>) -> Self {
        Host(times_of(spawn))
    }
}

#[tasks]
#[nested(Quick)]
impl Host {}

/// With a wait function of its own.
struct Quick {
    n_tasks: u32,
}

impl TaskSet for Quick {
    const WAIT: Option<Wait> = Some(custom_wait());

    fn new(_: &mut Host) -> Self {
        Quick { n_tasks: 0 }
    }

    async fn wait_time(&mut self, _: &mut Cx<'_, Self>) -> f64 {
        f64::from(self.n_tasks) * 0.02
    }
}

#[tasks(parent = Host)]
impl Quick {
    #[task]
    async fn task(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        self.n_tasks += 1;
        let times = cx.user().0.clone();
        if note(&times, cx) == 4 { cx.stop_user() } else { Ok(()) }
    }
}

#[test]
fn a_set_may_have_a_wait_function_of_its_own() {
    assert_eq!(gaps::<Host>(), [20, 40, 60]);
}
