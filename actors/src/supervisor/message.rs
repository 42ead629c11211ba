//! Everything that a supervisor hears.

use super::load::ShardLoad;
use actix::prelude::Message;
use hatchery_core::{
    message::{ClassIdx, Pulse},
    stats::Delta,
};
use tokio::sync::oneshot;

/// Everything that happens to a [`CoreSupervisor`](super::CoreSupervisor).
pub(crate) enum ToSupervisor {
    /// From the shard: it takes commands; `ring` says what its ring can do.
    Ready { ring: String },
    /// From the shard: why it could not start, or had to end. [`ToSupervisor::Gone`] follows.
    Failed { error: String },
    /// From the shard: once a second, and with each flush: how it is.
    Pulse(Pulse),
    /// From the shard: it has handed over what it had.
    Flushed { token: u64 },
    /// From the shard: users ended by themselves.
    Ended { class: ClassIdx, n_users: u32 },
    /// From the shard: its thread has ended, by this panic if there is one.
    Gone { panic: Option<String> },
    /// A test begins: forget the last one. Its users may begin so many tasks, if there is a limit.
    TestStart { epoch: u32, n_tasks: Option<u64> },
    /// A test is over.
    TestStop,
    /// Begin the statistics anew.
    ResetStats { epoch: u32 },
    /// Start users.
    Hatch { class: ClassIdx, n_users: u32 },
    /// End the last users of some classes; `done` is dropped when they have ended.
    Reduce { classes: Vec<(ClassIdx, u32)>, done: oneshot::Sender<()> },
    /// End all users; `done` is dropped when they have ended.
    EndAll { done: oneshot::Sender<()> },
    /// Cut short the waiting for users that are ending.
    Hurry,
    /// Hand over the statistics; `done` is answered when they have arrived, and dropped when they
    /// will not.
    Flush { done: oneshot::Sender<()> },
    /// Memory for the shard to use again.
    Recycle(Box<Delta>),
    /// How busy was it?
    Load { reply: oneshot::Sender<ShardLoad> },
    /// End the shard; `done` is dropped when its thread has ended.
    Shutdown { done: oneshot::Sender<()> },
}

impl Message for ToSupervisor {
    type Result = ();
}
