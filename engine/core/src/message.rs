//! The two closed enums between the planes: a [`Command`] goes to a shard, a [`Report`] comes back.
//!
//! Nothing else crosses. A runner that speaks these does not know whether its shards are threads
//! of its own process.

use crate::{
    events::{ListenerFailure, Parcel},
    net::Resolved,
    stats::Delta,
};
use std::time::Duration;

/// The number of a user class: its place in the list that the shards were started with.
pub type ClassIdx = usize;

/// What the control plane tells a shard.
#[derive(Debug)]
pub enum Command {
    /// Fire `test_start` on the shard's listeners.
    TestStart {
        /// How many task runs this shard's users may begin in this test; `None` for no limit.
        n_tasks: Option<u64>,
    },
    /// Fire `test_stop` on the shard's listeners.
    TestStop,
    /// Start so many users of a class.
    Hatch {
        /// Their class.
        class: ClassIdx,
        /// How many.
        n_users: u32,
    },
    /// End users.
    Stop {
        /// Which.
        whom: Whom,
        /// How.
        how: Stop,
    },
    /// Forget the statistics recorded so far.
    ResetStats {
        /// The number of this reset; the deltas that follow carry it.
        epoch: u32,
    },
    /// Hand over the statistics once the users ordered before have begun, and answer with
    /// [`Report::Flushed`].
    Flush {
        /// Comes back in the answer.
        token: u64,
    },
    /// The answer to a name that the shard asked to have resolved.
    Resolved(Resolved),
    /// End all users at once, hand over the last statistics and end the thread.
    Quit,
}

/// Which users a [`Command::Stop`] means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// All of them.
    All,
    /// Those of a class that were hatched last.
    Last {
        /// Their class.
        class: ClassIdx,
        /// How many.
        n_users: u32,
    },
    /// Those that were asked before and have not ended.
    Asked,
}

/// How users end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Waiting users end now, running ones when their task is done.
    Ask,
    /// Now, in mid-request if need be. Their `on_stop` hooks still run.
    Kill,
}

/// What a shard tells the control plane.
#[derive(Debug)]
pub enum Report {
    /// The shard runs.
    Ready {
        /// The shard.
        shard: usize,
        /// What its ring can do, for the log.
        ring: String,
    },
    /// The shard could not start, or had to end.
    Failed {
        /// The shard.
        shard: usize,
        /// Why, and what to do about it.
        error: String,
    },
    /// Statistics of at most one second.
    Stats(Box<Delta>),
    /// All statistics recorded before the [`Command::Flush`] have been sent.
    Flushed {
        /// The shard.
        shard: usize,
        /// From the command.
        token: u64,
    },
    /// Once a second, and after each change: how the shard is.
    Pulse(Pulse),
    /// Users ended by themselves, with [`crate::user::Exit::StopUser`] or an error in a hook.
    Ended {
        /// The shard.
        shard: usize,
        /// Their class.
        class: ClassIdx,
        /// How many.
        n_users: u32,
    },
    /// The task runs given with [`Command::TestStart`] are used up, and all users have ended.
    TasksDone {
        /// The shard.
        shard: usize,
    },
    /// An error or a panic of a task or hook.
    Exception(Box<ExceptionReport>),
    /// An event listener panicked or returned an error.
    ListenerFailed {
        /// The shard.
        shard: usize,
        /// Which, why and how often.
        failure: ListenerFailure,
    },
    /// A user fired a hook of the program's own on the control thread.
    Fired(Parcel),
    /// A user asked for the end of the test.
    StopTest {
        /// The shard.
        shard: usize,
        /// Why; `None` for a plain [`crate::user::Exit::StopTest`].
        error: Option<String>,
    },
    /// The shard's thread has ended; the last message of a shard.
    Gone {
        /// The shard.
        shard: usize,
        /// The panic that ended it, if that is what happened.
        panic: Option<String>,
    },
}

/// A shard's state.
#[derive(Clone, Debug, Default)]
pub struct Pulse {
    /// The shard.
    pub shard: usize,
    /// Live users by class, those that are stopping included.
    pub n_users: Vec<u32>,
    /// Processor time the shard's thread has used so far.
    pub cpu: Duration,
    /// The longest time in the last second that a runnable task had to wait for the loop.
    pub stall_max: Duration,
    /// Requests under way.
    pub n_in_flight: u64,
}

/// An error or a panic of a task or hook, as the exceptions table shows it.
#[derive(Clone, Debug)]
pub struct ExceptionReport {
    /// The shard.
    pub shard: usize,
    /// The user's class.
    pub class: ClassIdx,
    /// How often it has happened since it was last reported.
    pub n: u64,
    /// The error's own text.
    pub message: String,
    /// Causes, and the backtrace where there is one.
    pub trace: String,
}
