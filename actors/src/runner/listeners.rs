//! Event listeners that failed: each kind is logged once, counted, and told to the exit code.

use super::{actor::Runner, control::Control};
use crate::{error::Error, hooks::Init};
use hatchery_core::events::{ListenerFailure, take_failures};
use std::collections::BTreeMap;
use tokio::sync::oneshot;
use tracing::{error, warn};

/// Different failures that are logged; texts that differ each time would fill the log otherwise.
const LOGGED_MAX: usize = 100;

/// How often listeners failed, by hook and error.
#[derive(Debug, Default)]
pub(super) struct ListenerFailures {
    known: BTreeMap<(&'static str, String), u64>,
    /// Those beyond [`LOGGED_MAX`].
    n_others: u64,
}

impl ListenerFailures {
    /// Counts a failure and says whether it is the first of its kind.
    fn add(&mut self, failure: &ListenerFailure) -> bool {
        let is_full = self.known.len() == LOGGED_MAX;
        match self.known.get_mut(&(failure.hook, failure.error.clone())) {
            Some(n) => *n += failure.n,
            None if is_full => self.n_others += failure.n,
            None => {
                self.known.insert((failure.hook, failure.error.clone()), failure.n);
                return true;
            }
        }
        false
    }
}

impl Runner {
    pub(super) fn init(&mut self, runner: Control, reply: oneshot::Sender<Result<(), Error>>) {
        let environment = self.hooks.environment().clone();
        self.hooks.init.fire_with(|| Init { runner, environment });
        let failures = take_failures();
        let first = failures.first().map(|failure| failure.error.clone());
        failures.into_iter().for_each(|failure| self.listener_failed(None, failure));
        // Whoever launched it may be gone.
        let _ = reply.send(first.map_or(Ok(()), |error| Err(Error::listener("init", error))));
    }

    /// Takes in what failed on this thread since the last message.
    pub(super) fn hear_listener_failures(&mut self) {
        take_failures().into_iter().for_each(|failure| self.listener_failed(None, failure));
    }

    pub(super) fn listener_failed(&mut self, shard: Option<usize>, failure: ListenerFailure) {
        self.status
            .send_if_modified(|status| !std::mem::replace(&mut status.listener_failed, true));
        if self.listener_failures.add(&failure) {
            let ListenerFailure { hook, error, .. } = failure;
            match shard {
                Some(shard) => {
                    error!(
                        "Uncaught exception in event handler of {hook} on shard {shard}: {error}"
                    );
                }
                None => error!("Uncaught exception in event handler of {hook}: {error}"),
            }
        }
    }

    /// Says how often listeners failed, where it was more than the once that the log tells of.
    pub(super) fn sum_up_listener_failures(&self) {
        let ListenerFailures { known, n_others } = &self.listener_failures;
        for ((hook, error), n) in known.iter().filter(|(_, n)| **n > 1) {
            warn!("event handlers of {hook} failed {n} times in all: {error}");
        }
        if *n_others > 0 {
            warn!("event handlers failed {n_others} more times, each with another text");
        }
    }
}
