//! One supervisor per shard: it starts it, watches it, restarts it, and ends its users.

mod actor;
mod drain;
mod load;

pub(crate) use actor::{CoreSupervisor, ToSupervisor};
pub use load::ShardLoad;
