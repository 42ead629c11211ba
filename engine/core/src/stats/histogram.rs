//! The one shape of histogram used everywhere: microseconds, three significant digits, growing.

/// Latencies in microseconds.
pub type Histogram = hdrhistogram::Histogram<u64>;

/// The longest latency that is told apart from longer ones: one day, in microseconds.
const LATENCY_US_MAX: u64 = 86_400_000_000;

/// An empty histogram, small until a long latency makes it grow.
pub fn new_histogram() -> Histogram {
    let mut histogram =
        Histogram::new_with_bounds(1, 4096, 3).expect("the bounds are constant and valid");
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
