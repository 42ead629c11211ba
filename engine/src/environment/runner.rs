//! From an environment to its runner.

use super::Environment;
use crate::{demand, error::Error};
use anyhow::{Context, Result, bail};
use hatchery_actors::{
    LocalRunner, RunnerConfig, WeakRunner,
    preflight::{Needs, preflight},
};
use hatchery_core::{placement, shard::Common, stats::Snapshot, user::Class};
use hatchery_http::HttpDefaults;
use std::sync::{Arc, Mutex};

/// The runner made last; a clone goes on with its own.
#[derive(Default)]
pub(super) struct LastRunner(Mutex<Option<WeakRunner>>);

impl LastRunner {
    fn get(&self) -> Option<WeakRunner> {
        self.0.lock().expect("no holder of this lock panics").clone()
    }

    fn set(&self, runner: WeakRunner) {
        *self.0.lock().expect("no holder of this lock panics") = Some(runner);
    }
}

impl Clone for LastRunner {
    fn clone(&self) -> LastRunner {
        LastRunner(Mutex::new(self.get()))
    }
}

impl Environment {
    /// The runner made last, as long as somebody else holds it: the environment does not keep it
    /// from quitting. Locust's `runner`.
    pub fn runner(&self) -> Option<LocalRunner> {
        self.last_runner.get()?.upgrade()
    }

    /// The statistics of [`runner`](Self::runner) until now; empty without one. Locust's `stats`.
    pub fn stats(&self) -> Snapshot {
        self.runner().map(|runner| runner.stats()).unwrap_or_default()
    }

    /// Starts the shards and returns their runner, which has started no user yet. Locust's
    /// `create_local_runner`.
    ///
    /// # Errors
    /// There is no class, a class lacks a host, the host is no URL, or the machine lacks what the
    /// shards need.
    pub fn create_local_runner(&self) -> Result<LocalRunner, Error> {
        self.launch_runner().map_err(Error::new)
    }

    fn launch_runner(&self) -> Result<LocalRunner> {
        if let Some(class) = self.lacking_host() {
            bail!("no host given for {}: set Environment::host", class.name());
        }
        self.check()?;
        preflight(&self.needs(1)?)?;
        let runner = LocalRunner::launch(self.runner_config()?)?;
        self.last_runner.set(runner.downgrade());
        Ok(runner)
    }

    /// What so many users need.
    pub(crate) fn needs(&self, n_users: u32) -> Result<Needs> {
        hatchery_http::check_options(&self.http)?;
        let n_shards = placement::place(&self.cores, &placement::available())?.len();
        Ok(demand::needs(self, n_users, n_shards))
    }

    /// What the runner is told.
    pub(crate) fn runner_config(&self) -> Result<RunnerConfig> {
        if let Some(host) = &self.host
            && self.classes.iter().any(Class::needs_host)
        {
            hatchery_http::check_base_url(host).context("read --host")?;
        }
        let common = Common {
            classes: self.classes.clone(),
            host: self.host.clone(),
            tags: self.tags.clone(),
            catch_exceptions: self.catch_exceptions,
            listeners: self.listeners.clone(),
            options: Arc::clone(&self.options),
            extensions: vec![Arc::new(HttpDefaults { session: self.http.clone() })],
            seed: self.seed,
            spin: self.spin,
            phases: self.phases,
            ..Common::default()
        };
        Ok(RunnerConfig {
            common: Arc::new(common),
            cpus: placement::place(&self.cores, &placement::available())?,
            stop_timeout: self.stop_timeout,
            reset_stats: self.reset_stats,
            iterations: self.iterations,
            shape: self.shape.clone(),
            listeners: self.control_listeners.clone(),
            exit_code_on_error: self.exit_code_on_error,
            process_exit_code: self.process_exit_code,
        })
    }
}
