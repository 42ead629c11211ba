//! Users as actors: what a user is, what it does next, and how it ends.

mod actor;
mod class;
mod context;
mod exit;
mod frame;
mod guard;
mod markov;
mod prepared;
mod run;
mod table;
mod tags;
mod traits;
mod wait;

pub(crate) use actor::{Actor, Users};
pub(crate) use class::Hatch;
pub use class::{Class, Spawn};
pub use context::Cx;
pub use exit::{Exit, TaskResult};
pub use frame::{Mount, Root};
pub(crate) use guard::install_panic_hook;
pub use markov::Problem;
pub use prepared::Leaf;
pub(crate) use table::last_segment;
pub use table::{Entry, Table};
pub use tags::TagFilter;
pub use traits::{Choice, TaskSet, Tasks, User};
pub use wait::{
    Wait, between, constant, constant_pacing, constant_throughput, custom_wait, poisson,
};
