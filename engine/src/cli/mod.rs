//! The command line: what was typed, what it means, and one clear line when it means nothing.

mod complaint;
mod flags;
mod http;
mod launch;
mod listing;
mod logging;
#[cfg(test)]
mod readme;
mod settings;
mod suggest;

pub(crate) use complaint::{complain, complain_of, parse, parse_command, print};
pub(crate) use flags::{Cores, RunFlags};
pub(crate) use launch::{Launch, configure, launch};
pub(crate) use listing::{classes as list_classes, ratios, ratios_json};
pub(crate) use logging::init as init_logging;
pub(crate) use suggest::hint;
