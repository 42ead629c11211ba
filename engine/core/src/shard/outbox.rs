//! The way from the shards to the control plane.

use crate::message::Report;
use crossbeam_channel::Sender;
use std::{fmt, sync::Arc};

/// Sends reports and tells the control plane to look. Sending never blocks: the channel is
/// unbounded because what flows through it is bounded by time, a few messages a second per shard.
#[derive(Clone)]
pub struct Outbox {
    tx: Sender<Report>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Outbox {
    /// Reports go into `tx`; `wake` is called after each, from the shard's thread, and must be
    /// quick.
    pub fn new(tx: Sender<Report>, wake: impl Fn() + Send + Sync + 'static) -> Outbox {
        Outbox { tx, wake: Arc::new(wake) }
    }

    /// Sends a report. Nobody may be listening any more when a process ends; that is no error.
    pub fn send(&self, report: Report) {
        if self.tx.send(report).is_ok() {
            (self.wake)();
        }
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}
