//! The three traits that a program implements.

use super::{
    class::Spawn,
    context::Cx,
    exit::TaskResult,
    frame::{Mount, Root},
    table::Table,
    wait::{Wait, constant},
};
use std::future::{Future, ready};

/// A table of tasks, and what they hang below. Usually written by `#[tasks]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no task table",
    label = "no task table",
    note = "put `#[tasks]` on an `impl {Self}` block and mark its tasks with `#[task]`"
)]
pub trait Tasks: Sized + 'static {
    /// [`Root`] for a user; the user or set that a nested set runs in. Locust's `parent`.
    type Parent: Mount;

    /// The tasks. Called once per core, not once per user. Locust's `tasks`.
    fn table() -> Table<Self>;
}

/// How a set chooses its next task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// At random, by weight. Locust's `TaskSet`.
    Random,
    /// One after the other in the order of the table, over and over; weights do not matter.
    /// Locust's `SequentialTaskSet`.
    Sequential,
    /// The first task of the table to begin with, then one of those that the task before leads to,
    /// by weight: see [`Table::to`]. Locust's `MarkovTaskSet`.
    Markov,
}

/// A simulated user. Locust's `User` class.
///
/// A type is used only when it is registered, so there is no `abstract`.
pub trait User: Tasks<Parent = Root> {
    /// How likely this class is chosen, against the others'. Locust's `weight`.
    const WEIGHT: u32 = 10;

    /// If not 0: exactly so many users of this class, before the weights are looked at. Locust's
    /// `fixed_count`.
    const FIXED_COUNT: u32 = 0;

    /// Base URL of the target, unless the program or the command line gives one. Locust's `host`.
    const HOST: Option<&'static str> = None;

    /// Whether a run without a host, or with one that is no HTTP URL, is refused before it starts.
    /// Turn it off for users that do not speak to one, or speak another protocol to it.
    const NEEDS_HOST: bool = true;

    /// The time between tasks. Locust's `wait_time`.
    const WAIT: Wait = constant(0.0);

    /// How the next task is chosen.
    const CHOICE: Choice = Choice::Random;

    /// Makes the user, on the core where it will live.
    fn new(spawn: &Spawn<'_>) -> Self;

    /// Called before the first task. An error is reported and ends the user.
    fn on_start(&mut self, _cx: &mut Cx<'_, Self>) -> impl Future<Output = TaskResult> {
        ready(Ok(()))
    }

    /// Called when the user ends, whatever ended it.
    fn on_stop(&mut self, _cx: &mut Cx<'_, Self>) -> impl Future<Output = TaskResult> {
        ready(Ok(()))
    }

    /// Seconds to wait, asked before each wait if `WAIT` is [`super::custom_wait`].
    fn wait_time(&mut self, _cx: &mut Cx<'_, Self>) -> impl Future<Output = f64> {
        ready(0.0)
    }
}

/// Tasks with a state of their own, entered as a task of a user or of another set. Locust's
/// `TaskSet` and `SequentialTaskSet`.
pub trait TaskSet: Tasks<Parent: Tasks> {
    /// The time between this set's tasks; the user's if `None`. Locust's `TaskSet.wait_time`.
    const WAIT: Option<Wait> = None;

    /// How the next task is chosen.
    const CHOICE: Choice = Choice::Random;

    /// Makes the set's state; called each time the set is entered.
    fn new(parent: &mut Self::Parent) -> Self;

    /// Called when the set is entered. After an error the set is left, and `on_stop` is not run.
    fn on_start(&mut self, _cx: &mut Cx<'_, Self>) -> impl Future<Output = TaskResult> {
        ready(Ok(()))
    }

    /// Called when the set is left: by an interrupt, or because the user ends.
    fn on_stop(&mut self, _cx: &mut Cx<'_, Self>) -> impl Future<Output = TaskResult> {
        ready(Ok(()))
    }

    /// Seconds to wait, asked before each wait if `WAIT` is [`super::custom_wait`].
    fn wait_time(&mut self, _cx: &mut Cx<'_, Self>) -> impl Future<Output = f64> {
        ready(0.0)
    }
}
