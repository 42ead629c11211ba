//! What the flags mean: the one place where typed values become a run.

use super::flags::RunFlags;
use crate::target::{Target, TargetOptions};
use anyhow::{Context, Result, bail};
use hatchery_actors::{
    RunnerConfig,
    headless::{self, HeadlessOptions, Outcome},
    preflight::{Needs, preflight},
};
use hatchery_core::{
    events::Listen,
    placement,
    shard::Common,
    user::{Class, TagFilter},
};
use hatchery_http::{HttpDefaults, SessionOptions};
use std::{
    any::Any,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tracing::info;

/// What a program brings to a run, beside the flags.
pub(crate) struct Launch {
    pub(crate) classes: Vec<Class>,
    pub(crate) listeners: Vec<Listen>,
    pub(crate) options: Arc<dyn Any + Send + Sync>,
    /// Start the embedded target when no host is given.
    pub(crate) embedded_target: bool,
    /// Hatch all users at once unless a rate is given.
    pub(crate) at_once: bool,
}

/// Runs a test as the flags say.
pub(crate) fn launch(flags: &RunFlags, launch: Launch) -> Result<Outcome> {
    let available = placement::available();
    let cpus = placement::place(&flags.cores, &available)?;
    let classes = launch.classes;
    if classes.is_empty() {
        bail!("no user class to run: register one with Program::user");
    }
    let mut host = flags.host.clone();
    if let Some(host) = &host {
        hatchery_http::check_base_url(host).context("read --host")?;
    }
    let lacks_host = |class: &&Class| class.needs_host() && class.host().is_none();
    let mut target = None;
    if host.is_none()
        && let Some(class) = classes.iter().find(lacks_host)
    {
        if !launch.embedded_target {
            bail!("no host given for {}: say which with --host http://…", class.name());
        }
        let started = start_target(&available)?;
        info!("no --host given: loading the embedded target at {}", started.url());
        host = Some(started.url());
        target = Some(started);
    }
    let n_users = flags.users.unwrap_or(1);
    preflight(&Needs { n_users: n_users.into(), n_shards: cpus.len() as u64, tcp: true })?;
    let http = HttpDefaults {
        session: SessionOptions {
            verify: !flags.http.insecure,
            keep_alive: !flags.http.no_keepalive,
            ..SessionOptions::default()
        },
    };
    let common = Common {
        classes,
        host,
        tags: TagFilter { include: flags.tags.clone(), exclude: flags.exclude_tags.clone() },
        listeners: launch.listeners,
        options: launch.options,
        extensions: vec![Arc::new(http)],
        seed: flags.seed.unwrap_or(0),
        spin: flags.spin,
        ..Common::default()
    };
    let config = RunnerConfig {
        common: Arc::new(common),
        cpus,
        stop_timeout: flags.stop_timeout,
        reset_stats: flags.reset_stats,
    };
    let default_rate = if launch.at_once { f64::INFINITY } else { 1.0 };
    let options = HeadlessOptions {
        user_count: n_users,
        hatch_rate: flags.hatch_rate.unwrap_or(default_rate),
        run_time: flags.run_time,
        only_summary: flags.only_summary,
        json: flags.json,
        exit_code_on_error: flags.exit_code_on_error,
    };
    let outcome = headless::run(config, &options)?;
    drop(target);
    Ok(outcome)
}

/// The embedded target beside the users: on its own threads, which the scheduler places.
fn start_target(available: &[usize]) -> Result<Target> {
    let options = TargetOptions {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into(),
        cpus: available[..1].to_vec(),
        unpinned: true,
    };
    Target::start(&options).context("start the embedded target")
}
