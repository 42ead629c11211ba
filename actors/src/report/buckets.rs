//! Locust's rounded response times: two significant digits, in milliseconds.
//!
//! They are for the edges that must look like Locust (`--json`, the wire, its UI's JSON). Nothing
//! of ours is computed from them.

use hatchery_core::stats::Histogram;
use std::collections::BTreeMap;

/// The bucket of a response time, as Locust's `bucket_response_time`: below 100 ms the nearest
/// millisecond, below 1000 the nearest ten, below 10,000 the nearest hundred, then the nearest
/// thousand; halves go to the even neighbour, as in Python.
pub fn bucket_ms(latency_ms: f64) -> u64 {
    let step = match latency_ms {
        ms if ms < 100.0 => 1.0,
        ms if ms < 1_000.0 => 10.0,
        ms if ms < 10_000.0 => 100.0,
        _ => 1_000.0,
    };
    // Negative and undefined times do not occur; the conversion makes them 0.
    ((latency_ms / step).round_ties_even() * step) as u64
}

/// Locust's `response_times`: how many requests by bucket in milliseconds.
pub fn response_times(latency_us: &Histogram) -> BTreeMap<u64, u64> {
    let mut buckets = BTreeMap::new();
    for step in latency_us.iter_recorded() {
        let middle_us = latency_us.median_equivalent(step.value_iterated_to());
        *buckets.entry(bucket_ms(middle_us as f64 / 1_000.0)).or_insert(0) += step.count_at_value();
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;
    use hatchery_core::stats::{new_histogram, record_us};
    use proptest::prelude::*;

    #[test]
    fn rounding_is_pythons() {
        let examples = [
            (0.4, 0),
            (1.5, 2),
            (2.5, 2),
            (45.0, 45),
            (99.9, 100),
            (105.0, 100),
            (115.0, 120),
            (145.0, 140),
            (147.0, 150),
            (999.0, 1_000),
            (1_050.0, 1_000),
            (3_432.0, 3_400),
            (9_999.0, 10_000),
            (10_500.0, 10_000),
            (58_760.0, 59_000),
        ];
        for (latency_ms, bucket) in examples {
            assert_eq!(bucket_ms(latency_ms), bucket, "{latency_ms}");
        }
    }

    proptest! {
        #[test]
        fn every_timed_request_has_a_bucket_within_six_percent(
            latencies_us in prop::collection::vec(1u64..100_000_000, 0..100)
        ) {
            let mut histogram = new_histogram();
            latencies_us.iter().for_each(|&latency_us| record_us(&mut histogram, latency_us));
            let buckets = response_times(&histogram);
            prop_assert_eq!(buckets.values().sum::<u64>(), latencies_us.len() as u64);
            for latency_us in latencies_us {
                let latency_ms = latency_us as f64 / 1_000.0;
                let nearest = buckets.keys().map(|&ms| (ms as f64 - latency_ms).abs());
                let distance = nearest.fold(f64::INFINITY, f64::min);
                prop_assert!(distance <= 0.51 + latency_ms * 0.06);
            }
        }
    }
}
