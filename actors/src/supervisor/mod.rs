//! One supervisor per shard: it starts it, watches it, restarts it, and ends its users.

mod actor;
mod drain;
mod ending;
mod life;
mod load;
mod message;

pub(crate) use actor::CoreSupervisor;
pub use load::ShardLoad;
pub(crate) use message::ToSupervisor;
