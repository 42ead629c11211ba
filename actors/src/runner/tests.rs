//! The actors together, with fake shards and a clock that does not wait.

use super::*;
use crate::fake::{FakeLaunch, Script, launch, on_paused_time, plan};
use hatchery_core::{
    message::{Pulse, Report},
    stats::Recorder,
};
use std::{
    io,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    task,
    time::{self, Instant},
};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing_subscriber::fmt;

const SECOND: Duration = Duration::from_secs(1);

/// How much a timer of whole milliseconds may be off.
const TICK: Duration = Duration::from_millis(2);

#[track_caller]
fn check_near(time: Duration, expected: Duration) {
    assert!(time.abs_diff(expected) <= TICK, "{time:?} is not {expected:?}");
}

#[test]
fn a_ramp_hatches_batches_at_its_rate_and_waits_for_the_last() {
    on_paused_time(|| async {
        let (control, fakes) = launch(2, plan(None), Script::default()).await;
        let mut events = control.subscribe();
        control.start(10, 2.0, true).await.unwrap();
        assert_eq!((control.state(), control.user_count()), (State::Running, 10));
        let times: Vec<_> = fakes.told("Hatch").into_iter().map(|(at, ..)| at).collect();
        for (i, pair) in times.chunks(2).enumerate() {
            pair.iter().for_each(|&at| check_near(at, SECOND * i as u32));
        }
        assert_eq!(times.len(), 10);
        let complete = loop {
            match events.next().await.unwrap() {
                RunnerEvent::HatchComplete { user_count, by_class } => {
                    break (user_count, by_class);
                }
                _ => continue,
            }
        };
        assert_eq!(complete, (10, vec![("A".to_owned(), 5), ("B".to_owned(), 5)]));
    });
}

#[test]
fn a_long_ramp_does_not_drift() {
    on_paused_time(|| async {
        let (control, fakes) = launch(1, plan(None), Script::default()).await;
        control.start(50, 0.7, true).await.unwrap();
        let last = fakes.told("Hatch").pop().unwrap();
        check_near(last.0, Duration::from_secs_f64(49.0 / 0.7));
    });
}

#[test]
fn an_infinite_rate_hatches_all_at_once() {
    on_paused_time(|| async {
        let (control, fakes) = launch(4, plan(None), Script::default()).await;
        control.start(1_000, f64::INFINITY, true).await.unwrap();
        assert_eq!(control.user_count(), 1_000);
        assert!(fakes.told("Hatch").iter().all(|(at, ..)| *at <= TICK));
    });
}

#[test]
fn a_second_start_edits_the_count_up_and_down() {
    on_paused_time(|| async {
        let (control, fakes) = launch(2, plan(None), Script::default()).await;
        control.start(100, 1.0, false).await.unwrap();
        time::sleep(3 * SECOND + SECOND / 2).await;
        assert_eq!(control.state(), State::Hatching);
        control.start(8, f64::INFINITY, true).await.unwrap();
        assert_eq!((control.state(), control.user_count()), (State::Running, 8));
        control.start(3, f64::INFINITY, true).await.unwrap();
        assert_eq!(control.user_count(), 3);
        assert_eq!(fakes.told("TestStart").len(), 2, "one test, two shards");
    });
}

#[test]
fn a_step_down_waits_for_users_that_finish_their_task() {
    on_paused_time(|| async {
        let script = Script { stubborn: true, ..Script::default() };
        let (control, fakes) = launch(1, plan(Some(10 * SECOND)), script).await;
        control.start(4, f64::INFINITY, true).await.unwrap();
        let start = Instant::now();
        control.start(2, 1.0, true).await.unwrap();
        assert_eq!(control.user_count(), 2);
        assert_eq!(fakes.told("Kill").len(), 2);
        // Each of the two batches takes the whole timeout.
        assert!(start.elapsed() >= 20 * SECOND && start.elapsed() < 20 * SECOND + SECOND / 10);
    });
}

#[test]
fn a_stop_without_timeout_kills_at_once() {
    on_paused_time(|| async {
        let script = Script { stubborn: true, ..Script::default() };
        let (control, fakes) = launch(2, plan(None), script).await;
        control.start(10, f64::INFINITY, true).await.unwrap();
        let start = Instant::now();
        control.stop().await;
        assert!(start.elapsed() < SECOND / 10);
        assert_eq!((control.state(), control.user_count()), (State::Stopped, 0));
        assert_eq!(fakes.told("Ask").len(), 0);
        assert_eq!(fakes.told("TestStop").len(), 2);
    });
}

#[test]
fn a_stop_with_timeout_asks_and_kills_only_who_does_not_end() {
    on_paused_time(|| async {
        let (control, fakes) = launch(2, plan(Some(10 * SECOND)), Script::default()).await;
        control.start(10, f64::INFINITY, true).await.unwrap();
        control.stop().await;
        assert_eq!((fakes.told("Ask").len(), fakes.told("Kill").len()), (2, 0));

        let script = Script { stubborn: true, ..Script::default() };
        let (control, fakes) = launch(1, plan(Some(10 * SECOND)), script).await;
        control.start(10, f64::INFINITY, true).await.unwrap();
        let start = Instant::now();
        control.stop().await;
        assert_eq!(control.user_count(), 0);
        let kill = fakes.told("Kill").pop().unwrap();
        assert!(kill.2.contains("Asked"));
        assert!(start.elapsed() >= 10 * SECOND && start.elapsed() < 11 * SECOND);
    });
}

#[test]
fn somebody_in_a_hurry_has_users_killed_and_then_left_alone() {
    on_paused_time(|| async {
        let script = Script { stubborn: true, unkillable: true, ..Script::default() };
        let (control, fakes) = launch(1, plan(Some(3_600 * SECOND)), script).await;
        control.start(3, f64::INFINITY, true).await.unwrap();
        let start = Instant::now();
        let stop = task::spawn_local({
            let control = control.clone();
            async move { control.stop().await }
        });
        time::sleep(SECOND).await;
        control.hurry();
        time::sleep(SECOND).await;
        assert_eq!((control.state(), fakes.told("Kill").len()), (State::Stopping, 1));
        control.hurry();
        stop.await.unwrap();
        assert!(start.elapsed() < 3 * SECOND);
        assert_eq!(control.state(), State::Stopped);
    });
}

#[test]
fn somebody_in_a_hurry_from_the_first_is_heard_too() {
    on_paused_time(|| async {
        let script = Script { stubborn: true, unkillable: true, ..Script::default() };
        let (control, fakes) = launch(1, plan(Some(3_600 * SECOND)), script).await;
        control.start(3, f64::INFINITY, true).await.unwrap();
        let start = Instant::now();
        control.begin_stop();
        control.hurry();
        control.hurry();
        control.stop().await;
        assert!(start.elapsed() < SECOND);
        assert_eq!((control.state(), fakes.told("Kill").len()), (State::Stopped, 1));
    });
}

#[test]
fn hooks_that_never_end_do_not_hold_up_a_stop_for_ever() {
    on_paused_time(|| async {
        let script = Script { unkillable: true, ..Script::default() };
        let (control, _fakes) = launch(1, plan(None), script).await;
        control.start(3, f64::INFINITY, true).await.unwrap();
        let start = Instant::now();
        control.stop().await;
        assert!(start.elapsed() >= 60 * SECOND && start.elapsed() < 70 * SECOND);
    });
}

#[test]
fn a_task_that_blocks_its_core_holds_up_neither_a_reset_nor_the_end_for_ever() {
    on_paused_time(|| async {
        let script = Script { blocking: true, ..Script::default() };
        let (control, _fakes) = launch(2, plan(None), script).await;
        control.start(2, f64::INFINITY, true).await.unwrap();
        let start = Instant::now();
        control.reset_stats().await;
        assert!(start.elapsed() < 3 * SECOND);
        control.shut_down().await;
        assert!(start.elapsed() < 70 * SECOND, "{:?}", start.elapsed());
        assert_eq!(control.state(), State::Stopped);
    });
}

#[test]
fn stopping_what_does_not_run_is_nothing_and_starting_what_stops_is_refused() {
    on_paused_time(|| async {
        let script = Script { stubborn: true, ..Script::default() };
        let (control, _fakes) = launch(1, plan(Some(10 * SECOND)), script).await;
        control.stop().await;
        assert_eq!(control.state(), State::Ready);
        control.start(1, 1.0, true).await.unwrap();
        control.begin_stop();
        assert!(control.start(1, 1.0, false).await.unwrap_err().is_stopped());
        control.stop().await;
        assert!(control.start(1, 0.0, false).await.unwrap_err().is_usage());
        assert!(control.start(1, f64::NAN, false).await.unwrap_err().is_usage());
        control.start(1, 1.0, true).await.unwrap();
    });
}

#[test]
fn a_stop_during_the_ramp_ends_it_and_tells_who_waited() {
    on_paused_time(|| async {
        let (control, fakes) = launch(2, plan(None), Script::default()).await;
        let ramp = task::spawn_local({
            let control = control.clone();
            async move { control.start(1_000, 1.0, true).await }
        });
        time::sleep(5 * SECOND).await;
        control.stop().await;
        assert!(ramp.await.unwrap().unwrap_err().is_stopped());
        let n_hatched = fakes.told("Hatch").len();
        time::sleep(5 * SECOND).await;
        assert_eq!(fakes.told("Hatch").len(), n_hatched);
        assert_eq!(control.user_count(), 0);
    });
}

#[test]
fn a_shard_that_panics_is_started_again_and_its_users_are_hatched_again() {
    on_paused_time(|| async {
        for n_shards in [1, 2] {
            let script = Script { n_panics: 2, ..Script::default() };
            let (control, fakes) = launch(n_shards, plan(None), script).await;
            let mut events = control.subscribe();
            control.start(10, 2.0, true).await.unwrap();
            assert_eq!((control.state(), control.user_count()), (State::Running, 10));
            // Samples of the second life count, although its numbers of entries begin anew.
            assert_eq!(control.stats().await.unwrap().n_requests(), 10);
            let mut n_lost = 0;
            while let Ok(Some(event)) = time::timeout(SECOND, events.next()).await {
                n_lost += u32::from(matches!(event, RunnerEvent::ShardLost { .. }));
            }
            assert_eq!(n_lost, 2);
            // Each life has heard of the test and its epoch.
            assert_eq!(fakes.told("TestStart").len(), n_shards + 2);
            assert_eq!(fakes.told("ResetStats { epoch: 1 }").len(), n_shards + 2);
        }
    });
}

#[test]
fn a_shard_that_panics_too_often_ends_the_run() {
    on_paused_time(|| async {
        let script = Script { n_panics: 100, ..Script::default() };
        let (control, fakes) = launch(1, plan(None), script).await;
        assert!(control.start(10, f64::INFINITY, true).await.unwrap_err().is_stopped());
        control.stop().await;
        assert_eq!(control.state(), State::Stopped);
        let fatal = control.status().borrow().fatal.clone().unwrap();
        assert_eq!(&*fatal, "shard 0: died 4 times in one test, the last time it panicked: boom");
        assert_eq!(fakes.told("TestStart").len(), 4);
        assert!(control.start(1, 1.0, false).await.unwrap_err().is_shard());
        assert_eq!(control.shut_down().await.status.fatal.as_deref(), Some(&*fatal));
    });
}

#[test]
fn a_shard_that_cannot_start_fails_the_launch() {
    on_paused_time(|| async {
        let script = Script { failing_shard: Some(1), ..Script::default() };
        let fakes = Rc::new(FakeLaunch::new(3, script));
        let error = Control::launch(plan(None), fakes.clone()).await.unwrap_err();
        assert_eq!((error.is_shard(), error.to_string()), (true, "shard 1: no ring".to_owned()));
        assert_eq!(fakes.told("Quit").len(), 2, "the others are shut down again");

        let mut nothing = plan(None);
        nothing.classes.clear();
        assert!(Control::launch(nothing, fakes).await.unwrap_err().is_usage());
    });
}

#[test]
fn the_last_samples_of_a_quit_are_merged() {
    on_paused_time(|| async {
        let (control, _fakes) = launch(3, plan(None), Script::default()).await;
        control.start(12, f64::INFINITY, true).await.unwrap();
        let finished = control.shut_down().await;
        assert_eq!(finished.snapshot.n_requests(), 12 + 3);
        assert!(finished.snapshot.audit().balances());
        assert_eq!(finished.loads.len(), 3);
    });
}

#[test]
fn a_reset_forgets_and_a_new_test_begins_with_nothing() {
    on_paused_time(|| async {
        let (control, fakes) = launch(2, plan(None), Script::default()).await;
        control.start(5, f64::INFINITY, true).await.unwrap();
        assert_eq!(control.stats().await.unwrap().n_requests(), 5);
        control.start(8, f64::INFINITY, true).await.unwrap();
        assert_eq!(control.stats().await.unwrap().n_requests(), 8, "an edit forgets nothing");
        control.reset_stats().await;
        assert_eq!(control.stats().await.unwrap().n_requests(), 0);
        control.start(9, f64::INFINITY, true).await.unwrap();
        assert_eq!(control.stats().await.unwrap().n_requests(), 1);
        control.stop().await;
        control.start(2, f64::INFINITY, true).await.unwrap();
        assert_eq!(control.stats().await.unwrap().n_requests(), 2);
        assert_eq!(fakes.told("ResetStats { epoch: 3 }").len(), 2);
    });
}

#[test]
fn with_reset_stats_the_ramp_is_not_in_the_numbers() {
    on_paused_time(|| async {
        let plan = Plan { reset_stats: true, ..plan(None) };
        let (control, _fakes) = launch(2, plan, Script::default()).await;
        control.start(5, 1.0, true).await.unwrap();
        assert_eq!(control.stats().await.unwrap().n_requests(), 0);
    });
}

#[test]
fn a_user_can_stop_the_test() {
    on_paused_time(|| async {
        let (control, fakes) = launch(1, plan(None), Script::default()).await;
        control.start(5, f64::INFINITY, true).await.unwrap();
        let mut events = control.subscribe();
        let error = Some("no host".to_owned());
        fakes.say(Report::StopTest { shard: 0, error: error.clone() });
        assert_eq!(events.next().await, Some(RunnerEvent::StopTest { shard: 0, error }));
        control.stop().await;
        assert_eq!(control.status().borrow().stop_test_error.as_deref(), Some("no host"));
    });
}

#[test]
fn a_user_that_ends_by_itself_is_replaced_by_the_next_batch() {
    on_paused_time(|| async {
        let (control, fakes) = launch(1, plan(None), Script::default()).await;
        control.start(4, 1.0, false).await.unwrap();
        time::sleep(SECOND / 2).await;
        fakes.say(Report::Ended { shard: 0, class: 0, n_users: 1 });
        control.start(4, 1.0, true).await.unwrap();
        let n_hatched =
            fakes.told("Hatch").into_iter().filter(|entry| entry.2.contains("class: 0"));
        assert_eq!(n_hatched.count(), 3);
    });
}

/// A log that a test can read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Writes this thread's log lines down until the guard is dropped.
    fn capture(&self) -> DefaultGuard {
        let log = self.clone();
        let subscriber = fmt().with_writer(move || log.clone()).with_ansi(false).without_time();
        set_default(subscriber.with_target(false).finish())
    }

    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn names_by_the_thousand_are_warned_of_once() {
    let log = Log::default();
    let _guard = log.capture();
    on_paused_time(|| async {
        let (_control, fakes) = launch(1, plan(None), Script::default()).await;
        let mut recorder = Recorder::new(0);
        for i in 0..3_000 {
            recorder.entry("GET", &format!("/item/{i}"));
            // A second at 1,000 names, and one at 1,001.
            if i == 999 || i == 1_000 || i == 2_999 {
                for delta in recorder.collect() {
                    fakes.say(Report::Stats(Box::new(delta)));
                }
                time::sleep(SECOND).await;
            }
        }
    });
    let warnings = log.lines().into_iter().filter(|line| line.starts_with("WARN"));
    assert_eq!(
        warnings.collect::<Vec<_>>(),
        ["WARN 1001 names on shard 0, such as GET /item/1000: each is a row of the tables and \
          takes memory on each core; group URLs with .name(\"…\")"]
    );
}

#[test]
fn the_log_says_what_locusts_says() {
    let log = Log::default();
    let _guard = log.capture();
    on_paused_time(|| async {
        let (control, _fakes) = launch(2, plan(None), Script::default()).await;
        control.start(6, 2.0, true).await.unwrap();
    });
    assert_eq!(
        log.lines(),
        [
            "INFO Ramping to 6 users at a rate of 2.00 per second",
            r#"INFO All users spawned: {"A": 3, "B": 3} (6 total users)"#,
        ]
    );
}

#[test]
fn a_shard_without_a_heartbeat_is_named_once_and_so_is_its_return() {
    let log = Log::default();
    let _guard = log.capture();
    on_paused_time(|| async {
        let (_control, fakes) = launch(1, plan(None), Script::default()).await;
        time::sleep(10 * SECOND).await;
        fakes.say(Report::Pulse(Pulse { n_users: vec![0, 0], ..Pulse::default() }));
        time::sleep(SECOND).await;
    });
    assert_eq!(
        log.lines(),
        [
            "WARN shard 0 has said nothing for 4 s: a task blocks its core, use async calls",
            "INFO shard 0 is heard of again",
        ]
    );
}
