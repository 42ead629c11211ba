//! `hatchery`: loads URLs without any code, or runs the embedded target.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    hatchery::tool::main(env::args_os())
}
