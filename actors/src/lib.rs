//! The control plane: everything that happens beside the cores.
//!
//! One thread runs actix actors: the [`runner`] holds the state of the test, a hatcher paces its
//! ramps, a supervisor per shard starts it, watches it and ends its users, and a statistics actor
//! merges what the shards measured. They carry no users.
//!
//! # Layout
//! - [`runner`]: states, events, and the handles [`LocalRunner`] and [`Control`];
//! - [`hooks`]: what a program may listen to;
//! - `hatcher`, `supervisor`, `stats`, `router`: the other actors, and how reports find them;
//! - `shard`: the seam behind which a shard may be a thread, or something else;
//! - [`shape`]: how the load changes over time;
//! - [`report`]: what a reader gets, one file per format;
//! - [`headless`]: a whole run without a user interface, as the program does it;
//! - [`preflight`], [`exit_codes`]: before it begins, and when it is over.
//!
//! Invariants of absence: nothing here knows HTTP as a protocol under test, and nothing here does
//! a request's work.

mod error;
pub use error::Error;

pub mod exit_codes;
pub mod preflight;

mod hatcher;
pub mod hooks;
mod router;
mod shard;
mod stats;
mod supervisor;
pub use supervisor::ShardLoad;

pub mod runner;
pub use runner::{
    Control, LocalRunner, RunnerConfig, RunnerEvent, RunnerEvents, State, Status, WeakRunner,
};

pub mod shape;
pub use shape::{LoadTestShape, Tick};

pub mod headless;
pub mod report;

#[cfg(test)]
mod fake;
