//! Whether the books balance: what every run asks before its numbers are believed.

use super::entry::EntryStats;

/// Whether the books balance: each request has one latency, or was untimed, and one status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Requests counted.
    pub n_requests: u64,
    /// Latencies in the histograms, plus requests that were not timed.
    pub n_latencies: u64,
    /// Sum over all status codes, "no status" included.
    pub n_statuses: u64,
}

impl Audit {
    /// Counts entries three ways.
    pub(super) fn of<'a>(entries: impl Iterator<Item = &'a EntryStats>) -> Audit {
        let mut audit = Audit::default();
        for entry in entries {
            audit.n_requests += entry.total.n_requests;
            audit.n_latencies += entry.total.latency_us.len() + entry.total.n_untimed;
            audit.n_statuses += entry.total.statuses.iter().map(|&(_, n)| n).sum::<u64>();
        }
        audit
    }

    /// Whether all three ways of counting agree.
    pub fn balances(&self) -> bool {
        self.n_requests == self.n_latencies && self.n_requests == self.n_statuses
    }
}
