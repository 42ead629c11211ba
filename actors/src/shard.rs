//! The seam between the runner and its shards: all that the control plane knows of one.
//!
//! The runner speaks [`Command`]s and hears [`Report`](hatchery_core::message::Report)s; whether
//! a thread of this process answers, another host or a test's double, it cannot tell.

use hatchery_core::{message::Command, shard::Outbox, stats::Delta};
use std::io;

/// A shard that was started.
pub(crate) trait Shard {
    /// Sends a command and wakes the shard.
    fn send(&self, command: Command);

    /// Gives back an absorbed delta's memory.
    fn recycle(&self, delta: Delta);

    /// Waits for the end of a shard that has said it is gone.
    fn join(self: Box<Self>);
}

/// Starts shards, and starts them again.
pub(crate) trait Launch {
    /// How many shards there are.
    fn n_shards(&self) -> usize;

    /// Starts the shard of this number, which reports into `outbox`.
    fn launch(&self, shard: usize, outbox: Outbox) -> io::Result<Box<dyn Shard>>;
}
