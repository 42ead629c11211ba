//! The one shape of histogram used everywhere: microseconds, three significant digits, growing.

/// Latencies in microseconds.
pub type Histogram = hdrhistogram::Histogram<u64>;

/// The longest latency that is told apart from longer ones: one day, in microseconds.
const LATENCY_US_MAX: u64 = 86_400_000_000;

/// An empty histogram: 16 KiB, the least that three digits allow, until a latency of more than two
/// milliseconds makes it grow. There is one for each entry, on each shard.
pub fn new_histogram() -> Histogram {
    let mut histogram =
        Histogram::new_with_bounds(1, 2, 3).expect("the bounds are constant and valid");
    histogram.auto(true);
    histogram
}

/// Records one latency; zero counts as one microsecond, more than a day as a day.
#[inline]
pub fn record_us(histogram: &mut Histogram, latency_us: u64) {
    histogram
        .record(latency_us.clamp(1, LATENCY_US_MAX))
        .expect("a growing histogram takes every value up to its largest");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(latency_us: u64, bytes: usize) {
        let mut histogram = new_histogram();
        record_us(&mut histogram, latency_us);
        assert_eq!(histogram.distinct_values() * size_of::<u64>(), bytes);
    }

    #[test]
    fn a_histogram_takes_the_memory_that_its_longest_latency_needs() {
        check(2_047, 16 << 10);
        check(2_048, 24 << 10);
        check(10_000, 40 << 10);
        check(1_000_000, 88 << 10);
    }
}
