//! Everything that the runner hears.

use super::control::Control;
use crate::error::Error;
use actix::prelude::Message;
use hatchery_core::{
    events::{ListenerFailure, Parcel},
    stats::Snapshot,
};
use tokio::sync::oneshot;

/// What a start heads for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Goal {
    pub(crate) user_count: u32,
    pub(crate) hatch_rate: f64,
    /// The classes of which users may be added, by name; all if `None`.
    pub(crate) classes: Option<Vec<String>>,
}

/// The answer to a start.
pub(crate) type StartReply = oneshot::Sender<Result<(), Error>>;

/// Everything that happens to the [`Runner`](super::Runner).
pub(crate) enum ToRunner {
    /// Reply once every shard is ready, or the first has failed.
    AwaitShards { reply: oneshot::Sender<Result<(), Error>> },
    /// Head for a number of users; with `wait`, reply once they are there.
    Start { goal: Goal, wait: bool, reply: StartReply },
    /// End the test; `done` is dropped when it has ended.
    Stop { done: oneshot::Sender<()> },
    /// Cut short the waiting for users that are ending.
    Hurry,
    /// Begin the statistics anew; `done` is dropped when every shard has.
    ResetStats { done: oneshot::Sender<()> },
    /// From the hatcher: the ramp is complete.
    Hatched { job: u64, by_class: Vec<(String, u32)> },
    /// From a supervisor: the shard takes commands.
    ShardUp { shard: usize },
    /// From a supervisor: the shard died and is being started again.
    ShardLost { shard: usize, reason: String },
    /// From a supervisor: the shard is not started again.
    ShardFailed { error: Error },
    /// From a supervisor: the shard's live users by class.
    Users { shard: usize, n_users: Vec<u32> },
    /// From a shard: one of its listeners failed.
    ListenerFailed { shard: usize, failure: ListenerFailure },
    /// Fire a hook of the program's own.
    Fire(Parcel),
    /// The runner is quitting: have the listeners say their last; `done` is dropped then.
    Quitting { stats: Box<Snapshot>, done: oneshot::Sender<()> },
    /// `done` is dropped when everything that was said before has been heard.
    Settle { done: oneshot::Sender<()> },
    /// The runner has quit; `done` is dropped when the listeners were told.
    Quit { exit_code: i32, done: oneshot::Sender<()> },
    /// The shards are ready. Reply whether the listeners are too.
    Init { runner: Control, reply: oneshot::Sender<Result<(), Error>> },
    /// A shape failed, and the test ends for that reason.
    ShapeFailed { error: String },
    /// From a shard: its share of the iterations is used up.
    TasksDone { shard: usize },
    /// From a shard: a user asked for the end of the test.
    StopTest { shard: usize, error: Option<String> },
}

impl Message for ToRunner {
    type Result = ();
}
