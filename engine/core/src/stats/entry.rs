//! What is known of one entry since the start: totals, and how they came about second by second.

use super::{interval::Interval, latencies::Latencies};
use std::collections::VecDeque;

/// Seconds of history kept per entry: a day. Older seconds leave the rates per second, never the
/// totals, so that a run of weeks does not fill the memory.
const SECONDS_MAX: usize = 86_400;

/// The window of the "current" rates: ten seconds that end two seconds ago, as in Locust, because
/// the last two may still be on their way.
const CURRENT_WINDOW_S: u64 = 10;
const CURRENT_LAG_S: u64 = 2;

/// Requests and failures that ended within one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// The Unix second.
    pub unix_s: u64,
    /// Requests that ended in it.
    pub n_requests: u64,
    /// Failures among them.
    pub n_failures: u64,
}

/// Everything known of one (method, name), or of all together.
#[derive(Debug, Default)]
pub struct EntryStats {
    /// Counts, sums and latencies since the start or the last reset.
    pub total: Interval,
    /// The same counts by second, oldest first.
    pub seconds: VecDeque<Second>,
}

impl EntryStats {
    pub(super) fn merge_second(&mut self, unix_s: u64, interval: &Interval<Latencies>) {
        self.total.merge(interval);
        self.add_second(Second {
            unix_s,
            n_requests: interval.n_requests,
            n_failures: interval.n_failures,
        });
    }

    fn add_second(&mut self, second: Second) {
        // Seconds arrive nearly in order; the place is at the end or close to it.
        let after =
            self.seconds.iter().rev().take_while(|known| known.unix_s > second.unix_s).count();
        let index = self.seconds.len() - after;
        match index.checked_sub(1).map(|before| &mut self.seconds[before]) {
            Some(known) if known.unix_s == second.unix_s => {
                known.n_requests += second.n_requests;
                known.n_failures += second.n_failures;
            }
            _ => self.seconds.insert(index, second),
        }
        if self.seconds.len() > SECONDS_MAX {
            self.seconds.pop_front();
        }
    }

    /// Adds another entry's statistics.
    pub fn merge(&mut self, other: &EntryStats) {
        self.total.merge(&other.total);
        // Both are sorted. Adding one second after the other would search for each.
        let ours = std::mem::take(&mut self.seconds);
        let mut theirs = other.seconds.iter().copied().peekable();
        for second in ours {
            while let Some(earlier) = theirs.next_if(|their| their.unix_s < second.unix_s) {
                self.seconds.push_back(earlier);
            }
            self.seconds.push_back(second);
            if let Some(same) = theirs.next_if(|their| their.unix_s == second.unix_s) {
                let second = self.seconds.back_mut().expect("just pushed");
                second.n_requests += same.n_requests;
                second.n_failures += same.n_failures;
            }
        }
        self.seconds.extend(theirs);
        let n_old = self.seconds.len().saturating_sub(SECONDS_MAX);
        self.seconds.drain(..n_old);
    }

    /// The response time, in nanoseconds, that this share of the timed requests did not exceed;
    /// `None` if none was timed.
    pub fn percentile_ns(&self, share: f64) -> Option<u64> {
        if self.total.latency_us.is_empty() {
            return None;
        }
        if share >= 1.0 {
            return Some(self.total.latency_ns_max);
        }
        let latency_ns = self.total.latency_us.value_at_quantile(share) * 1_000;
        Some(latency_ns.clamp(self.total.latency_ns_min, self.total.latency_ns_max))
    }

    /// The mean response time in nanoseconds; 0 if none was timed.
    pub fn average_ns(&self) -> f64 {
        match self.total.n_requests - self.total.n_untimed {
            0 => 0.0,
            n => self.total.latency_ns_sum as f64 / n as f64,
        }
    }

    /// Failures as a share of the requests; 0 without requests.
    pub fn fail_ratio(&self) -> f64 {
        match self.total.n_requests {
            0 => 0.0,
            n => self.total.n_failures as f64 / n as f64,
        }
    }

    /// Requests and failures per second over ten seconds that end two before `last_unix_s`, or
    /// over as many of them as lie after `start_unix_s`.
    pub fn current_rates(&self, start_unix_s: u64, last_unix_s: u64) -> (f64, f64) {
        let to_unix_s = last_unix_s.saturating_sub(CURRENT_LAG_S);
        let from_unix_s = to_unix_s.saturating_sub(CURRENT_WINDOW_S).max(start_unix_s);
        let n_seconds = to_unix_s.saturating_sub(from_unix_s);
        if n_seconds == 0 {
            return (0.0, 0.0);
        }
        let window = self.seconds.iter().rev().skip_while(|second| second.unix_s >= to_unix_s);
        let (n_requests, n_failures) = window
            .take_while(|second| second.unix_s >= from_unix_s)
            .fold((0, 0), |(n, f), second| (n + second.n_requests, f + second.n_failures));
        (n_requests as f64 / n_seconds as f64, n_failures as f64 / n_seconds as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn current_rates_lag_two_seconds_and_span_ten() {
        let mut entry = EntryStats::default();
        for unix_s in 100..120 {
            entry.add_second(Second { unix_s, n_requests: unix_s, n_failures: 1 });
        }
        let (requests, failures) = entry.current_rates(100, 119);
        assert_eq!(requests, (107..117).sum::<u64>() as f64 / 10.0);
        assert_eq!(failures, 1.0);
        assert_eq!(entry.current_rates(100, 101), (0.0, 0.0));
    }
}
