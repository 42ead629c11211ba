//! One user by hand, for finding out what it does.

use crate::{environment::Environment, error::Error};
use anyhow::Result;
use hatchery_actors::{RunnerEvent, State};
use hatchery_core::{
    events::{Events, RequestEvent, UserError},
    placement::CoreChoice,
    user::{Class, User},
};
use std::{
    fmt,
    io::{self, Write},
};

/// Runs one user of a class until it ends by itself or stops the test, and prints each of its
/// requests and errors on standard error: to be called from a test, a debugger or a scratch `main`.
/// Ctrl-C ends the process. The environment says the rest: host, tags, options, and
/// [`Environment::iterations`] to end after so many tasks. Locust's `run_single_user`.
///
/// # Errors
/// Those of [`Environment::create_local_runner`].
pub fn run_single_user<U: User>(environment: &Environment) -> Result<(), Error> {
    run::<U>(environment).map_err(Error::new)
}

fn run<U: User>(environment: &Environment) -> Result<()> {
    let mut environment = environment.clone().cores(CoreChoice::Count(1)).listen(print);
    environment.classes = vec![Class::of::<U>()];
    let runner = environment.create_local_runner()?;
    let mut events = runner.subscribe();
    say(format_args!("{:<7} {:<49} {:>9} {:>6} error", "type", "name", "ms", "status"));
    runner.start(1, f64::INFINITY, false)?;
    let mut was_there = false;
    while let Some(event) = events.blocking_next() {
        match event {
            RunnerEvent::HatchComplete { .. } => {
                was_there = true;
                // A short life may be over before anybody has counted it. Asking for the
                // statistics brings the count up to date.
                drop(runner.stats());
                if runner.user_count() == 0 {
                    break;
                }
            }
            RunnerEvent::Users { user_count: 0 } if was_there => break,
            RunnerEvent::State { to: State::Stopped, .. } => break,
            _ => {}
        }
    }
    runner.quit();
    Ok(())
}

fn print(events: &mut Events) {
    events.request.add_listener(|request: &RequestEvent| {
        let ms = request.response_time.as_secs_f64() * 1e3;
        let failure = request.failure.as_ref().map(ToString::to_string).unwrap_or_default();
        say(format_args!(
            "{:<7} {:<49} {ms:>9.3} {:>6} {failure}",
            request.request_type, request.name, request.status
        ));
    });
    events.user_error.add_listener(|error: &UserError| {
        say(format_args!("error in {}: {}\n{}", error.class, error.message, error.trace));
    });
}

/// A standard error that is closed is nobody's error.
fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}
