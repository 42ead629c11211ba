//! A shard: one pinned core with its ring, timers, users and statistics.

mod exceptions;
mod gather;
mod handle;
mod inbox;
mod local;
mod orders;
mod outbox;
mod queue;
mod run;
mod setup;
mod stopwatch;
mod tasks;
mod ticket;
mod timeout;

pub use handle::{ShardHandle, panic_text};
pub(crate) use inbox::InboxSender;
pub use local::Shard;
pub use outbox::Outbox;
pub(crate) use run::yield_now;
pub use setup::{Common, Service, Setup};
pub use stopwatch::Stopwatch;
pub use ticket::Ticket;
pub use timeout::TimedOut;
