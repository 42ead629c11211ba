//! What the flags mean: the one place where typed values become a run.

use super::flags::RunFlags;
use crate::{
    environment::Environment,
    target::{Target, TargetOptions},
};
use anyhow::{Context, Result, bail};
use hatchery_actors::{
    LoadTestShape,
    headless::{self, HeadlessOptions, Outcome},
    preflight::preflight,
    shape::{MakeShape, StepLoad},
};
use hatchery_core::{
    placement::CoreChoice,
    user::{Class, TagFilter},
};
use tracing::{info, warn};

/// What a program brings to a run, beside the flags.
pub(crate) struct Launch {
    pub(crate) environment: Environment,
    /// The program's own shape.
    pub(crate) shape: Option<Box<dyn LoadTestShape>>,
    /// Start the embedded target when no host is given.
    pub(crate) embedded_target: bool,
    /// Hatch all users at once unless a rate is given.
    pub(crate) at_once: bool,
}

/// Runs a test as the flags say.
pub(crate) fn launch(flags: &RunFlags, launch: Launch) -> Result<Outcome> {
    let mut environment = launch.environment;
    configure(&mut environment, flags);
    let default_rate = if launch.at_once { f64::INFINITY } else { 1.0 };
    let hatch_rate = flags.hatch_rate.unwrap_or(default_rate);
    let n_users = flags.users.unwrap_or(1);
    let peak_users = flags.shape.as_ref().map_or(n_users, |plan| plan.peak_users().max(1));
    environment.check()?;
    let mut needs = environment.needs(peak_users)?;
    if environment.lacking_host().is_some() && launch.embedded_target {
        // Both ends of each connection are this process'.
        needs.n_connections *= 2;
    }
    preflight(&needs)?;
    let shape = shape(flags, launch.shape, hatch_rate, environment.shape.take())?;
    let mut target = None;
    if let Some(class) = environment.lacking_host() {
        if !launch.embedded_target {
            bail!("no host given for {}: say which with --host http://…", class.name());
        }
        let started = Target::start(&TargetOptions::loopback());
        let started = started.context("start the embedded target")?;
        info!("no --host given: loading the embedded target at {}", started.url());
        environment.host = Some(started.url());
        target = Some(started);
    }
    let options = HeadlessOptions {
        user_count: n_users,
        hatch_rate,
        run_time: flags.run_time,
        only_summary: flags.only_summary,
        json: flags.json,
    };
    let outcome = headless::run(environment.runner_config()?, &options, shape)?;
    drop(target);
    Ok(outcome)
}

/// Flags go before what the program has set; those that were not given leave it as it is.
pub(crate) fn configure(environment: &mut Environment, flags: &RunFlags) {
    environment.host = flags.host.clone().or(environment.host.take());
    environment.stop_timeout = flags.stop_timeout.or(environment.stop_timeout);
    environment.iterations = flags.iterations.or(environment.iterations);
    environment.reset_stats |= flags.reset_stats;
    if flags.cores != CoreChoice::Auto {
        environment.cores = flags.cores.clone();
    }
    environment.seed = flags.seed.unwrap_or(environment.seed);
    environment.exit_code_on_error = flags.exit_code_on_error;
    environment.spin |= flags.spin;
    environment.phases |= flags.phases;
    flags.http.apply(&mut environment.http);
    set_tags(environment, &flags.tags, &flags.exclude_tags);
    if flags.equal_weights {
        let classes = environment.classes.drain(..).map(Class::with_equal_weights);
        environment.classes = classes.collect();
    }
}

fn set_tags(environment: &mut Environment, include: &[String], exclude: &[String]) {
    let TagFilter { include: own_include, exclude: own_exclude } = &mut environment.tags;
    if !include.is_empty() {
        *own_include = include.to_vec();
    }
    if !exclude.is_empty() {
        *own_exclude = exclude.to_vec();
    }
}

/// The shape that leads the test, if any does: the command line's goes before the program's.
fn shape(
    flags: &RunFlags,
    own: Option<Box<dyn LoadTestShape>>,
    hatch_rate: f64,
    of_environment: Option<MakeShape>,
) -> Result<Option<Box<dyn LoadTestShape>>> {
    if flags.step_load {
        let (Some(users_max), Some(step_time)) = (flags.users, flags.step_time) else {
            bail!("--step-load needs --users, --step-users and --step-time");
        };
        let step_users = flags.step_users.unwrap_or(1);
        if step_users > users_max {
            bail!("--step-users {step_users} is more than --users {users_max}: no step fits");
        }
        return Ok(Some(Box::new(StepLoad { users_max, step_users, step_time, hatch_rate })));
    }
    let stray =
        [("--step-users", flags.step_users.is_some()), ("--step-time", flags.step_time.is_some())];
    if let Some((flag, _)) = stray.into_iter().find(|(_, is_given)| *is_given) {
        bail!("{flag} means nothing without --step-load: give both, or none");
    }
    let shape = match &flags.shape {
        Some(plan) => Some(Box::new(plan.clone()) as Box<dyn LoadTestShape>),
        None => own,
    };
    if shape.is_some() && (flags.users.is_some() || flags.hatch_rate.is_some()) {
        warn!("a shape decides how many users there are: --users and --hatch-rate are ignored");
    }
    // A step load of the environment heeds both.
    let made = || of_environment.map(|make| make(flags.users.unwrap_or(1), hatch_rate));
    Ok(shape.or_else(made))
}
