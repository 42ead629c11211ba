//! The shard's timers: one wheel for waits, timeouts and deadlines.

mod sleep;
mod wheel;

pub use sleep::Sleep;
pub(crate) use sleep::Timers;
