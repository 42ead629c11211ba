//! The command line: what was typed, what it means, and one clear line when it means nothing.

mod complaint;
mod flags;
mod launch;
mod logging;

pub(crate) use complaint::{complain, parse};
pub(crate) use flags::{Cores, RunFlags};
pub(crate) use launch::{Launch, launch};
pub(crate) use logging::init as init_logging;
