//! The installed program `hatchery`, as opposed to a program of one's own.

mod target;
mod urls;

use crate::cli;
use clap::{Parser, Subcommand};
use std::{ffi::OsString, process::ExitCode};

/// Loads URLs, or runs a target to be loaded.
#[derive(Parser)]
#[command(
    name = "hatchery",
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "Examples:\n  hatchery http://127.0.0.1:8080/ -u 64 -t 10s\n  \
                  hatchery target --listen 127.0.0.1:8080\n\n\
                  For scenarios, write a program: see the README."
)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    urls: urls::Urls,
}

#[derive(Subcommand)]
enum Command {
    /// Run the embedded target: an HTTP server with fixed routes
    Target(target::TargetFlags),
}

/// Runs the program `hatchery` with these arguments, its own name first.
#[doc(hidden)]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match cli::parse::<Line>(args) {
        Err(exit_code) => exit_code,
        Ok(Line { command: Some(Command::Target(flags)), .. }) => target::serve(&flags),
        Ok(Line { urls, .. }) => urls::load(&urls),
    }
}
