//! Which users hatch, on which shard and when: plain data and arithmetic, without a clock.

mod choice;
mod order;
mod plan;
mod roster;

#[cfg(test)]
mod properties;

pub use order::ClassOrder;
pub use plan::{Batch, Change, ClassSpec, Dispatcher};
