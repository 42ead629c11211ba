//! The control thread's hooks: which are fired, and in which order.

use super::*;
use crate::{
    fake::{FakeLaunch, Script, launch, on_paused_time, plan},
    hooks::{ControlEvents, CpuWarning, Quitting},
};
use hatchery_core::message::{Pulse, Report};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time;

type Heard = Arc<Mutex<Vec<String>>>;

/// A plan whose listeners write down what they hear.
fn listening(heard: &Heard) -> Plan {
    let heard = heard.clone();
    let listen = move |hooks: &mut ControlEvents| {
        let say = |word: &'static str| {
            let heard = heard.clone();
            move || heard.lock().unwrap().push(word.to_owned())
        };
        let (init, test_start, complete) = (say("init"), say("test_start"), say("hatch_complete"));
        hooks.init.add_listener(move |_| init());
        hooks.test_start.add_listener(move |_| test_start());
        hooks.spawning_complete().add_listener(move |_| complete());
        let (reset, stopping, stop) = (say("reset_stats"), say("test_stopping"), say("test_stop"));
        hooks.reset_stats.add_listener(move |_| reset());
        hooks.test_stopping.add_listener(move |_| stopping());
        hooks.test_stop.add_listener(move |_| stop());
        let (first, second, quit) = (say("quitting 1"), say("quitting 2"), heard.clone());
        hooks.quitting.add_listener(move |_| first());
        hooks.quitting.add_listener(move |_| second());
        hooks.quit.add_listener(move |quit_| {
            quit.lock().unwrap().push(format!("quit {}", quit_.exit_code));
        });
    };
    Plan { listeners: vec![Arc::new(listen)], ..plan(None) }
}

#[test]
fn each_hook_is_fired_once_and_quitting_in_reverse() {
    let heard = Heard::default();
    let make = || Ok(FakeLaunch::new(2, Script::default()));
    let runner = LocalRunner::launch_with(listening(&heard), make).unwrap();
    runner.start(4, f64::INFINITY, true).unwrap();
    runner.start(6, f64::INFINITY, true).unwrap();
    runner.reset_stats();
    runner.stop();
    runner.quit();
    let expected = "init, test_start, hatch_complete, hatch_complete, reset_stats, test_stopping, \
                    test_stop, quitting 2, quitting 1, quit 0";
    assert_eq!(heard.lock().unwrap().join(", "), expected);
}

#[test]
fn a_listener_of_quitting_reads_the_statistics_and_sets_the_exit_code() {
    let listen = |hooks: &mut ControlEvents| {
        hooks.quitting.add_listener(|quitting: &Quitting| {
            let n_requests = quitting.stats.n_requests();
            quitting.set_process_exit_code(if n_requests == 3 { 42 } else { 43 });
        });
    };
    let plan = Plan { listeners: vec![Arc::new(listen)], ..plan(None) };
    let make = || Ok(FakeLaunch::new(1, Script::default()));
    let runner = LocalRunner::launch_with(plan, make).unwrap();
    runner.start(3, f64::INFINITY, true).unwrap();
    assert_eq!(runner.process_exit_code(), None);
    runner.quit();
    assert_eq!(runner.process_exit_code(), Some(42));
}

/// Warnings of shard 0, which uses nearly all of its core, while shard 1 has time to spare.
async fn warnings(spin: bool) -> Vec<String> {
    let warnings = Heard::default();
    let heard = warnings.clone();
    let listen = move |hooks: &mut ControlEvents| {
        let heard = heard.clone();
        hooks.cpu_warning.add_listener(move |warning| {
            let CpuWarning { shard, cpu_usage } = warning;
            heard.lock().unwrap().push(format!("shard {shard}: {cpu_usage:.0} %"));
        });
    };
    let plan = Plan { listeners: vec![Arc::new(listen)], spin, ..plan(None) };
    let (control, fakes) = launch(2, plan, Script::default()).await;
    control.start(2, f64::INFINITY, true).await.unwrap();
    for s in 0..25 {
        for (shard, busy_ms) in [(0, 970), (1, 300)] {
            let cpu = Duration::from_millis(s * busy_ms);
            let n_users = vec![1, 0];
            fakes.say(Report::Pulse(Pulse { shard, n_users, cpu, ..Pulse::default() }));
        }
        time::sleep(Duration::from_secs(1)).await;
    }
    warnings.lock().unwrap().clone()
}

#[test]
fn a_shard_that_uses_nearly_all_of_its_core_is_warned_of_every_ten_seconds() {
    on_paused_time(|| async {
        let heard = warnings(false).await;
        assert_eq!(heard.len(), 2, "{heard:?}");
        assert!(heard.iter().all(|warning| warning == "shard 0: 97 %"), "{heard:?}");
        // A shard that polls is always busy.
        assert_eq!(warnings(true).await, [""; 0]);
    });
}

#[test]
fn usage_is_told_every_ten_seconds() {
    on_paused_time(|| async {
        let n_told = Arc::new(Mutex::new(0));
        let told = n_told.clone();
        let listen = move |hooks: &mut ControlEvents| {
            let told = told.clone();
            hooks.usage_monitor.add_listener(move |usage| {
                assert!(usage.memory_usage > 0);
                *told.lock().unwrap() += 1;
            });
        };
        let plan = Plan { listeners: vec![Arc::new(listen)], ..plan(None) };
        let (control, _) = launch(1, plan, Script::default()).await;
        control.start(1, 1.0, true).await.unwrap();
        time::sleep(Duration::from_secs(35)).await;
        assert_eq!(*n_told.lock().unwrap(), 3);
    });
}
