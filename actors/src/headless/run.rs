//! Drives a run from its start to its report.

use super::{
    options::HeadlessOptions,
    outcome::{Outcome, remarks},
    progress::{Glance, Progress, above_progress},
    signals::{Signal, Signals},
};
use crate::{
    error::Error,
    exit_codes,
    report::{Console, Json, Rates, Report},
    runner::{Control, Finished, LocalRunner, RunnerConfig, State},
    shape::LoadTestShape,
};
use hatchery_core::clock::{NS_PER_S, unix_now_ns};
use rustix::termios::tcgetwinsize;
use std::{
    io::{self, Write},
    time::Duration,
};
use tokio::{
    runtime,
    time::{self, Instant, MissedTickBehavior},
};
use tracing::{error, info, warn};

/// How often the table is printed: Locust's `CONSOLE_STATS_INTERVAL_SEC`.
const TABLE_INTERVAL: Duration = Duration::from_secs(2);

/// How often the progress line changes.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// Runs a test to its end and prints what Locust prints: log lines through `tracing`, tables on
/// standard error as Locust's logger does, JSON on standard output. Only the exit is left to the
/// caller, by [`Outcome::exit_code`].
///
/// A shape, if there is one, decides how many users there are, in place of the options.
///
/// The test ends with its run time, when its shape says so, on Ctrl-C, SIGTERM or SIGHUP, when a
/// user asks for it, or when the engine breaks. A second signal kills the users that are still at
/// their last task; a third does not wait for their `on_stop` hooks either. SIGHUP hurries nobody.
///
/// # Errors
/// The run could not begin: exit with [`USAGE`](crate::exit_codes::USAGE).
pub fn run(
    config: RunnerConfig,
    options: &HeadlessOptions,
    shape: Option<Box<dyn LoadTestShape>>,
) -> Result<Outcome, Error> {
    let spin = config.common.spin;
    let runner = LocalRunner::launch(config)?;
    let driven = drive(&runner, options, shape);
    runner.quit();
    driven?;
    let finished = runner.finished().ok_or_else(Error::gone)?;
    let is_printed = conclude(finished, spin, options);
    Ok(Outcome {
        exit_code: if is_printed { finished.exit_code } else { exit_codes::ENGINE },
        snapshot: runner.stats(),
        loads: finished.loads.clone(),
    })
}

/// Starts the test and waits for its end, on this thread.
fn drive(
    runner: &LocalRunner,
    options: &HeadlessOptions,
    shape: Option<Box<dyn LoadTestShape>>,
) -> Result<(), Error> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Error::control)?.block_on(async {
        let mut signals = Signals::new().map_err(Error::control)?;
        match options.run_time {
            Some(run_time) => info!("Run time limit set to {} seconds", seconds(run_time)),
            None => info!("No run time limit set, use CTRL+C to interrupt"),
        }
        let control = runner.control();
        let lead = lead(control, options, shape);
        until_stopped(control, &mut signals, options, lead).await
    })
}

/// Starts the test, and goes on leading it where there is a shape to follow.
async fn lead(
    control: &Control,
    options: &HeadlessOptions,
    shape: Option<Box<dyn LoadTestShape>>,
) -> Result<(), Error> {
    match shape {
        Some(mut shape) => control.start_shape(&mut *shape).await,
        None => control.start(options.user_count, options.hatch_rate, false).await,
    }
}

/// Waits until the test has stopped, whatever stops it, and shows how it goes meanwhile.
async fn until_stopped(
    control: &Control,
    signals: &mut Signals,
    options: &HeadlessOptions,
    lead: impl Future<Output = Result<(), Error>>,
) -> Result<(), Error> {
    tokio::pin!(lead);
    let mut is_led = true;
    let start = Instant::now();
    let progress = Progress::start(options.run_time);
    let mut status = control.status();
    // A table at the very start would be empty.
    let mut tables = interval(start + TABLE_INTERVAL, TABLE_INTERVAL);
    let mut glances = interval(start + PROGRESS_INTERVAL, PROGRESS_INTERVAL);
    let limit = time::sleep(options.run_time.unwrap_or(Duration::MAX));
    tokio::pin!(limit);
    let mut out_of_time = false;
    let mut n_signals = 0;
    loop {
        tokio::select! {
            changed = status.changed() => {
                if changed.is_err() || status.borrow_and_update().state == State::Stopped {
                    return Ok(());
                }
            }
            led = &mut lead, if is_led => {
                is_led = false;
                led?;
                // A shape may have nothing to ask for.
                if !control.state().is_active() {
                    return Ok(());
                }
            }
            signal = signals.next() => {
                signalled(control, signal, n_signals);
                n_signals += 1;
            }
            () = &mut limit, if !out_of_time => {
                out_of_time = true;
                info!("--run-time limit reached, shutting down");
                control.begin_stop();
            }
            _ = tables.tick(), if !options.only_summary && !options.json => {
                print_current(control).await;
            }
            _ = glances.tick(), if progress.is_shown() => {
                let now_unix_ns = unix_now_ns();
                if let Ok(glance) = control.look(move |s| Glance::of(s, now_unix_ns)).await {
                    progress.show(start.elapsed(), control.user_count(), glance);
                }
            }
        }
    }
}

fn interval(start: Instant, period: Duration) -> time::Interval {
    let mut interval = time::interval_at(start, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    interval
}

fn signalled(control: &Control, signal: Signal, n_before: u32) {
    let name = signal.name();
    match signal {
        _ if n_before == 0 => {
            info!("got {name}, stopping the users; once more kills them");
            control.begin_stop();
        }
        // A terminal that closes says so twice, by its shell and by the kernel, and nobody who is
        // in a hurry closes terminals.
        Signal::Hangup => {}
        Signal::Interrupt | Signal::Terminate => {
            warn!("got {name} again, no longer waiting for the users");
            control.hurry();
        }
    }
}

async fn print_current(control: &Control) {
    let console = console();
    let rates = Rates::Current { now_unix_s: unix_now_ns() / NS_PER_S };
    if let Ok(table) = control.look(move |snapshot| console.stats_table(snapshot, rates)).await {
        print(&table);
    }
}

/// The last log lines and the report, and whether that could be printed.
fn conclude(finished: &Finished, spin: bool, options: &HeadlessOptions) -> bool {
    info!("Shutting down (exit code {})", finished.exit_code);
    let is_printed = report(finished, options.json);
    let (errors, warnings) = remarks(finished, spin);
    for line in errors {
        error!("{line}");
    }
    for line in warnings {
        warn!("{line}");
    }
    is_printed
}

fn report(finished: &Finished, json: bool) -> bool {
    let mut text = vec![];
    let format: &dyn Report = if json { &Json } else { &console() };
    let written = format.write(&finished.snapshot, &mut text).and_then(|()| match json {
        true => io::stdout().write_all(&text).and_then(|()| io::stdout().flush()),
        false => io::stderr().write_all(&text),
    });
    match written {
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => true,
        Err(error) => {
            error!("failed to print the {} report: {error}", format.name());
            false
        }
        Ok(()) => true,
    }
}

/// Prints above the progress line. A standard error that is closed is nobody's error.
fn print(text: &str) {
    let _ = above_progress(|| io::stderr().write_all(text.as_bytes()));
}

/// Tables as wide as the terminal allows.
fn console() -> Console {
    match tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 => Console::for_columns(usize::from(size.ws_col)),
        _ => Console::WIDE,
    }
}

/// Whole seconds without decimals, as Locust logs them.
fn seconds(duration: Duration) -> String {
    match duration.subsec_nanos() {
        0 => duration.as_secs().to_string(),
        _ => duration.as_secs_f64().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{FakeLaunch, Script, launch, on_paused_time, plan};

    fn driven(options: &HeadlessOptions) -> (LocalRunner, Duration) {
        let make = || Ok(FakeLaunch::new(2, Script::default()));
        let runner = LocalRunner::launch_with(plan(None), make).unwrap();
        let start = Instant::now();
        drive(&runner, options, None).unwrap();
        let elapsed = start.elapsed();
        runner.quit();
        (runner, elapsed)
    }

    #[test]
    fn a_run_ends_with_its_run_time_counted_from_the_start_of_the_test() {
        let run_time = Duration::from_millis(300);
        let options = HeadlessOptions {
            // A ramp that takes longer than the run, and whose second user comes long after it.
            user_count: 1_000,
            hatch_rate: 0.001,
            run_time: Some(run_time),
            only_summary: true,
            ..HeadlessOptions::default()
        };
        let (runner, elapsed) = driven(&options);
        assert!(elapsed >= run_time && elapsed < 10 * run_time, "{elapsed:?}");
        assert_eq!(runner.state(), State::Stopped);
        let finished = runner.finished().unwrap();
        assert_eq!(finished.exit_code, exit_codes::OK);
        assert_eq!(finished.snapshot.n_requests(), 1 + 2, "one user, and one request per quit");
    }

    #[test]
    fn a_terminal_that_closes_begins_a_stop_and_hurries_none() {
        on_paused_time(|| async {
            let script = Script { stubborn: true, ..Script::default() };
            let (control, fakes) = launch(1, plan(Some(Duration::from_secs(3_600))), script).await;
            control.start(3, f64::INFINITY, true).await.unwrap();
            let second = Duration::from_secs(1);
            for n_before in 0..3 {
                signalled(&control, Signal::Hangup, n_before);
                time::sleep(second).await;
                assert_eq!((control.state(), fakes.told("Kill").len()), (State::Stopping, 0));
            }
            signalled(&control, Signal::Interrupt, 3);
            time::sleep(second).await;
            assert_eq!((control.state(), fakes.told("Kill").len()), (State::Stopped, 1));
        });
    }

    #[test]
    fn a_rate_that_is_none_does_not_begin() {
        let make = || Ok(FakeLaunch::new(1, Script::default()));
        let runner = LocalRunner::launch_with(plan(None), make).unwrap();
        let options = HeadlessOptions { hatch_rate: -1.0, ..HeadlessOptions::default() };
        assert!(drive(&runner, &options, None).unwrap_err().is_usage());
    }

    #[test]
    fn a_shape_that_ends_at_once_ends_the_run_without_a_test() {
        let make = || Ok(FakeLaunch::new(1, Script::default()));
        let runner = LocalRunner::launch_with(plan(None), make).unwrap();
        let shape: Box<dyn LoadTestShape> = Box::new(|_, _| None);
        drive(&runner, &HeadlessOptions::default(), Some(shape)).unwrap();
        assert_eq!(runner.state(), State::Ready);
    }

    #[test]
    fn run_times_are_logged_in_seconds() {
        assert_eq!(seconds(Duration::from_secs(90)), "90");
        assert_eq!(seconds(Duration::from_millis(1_500)), "1.5");
    }
}
