//! The runner: the state of a test, and the handles by which a program moves it.

mod actor;
mod config;
mod control;
mod ending;
mod events;
mod launch;
mod lead;
mod listeners;
mod local;
mod message;
mod monitor;
mod shards;
mod state;
mod threads;

pub(crate) use actor::Runner;
pub use config::RunnerConfig;
pub use control::Control;
pub use events::{RunnerEvent, RunnerEvents, Status};
#[cfg(test)]
pub(crate) use launch::Plan;
pub(crate) use local::Finished;
pub use local::{LocalRunner, WeakRunner};
pub(crate) use message::ToRunner;
pub use state::State;

#[cfg(test)]
mod hook_tests;
#[cfg(test)]
mod shape_tests;
#[cfg(test)]
mod tests;
