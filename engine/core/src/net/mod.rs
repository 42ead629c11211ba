//! Names and connections: what is resolved off the shard, and how every address is tried.

mod connect;
mod names;
mod resolver;

pub use connect::{ConnectError, Target, connect, connect_timed};
pub(crate) use names::Names;
pub use resolver::{Resolved, Resolver};
