//! The numbers a run ends with, for scripts and pipelines that read them.

use std::sync::{Arc, Mutex, PoisonError};

/// Everything went well.
pub const OK: i32 = 0;

/// A request or a task failed. Locust's `--exit-code-on-error` replaces this one.
pub const FAILURES: i32 = 1;

/// The run could not begin: wrong arguments, or a machine that lacks what the run needs.
pub const USAGE: i32 = 2;

/// An event listener panicked or returned an error, and nothing worse happened. As in Locust, it
/// is the number of [`USAGE`]; the log tells them apart.
pub const LISTENER: i32 = 2;

/// The books do not balance: requests, latencies and statuses were counted differently, so that
/// no number of the report can be trusted. It outranks [`FAILURES`].
pub const AUDIT: i32 = 3;

/// The generator itself broke: a shard died more often than it is restarted, or the report could
/// not be printed. It outranks all.
pub const ENGINE: i32 = 4;

/// The exit code that a program has set, whatever the numbers say. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProcessExitCode(Arc<Mutex<Option<i32>>>);

impl ProcessExitCode {
    pub(crate) fn get(&self) -> Option<i32> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, code: Option<i32>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = code;
    }
}
