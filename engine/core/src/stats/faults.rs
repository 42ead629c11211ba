//! What went wrong, row by row: failed requests by entry and text, and tasks that failed
//! themselves.

use super::{
    delta::{EntryKey, ErrorDelta},
    failure::Failure,
};
use std::collections::{BTreeMap, HashMap};

/// One row of the error table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorStats {
    /// How often.
    pub n: u64,
    /// Unix time of the first and the last occurrence, in nanoseconds.
    pub first_unix_ns: u64,
    /// See `first_unix_ns`.
    pub last_unix_ns: u64,
}

/// One row of the exceptions table: errors and panics of tasks, which are not failed requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionStats {
    /// How often.
    pub n: u64,
    /// The user class in which it happened first.
    pub class: String,
    /// The error's own text.
    pub message: String,
    /// Causes, and the backtrace where there is one.
    pub trace: String,
}

/// Both tables.
#[derive(Debug, Default)]
pub(super) struct Faults {
    errors: HashMap<(EntryKey, Failure), ErrorStats>,
    /// By message and trace.
    exceptions: BTreeMap<String, ExceptionStats>,
}

impl Faults {
    /// Counts what a shard saw of one failure.
    pub(super) fn add_error(&mut self, key: &EntryKey, delta: ErrorDelta) {
        let ErrorDelta { failure, n, first_unix_ns, last_unix_ns, .. } = delta;
        let row = ErrorStats { n, first_unix_ns, last_unix_ns };
        self.merge_error((key.clone(), failure), &row);
    }

    fn merge_error(&mut self, key: (EntryKey, Failure), theirs: &ErrorStats) {
        let ours = self.errors.entry(key).or_insert(ErrorStats { n: 0, ..theirs.clone() });
        ours.n += theirs.n;
        ours.first_unix_ns = ours.first_unix_ns.min(theirs.first_unix_ns);
        ours.last_unix_ns = ours.last_unix_ns.max(theirs.last_unix_ns);
    }

    /// Counts an error or a panic of a task.
    pub(super) fn add_exception(&mut self, exception: ExceptionStats) {
        let key = format!("{}\n{}", exception.message, exception.trace);
        let n = exception.n;
        self.exceptions.entry(key).or_insert(ExceptionStats { n: 0, ..exception }).n += n;
    }

    /// Adds other shards' tables.
    pub(super) fn merge(&mut self, other: &Faults) {
        for (key, theirs) in &other.errors {
            self.merge_error(key.clone(), theirs);
        }
        other.exceptions.values().for_each(|theirs| self.add_exception(theirs.clone()));
    }

    /// The error table, sorted by (name, method, text).
    pub(super) fn errors(&self) -> Vec<(&EntryKey, &Failure, &ErrorStats)> {
        let mut rows: Vec<_> =
            self.errors.iter().map(|((key, failure), row)| (key, failure, row)).collect();
        rows.sort_by(|(a, x, _), (b, y, _)| {
            (&a.name, &a.method, x.as_str()).cmp(&(&b.name, &b.method, y.as_str()))
        });
        rows
    }

    /// The exceptions table.
    pub(super) fn exceptions(&self) -> impl Iterator<Item = &ExceptionStats> {
        self.exceptions.values()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::names::EntryId, *};

    #[test]
    fn a_failure_seen_on_two_shards_is_one_row_from_its_first_to_its_last_time() {
        let key = EntryKey { method: "GET".into(), name: "/".into() };
        let mut all = Faults::default();
        for (n, first_unix_ns, last_unix_ns) in [(2, 50, 90), (3, 10, 60)] {
            let mut shard = Faults::default();
            let failure = Failure::new("bad");
            let id = EntryId(0);
            shard.add_error(&key, ErrorDelta { id, failure, n, first_unix_ns, last_unix_ns });
            all.merge(&shard);
        }
        let expected = ErrorStats { n: 5, first_unix_ns: 10, last_unix_ns: 90 };
        assert_eq!(all.errors(), [(&key, &Failure::new("bad"), &expected)]);
    }
}
