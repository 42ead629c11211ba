//! Texts of the command line: timespans and load plans.

#![no_main]

use hatchery_actors::shape::{LoadTestShape, Plan};
use hatchery_core::run_time::parse_timespan;
use std::time::Duration;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = parse_timespan(text);
    let Ok(mut plan) = text.parse::<Plan>() else { return };
    assert!(!plan.duration().is_zero());
    let peak = plan.peak_users();
    for percent in [0, 50, 99, 100] {
        let tick = plan.tick(plan.duration() / 100 * percent, 0);
        assert!(tick.is_none_or(|tick| tick.user_count <= peak && tick.hatch_rate >= 0.0));
    }
    assert!(plan.tick(Duration::MAX, 0).is_none());
});
