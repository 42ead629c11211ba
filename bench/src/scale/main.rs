//! `scale`: how far the generator goes by itself, and what a user weighs.
//!
//! Each command is one line of the targets: users that wait, users with an idle connection, users
//! hatched, timers kept, samples recorded, connections of a host. No network but for connections.

mod cores;
mod hatch;
mod host;
mod idle;
mod memory;
mod samples;
mod timers;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measure hatching, timers, samples, memory and connections.
#[derive(Parser)]
#[command(name = "scale", version)]
struct Args {
    /// What to measure
    #[command(subcommand)]
    what: What,
    /// The CPUs to run on, the first one first
    #[arg(long, global = true, value_name = "CPU", num_args = 1.., default_values_t = [0, 1])]
    cpus: Vec<usize>,
}

#[derive(Subcommand)]
enum What {
    /// Time to hatch users whose task does nothing, on one core
    Hatch {
        #[arg(short = 'u', long, default_value_t = 100_000)]
        users: u32,
    },
    /// Starts per second and lag of users on `constant_pacing(1)`, on one core
    Timers {
        #[arg(short = 'u', long, default_value_t = 100_000)]
        users: u32,
        #[arg(short = 't', long, default_value_t = 10)]
        seconds: u64,
    },
    /// Samples per second of users whose task records one, on one core and on all
    Samples {
        #[arg(short = 't', long, default_value_t = 5)]
        seconds: u64,
    },
    /// Memory per user that waits, on one core
    Memory {
        #[arg(short = 'u', long, default_value_t = 1_000_000)]
        users: u32,
        /// Give each an `HttpSession` and two tasks
        #[arg(long)]
        session: bool,
    },
    /// Memory per user with an idle keep-alive connection to the embedded target, on one core
    Idle {
        #[arg(short = 'u', long, default_value_t = 20_000)]
        users: u32,
    },
    /// Connections to one nginx at a time, from several addresses of this host
    Host {
        #[arg(short = 'u', long, default_value_t = 75_000)]
        users: u32,
        /// Generators, each with an address and a limit of open files of its own
        #[arg(long, default_value_t = 5)]
        processes: u32,
    },
    /// One process of `idle`
    #[command(hide = true)]
    IdlePart {
        #[arg(short = 'u', long)]
        users: u32,
    },
}

fn main() -> Result<()> {
    let Args { what, cpus } = Args::parse();
    match what {
        What::Hatch { users } => hatch::run(cpus[0], users),
        What::Timers { users, seconds } => timers::run(cpus[0], users, seconds),
        What::Samples { seconds } => samples::run(&cpus, seconds),
        What::Memory { users, session: false } => memory::bare(cpus[0], users),
        What::Memory { users, session: true } => memory::with_session(cpus[0], users),
        What::Idle { users } => idle::run(cpus[0], users),
        What::Host { users, processes } => host::run(users, processes),
        What::IdlePart { users } => idle::part(cpus[0], users),
    }
}
