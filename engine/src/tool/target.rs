//! `hatchery target`: the embedded target alone.

use crate::{
    cli::{self, Cores},
    target::{Target, TargetOptions},
};
use anyhow::{Context, Result};
use clap::Args;
use hatchery_actors::{headless::wait_for_stop, preflight::preflight_server};
use hatchery_core::placement;
use std::{net::SocketAddr, process::ExitCode};
use tracing::{Level, info};

#[derive(Args, Debug)]
pub(super) struct TargetFlags {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = address)]
    listen: SocketAddr,

    #[command(flatten)]
    cores: Cores,

    /// What to log: error, warn, info, debug or trace
    #[arg(short = 'L', long, value_name = "LEVEL", default_value = "info", ignore_case = true)]
    loglevel: Level,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "an address and a port such as 0.0.0.0:8080 are needed".to_owned())
}

/// Serves until Ctrl-C, SIGTERM or SIGHUP.
pub(super) fn serve(flags: &TargetFlags) -> ExitCode {
    cli::init_logging(flags.loglevel);
    match run(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::complain(format_args!("{error:#}")),
    }
}

fn run(flags: &TargetFlags) -> Result<()> {
    let cpus = placement::place(&flags.cores.cores, &placement::available())
        .context("place the target")?;
    preflight_server(cpus.len() as u64)?;
    let on = placement::format_list(&cpus);
    let options = TargetOptions { listen: flags.listen.into(), cpus, unpinned: false };
    let target = Target::start(&options).context("start the target")?;
    info!("the embedded target listens on {} from CPUs {on}; Ctrl-C ends it", target.url());
    wait_for_stop().context("wait for a signal")?;
    target.stop();
    Ok(())
}
