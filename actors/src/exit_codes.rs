//! The numbers a run ends with, for scripts and pipelines that read them.

/// Everything went well.
pub const OK: i32 = 0;

/// A request or a task failed. Locust's `--exit-code-on-error` replaces this one.
pub const FAILURES: i32 = 1;

/// The run could not begin: wrong arguments, or a machine that lacks what the run needs.
pub const USAGE: i32 = 2;

/// The books do not balance: requests, latencies and statuses were counted differently, so that
/// no number of the report can be trusted. It outranks [`FAILURES`].
pub const AUDIT: i32 = 3;

/// The generator itself broke: a shard died more often than it is restarted. It outranks all.
pub const ENGINE: i32 = 4;
