//! Shapes, restrictions and iterations on fake shards and paused time.

use super::*;
use crate::{
    fake::{FakeLaunch, Script, launch, on_paused_time, plan},
    shape::{Plan as LoadPlan, Tick},
};
use hatchery_core::message::Report;
use std::time::Duration;
use tokio::time::{self, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// Seconds at which users were hatched, and how many.
fn hatched(fakes: &FakeLaunch) -> Vec<(u64, u64)> {
    let n_users = |command: &str| {
        let digits = command.rsplit_once("n_users: ").unwrap().1;
        digits.trim_end_matches(" }").parse::<u64>().unwrap()
    };
    let mut sums: Vec<(u64, u64)> = vec![];
    for (at, _, command) in fakes.told("Hatch") {
        let at_s = (at + SECOND / 10).as_secs();
        match sums.last_mut() {
            Some(last) if last.0 == at_s => last.1 += n_users(&command),
            _ => sums.push((at_s, n_users(&command))),
        }
    }
    sums
}

#[test]
fn a_plan_is_followed_leg_by_leg_and_ends_the_test() {
    on_paused_time(|| async {
        let (control, fakes) = launch(2, plan(None), Script::default()).await;
        let mut shape: LoadPlan = "4,4s;4,3s;0,2s".parse().unwrap();
        let start = Instant::now();
        control.start_shape(&mut shape).await.unwrap();
        assert!(start.elapsed().abs_diff(9 * SECOND) < SECOND / 10, "{:?}", start.elapsed());
        assert_eq!((control.state(), control.user_count()), (State::Stopped, 0));
        assert_eq!(hatched(&fakes), [(0, 1), (1, 1), (2, 1), (3, 1)]);
        let killed: Vec<_> = fakes.told("Last").iter().map(|(at, ..)| at.as_secs()).collect();
        assert_eq!(killed, [7, 7, 8, 8]);
    });
}

#[test]
fn a_tick_while_a_ramp_is_under_way_replaces_it() {
    on_paused_time(|| async {
        let (control, fakes) = launch(1, plan(None), Script::default()).await;
        let mut shape = |run_time: Duration, _: u32| match run_time.as_secs() {
            0..3 => Some(Tick::new(100, 1.0)),
            3..5 => Some(Tick::new(20, f64::INFINITY)),
            _ => None,
        };
        control.start_shape(&mut shape).await.unwrap();
        let sum: u64 = hatched(&fakes).iter().map(|(_, n_users)| n_users).sum();
        assert_eq!(sum, 20);
        assert_eq!(hatched(&fakes)[0], (0, 1));
    });
}

#[test]
fn a_shape_may_add_users_of_some_classes_only() {
    on_paused_time(|| async {
        let (control, fakes) = launch(1, plan(None), Script::default()).await;
        let mut shape = |run_time: Duration, _: u32| {
            let tick = |user_count, class: &str| Tick {
                classes: Some(vec![class.to_owned()]),
                ..Tick::new(user_count, f64::INFINITY)
            };
            match run_time.as_secs() {
                0 => Some(tick(5, "B")),
                1 => Some(tick(7, "A")),
                _ => None,
            }
        };
        control.start_shape(&mut shape).await.unwrap();
        let commands: Vec<_> = fakes.told("Hatch").into_iter().map(|(.., text)| text).collect();
        assert_eq!(commands, ["Hatch { class: 1, n_users: 5 }", "Hatch { class: 0, n_users: 2 }"]);
    });
}

#[test]
fn an_unknown_class_is_refused_with_the_known_ones() {
    on_paused_time(|| async {
        let (control, _) = launch(1, plan(None), Script::default()).await;
        let error = control.start_classes(1, 1.0, true, &["C"]).await.unwrap_err();
        assert!(error.is_usage());
        assert_eq!(error.to_string(), "no user class 'C': there are A, B");
        assert_eq!(control.state(), State::Ready);
    });
}

#[test]
fn a_shape_that_panics_ends_the_test_with_its_words() {
    on_paused_time(|| async {
        let (control, _) = launch(1, plan(None), Script::default()).await;
        let mut shape = |run_time: Duration, _: u32| {
            assert!(run_time < SECOND, "no idea");
            Some(Tick::new(1, 1.0))
        };
        control.start_shape(&mut shape).await.unwrap();
        assert_eq!(control.state(), State::Stopped);
        let error = control.status().borrow().stop_test_error.clone();
        assert_eq!(error.as_deref(), Some("panicked: no idea"));
    });
}

#[test]
fn a_shape_that_asks_for_what_there_is_not_ends_the_test_and_leaves_its_numbers() {
    let ask = |run_time: Duration, _: u32| {
        let classes = (run_time >= SECOND).then(|| vec!["C".to_owned()]);
        Some(Tick { classes, ..Tick::new(2, f64::INFINITY) })
    };
    on_paused_time(|| async {
        let (control, _) = launch(1, plan(None), Script::default()).await;
        control.start_shape(&mut ask.clone()).await.unwrap();
        assert_eq!(control.state(), State::Stopped);
        assert_eq!(control.stats().await.unwrap().n_requests(), 2);
        let error = control.status().borrow().stop_test_error.clone();
        assert_eq!(error.as_deref(), Some("no user class 'C': there are A, B"));

        // Where it begins with that, there is no test.
        let (control, _) = launch(1, plan(None), Script::default()).await;
        let mut ask = move |_: Duration, n_users: u32| ask(SECOND, n_users);
        assert!(control.start_shape(&mut ask).await.unwrap_err().is_usage());
        assert_eq!(control.state(), State::Ready);
    });
}

#[test]
fn whatever_stops_the_test_ends_its_shape() {
    on_paused_time(|| async {
        let (control, _) = launch(1, plan(None), Script::default()).await;
        let other = control.clone();
        let mut shape = |_: Duration, _: u32| Some(Tick::new(1, 1.0));
        let stopping = async move {
            time::sleep(3 * SECOND).await;
            other.stop().await;
        };
        let (led, ()) = tokio::join!(control.start_shape(&mut shape), stopping);
        led.unwrap();
        assert_eq!(control.state(), State::Stopped);
    });
}

#[test]
fn iterations_are_shared_among_the_shards_with_users_and_end_the_test() {
    on_paused_time(|| async {
        let plan = Plan { iterations: Some(7), ..plan(None) };
        let (control, fakes) = launch(3, plan, Script::default()).await;
        control.start(2, f64::INFINITY, true).await.unwrap();
        let told: Vec<_> = fakes.told("TestStart").into_iter().map(|(.., text)| text).collect();
        for (n_tasks, text) in [4, 3, 0].iter().zip(told) {
            assert_eq!(text, format!("TestStart {{ n_tasks: Some({n_tasks}) }}"));
        }
        for shard in [2, 0, 0] {
            fakes.say(Report::TasksDone { shard });
        }
        time::sleep(SECOND).await;
        assert_eq!(control.state(), State::Running);
        fakes.say(Report::TasksDone { shard: 1 });
        let mut status = control.status();
        status.wait_for(|status| status.state == State::Stopped).await.unwrap();
    });
}
