//! What a headless run can be told.

use std::time::Duration;

/// The options of a headless run, each a flag of the program and of Locust.
#[derive(Clone, Debug)]
pub struct HeadlessOptions {
    /// Users at the peak: `--users`.
    pub user_count: u32,
    /// Users started per second: `--hatch-rate`, newer `--spawn-rate`. Infinity starts all at
    /// once.
    pub hatch_rate: f64,
    /// When the run ends, counted from the start of the test: `--run-time`. `None`: never.
    pub run_time: Option<Duration>,
    /// No tables before the end: `--only-summary`.
    pub only_summary: bool,
    /// The entries as JSON on standard output at the end, instead of the tables: `--json`.
    pub json: bool,
}

impl Default for HeadlessOptions {
    fn default() -> HeadlessOptions {
        HeadlessOptions {
            user_count: 1,
            hatch_rate: 1.0,
            run_time: None,
            only_summary: false,
            json: false,
        }
    }
}
