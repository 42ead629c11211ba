//! What a shard hands to the control plane, once a second and at the end.

use super::{
    failure::Failure, faults::ErrorStats, interval::Interval, latencies::Latencies, names::EntryId,
};

/// Identity of an entry: Locust's (name, method).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntryKey {
    /// The request's type: an HTTP method, or a protocol's name.
    pub method: Box<str>,
    /// The label under which requests are grouped.
    pub name: Box<str>,
}

/// One entry's share of a [`Delta`].
#[derive(Debug)]
pub struct EntryDelta {
    /// The entry, by the shard's numbering.
    pub id: EntryId,
    /// What was recorded.
    pub interval: Interval<Latencies>,
}

/// How often one failure was seen for one entry.
#[derive(Debug)]
pub struct ErrorDelta {
    /// The entry, by the shard's numbering.
    pub id: EntryId,
    /// The reason.
    pub failure: Failure,
    /// How often, and when.
    pub stats: ErrorStats,
}

/// Everything one shard recorded within one second of the calendar.
#[derive(Debug, Default)]
pub struct Delta {
    /// The shard that recorded it.
    pub shard: usize,
    /// The Unix second in which every request in here finished.
    pub unix_s: u64,
    /// Entries that exist since the previous delta, in order of their numbers.
    pub new_entries: Vec<(EntryId, EntryKey)>,
    /// Entries with activity.
    pub entries: Vec<EntryDelta>,
    /// Failures by entry and text.
    pub errors: Vec<ErrorDelta>,
    /// Requests that were begun but whose user was killed before they ended: not in `entries`.
    pub n_abandoned: u64,
    /// Which reset of the statistics this delta follows; older deltas are thrown away.
    pub epoch: u32,
}

impl Delta {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.new_entries.is_empty() && self.n_abandoned == 0
    }
}
