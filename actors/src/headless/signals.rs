//! Ctrl-C and SIGTERM as a stream.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The two signals by which a run is ended from outside.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes the signals over from their default, which would end the process without a report.
    pub(super) fn new() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The name of the next signal.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// Blocks until Ctrl-C or SIGTERM, for a program that only serves.
///
/// # Errors
/// When the signals cannot be taken over.
pub fn wait_for_stop() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        Signals::new()?.next().await;
        Ok(())
    })
}
