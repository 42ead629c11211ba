//! The embedded target: a server of fixed routes to try a test on, and to test hatchery with.
//!
//! It runs on shards of its own, which carry no users, and counts what it serves, so that both
//! sides of a run can be compared. The routes are [`Pattern`]'s.

mod answers;
mod error;
mod forms;
mod listen;
mod route;
mod run;
mod served;

pub use error::TargetError;
pub use route::{BYTES_MAX, DELAY_MS_MAX, ITEM_MAX, Pattern, REDIRECTS_MAX};
pub use run::{Target, TargetOptions};
pub use served::Served;
