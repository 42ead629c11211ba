//! What one entry gathered between two hand-overs.

use super::{
    histogram::Histogram,
    latencies::{Keeper, Latencies},
    phases::{PhaseStats, Phases},
};
use smallvec::SmallVec;

/// Counts, sums and latencies of one (method, name): in the long run with a histogram, within a
/// second and on its shard with [`Latencies`].
///
/// It begins with a cache line: of hundreds each request finds another one.
#[derive(Debug)]
#[repr(align(64))]
pub struct Interval<L = Histogram> {
    /// Response times in microseconds; their count is `n_requests - n_untimed`.
    pub latency_us: L,
    /// Finished requests, failed ones included.
    pub n_requests: u64,
    /// Requests that failed.
    pub n_failures: u64,
    /// Requests that were counted but not timed.
    pub n_untimed: u64,
    /// Sum of the response times, in nanoseconds, from which the average is made. Wide, because a
    /// million requests under way make a million seconds of it each second.
    pub latency_ns_sum: u128,
    /// Shortest response time in nanoseconds; `u64::MAX` before the first.
    pub latency_ns_min: u64,
    /// Longest response time in nanoseconds.
    pub latency_ns_max: u64,
    /// Sum of the response bodies, in bytes.
    pub bytes_sum: u64,
    /// Requests by status code; 0 stands for "no status": an error before the answer, or a
    /// protocol without statuses. Sums up to `n_requests`.
    pub statuses: SmallVec<[(u16, u64); 3]>,
    /// Unix time of the first and the last finished request, in nanoseconds.
    pub first_unix_ns: u64,
    /// See `first_unix_ns`.
    pub last_unix_ns: u64,
    /// The phases of the requests, if they are measured. Boxed, because most runs have none.
    pub phases: Option<Box<PhaseStats>>,
}

impl<L: Keeper> Default for Interval<L> {
    fn default() -> Interval<L> {
        Interval {
            latency_us: L::empty(),
            n_requests: 0,
            n_failures: 0,
            n_untimed: 0,
            latency_ns_sum: 0,
            latency_ns_min: u64::MAX,
            latency_ns_max: 0,
            bytes_sum: 0,
            statuses: SmallVec::new(),
            first_unix_ns: u64::MAX,
            last_unix_ns: 0,
            phases: None,
        }
    }
}

impl Interval<Latencies> {
    /// Adds one finished request; true if the next ones had better go into a histogram.
    #[inline]
    #[must_use]
    pub(super) fn add(&mut self, latency_ns: u64, bytes: u64, status: u16, failed: bool) -> bool {
        self.n_requests += 1;
        self.n_failures += u64::from(failed);
        self.latency_ns_sum += u128::from(latency_ns);
        self.latency_ns_min = self.latency_ns_min.min(latency_ns);
        self.latency_ns_max = self.latency_ns_max.max(latency_ns);
        self.bytes_sum += bytes;
        self.count_status(status, 1);
        self.latency_us.record((latency_ns + 500) / 1000)
    }

    /// Adds a request whose time is unknown: it counts, but has no place among the latencies.
    pub(crate) fn add_untimed(&mut self, bytes: u64, status: u16, failed: bool) {
        self.n_requests += 1;
        self.n_untimed += 1;
        self.n_failures += u64::from(failed);
        self.bytes_sum += bytes;
        self.count_status(status, 1);
    }
}

impl<L: Keeper> Interval<L> {
    /// Adds the phases of a request that has been added.
    pub(crate) fn add_phases(&mut self, phases: &Phases) {
        self.phases.get_or_insert_default().add(phases);
    }

    #[inline]
    fn count_status(&mut self, status: u16, n: u64) {
        match self.statuses.iter_mut().find(|(known, _)| *known == status) {
            Some((_, count)) => *count += n,
            None => self.statuses.push((status, n)),
        }
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.latency_us.clear();
        self.statuses.clear();
        self.n_requests = 0;
        self.n_failures = 0;
        self.n_untimed = 0;
        self.latency_ns_sum = 0;
        self.latency_ns_min = u64::MAX;
        self.latency_ns_max = 0;
        self.bytes_sum = 0;
        self.first_unix_ns = u64::MAX;
        self.last_unix_ns = 0;
        if let Some(phases) = &mut self.phases {
            phases.clear();
        }
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.n_requests == 0
    }
}

impl Interval {
    /// Takes another interval's counts in.
    pub fn merge<L: Keeper>(&mut self, other: &Interval<L>) {
        other.latency_us.add_to(&mut self.latency_us);
        self.n_requests += other.n_requests;
        self.n_failures += other.n_failures;
        self.n_untimed += other.n_untimed;
        self.latency_ns_sum += other.latency_ns_sum;
        self.latency_ns_min = self.latency_ns_min.min(other.latency_ns_min);
        self.latency_ns_max = self.latency_ns_max.max(other.latency_ns_max);
        self.bytes_sum += other.bytes_sum;
        for &(status, n) in &other.statuses {
            self.count_status(status, n);
        }
        self.first_unix_ns = self.first_unix_ns.min(other.first_unix_ns);
        self.last_unix_ns = self.last_unix_ns.max(other.last_unix_ns);
        if let Some(theirs) = other.phases.as_ref().filter(|theirs| !theirs.is_empty()) {
            self.phases.get_or_insert_default().merge(theirs);
        }
    }
}
