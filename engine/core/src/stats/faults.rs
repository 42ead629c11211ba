//! What went wrong, row by row: failed requests by entry and text, and tasks that failed
//! themselves.

use super::{
    delta::{EntryKey, ErrorDelta},
    failure::Failure,
};
use std::collections::{BTreeMap, HashMap};

/// Rows of the error table. Texts that differ each time (an id, an address) would fill the memory
/// of a long run; those that come later are counted as [`OTHER_ERRORS`] of their entry.
const ERRORS_MAX: usize = 10_000;

/// The text that stands for the failures beyond a limit.
pub(super) const OTHER_ERRORS: &str = "(other errors: too many different texts)";

/// Rows of the exceptions table, of which each has a backtrace; as with the errors.
const EXCEPTIONS_MAX: usize = 1_000;

/// The text that stands for the exceptions beyond [`EXCEPTIONS_MAX`].
const OTHER_EXCEPTIONS: &str = "(other exceptions: too many different texts)";

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
        self.merge_error((key.clone(), delta.failure), &delta.stats);
    }

    fn merge_error(&mut self, mut key: (EntryKey, Failure), theirs: &ErrorStats) {
        if self.errors.len() >= ERRORS_MAX && !self.errors.contains_key(&key) {
            key.1 = Failure::new(OTHER_ERRORS);
        }
        let ours = self.errors.entry(key).or_insert(ErrorStats { n: 0, ..theirs.clone() });
        ours.n += theirs.n;
        ours.first_unix_ns = ours.first_unix_ns.min(theirs.first_unix_ns);
        ours.last_unix_ns = ours.last_unix_ns.max(theirs.last_unix_ns);
    }

    /// Counts an error or a panic of a task.
    pub(super) fn add_exception(&mut self, mut exception: ExceptionStats) {
        let mut key = format!("{}\n{}", exception.message, exception.trace);
        let n = exception.n;
        if self.exceptions.len() >= EXCEPTIONS_MAX && !self.exceptions.contains_key(&key) {
            (exception.message, exception.trace) = (OTHER_EXCEPTIONS.to_owned(), String::new());
            key = OTHER_EXCEPTIONS.to_owned();
        }
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
            let stats = ErrorStats { n, first_unix_ns, last_unix_ns };
            shard.add_error(&key, ErrorDelta { id, failure, stats });
            all.merge(&shard);
        }
        let expected = ErrorStats { n: 5, first_unix_ns: 10, last_unix_ns: 90 };
        assert_eq!(all.errors(), [(&key, &Failure::new("bad"), &expected)]);
    }

    #[test]
    fn endless_different_texts_do_not_fill_the_memory_and_are_all_counted() {
        let key = EntryKey { method: "GET".into(), name: "/".into() };
        let mut faults = Faults::default();
        let n_texts = ERRORS_MAX + 500;
        for i in (0..n_texts).chain(0..10) {
            let failure = Failure::new(format!("no item {i}"));
            let id = EntryId(0);
            let stats = ErrorStats { n: 1, first_unix_ns: 1, last_unix_ns: 2 };
            faults.add_error(&key, ErrorDelta { id, failure, stats });
            let (message, trace, class) = (format!("no {i}"), String::new(), String::new());
            faults.add_exception(ExceptionStats { n: 1, class, message, trace });
        }
        let errors = faults.errors();
        assert_eq!(errors.len(), ERRORS_MAX + 1);
        let n_of = |text: &str| errors.iter().find(|row| row.1.as_str() == text).map(|row| row.2.n);
        // Those that are known stay what they are.
        assert_eq!((n_of(OTHER_ERRORS), n_of("no item 3")), (Some(500), Some(2)));
        assert_eq!(faults.exceptions().count(), EXCEPTIONS_MAX + 1);
        let n_exceptions: u64 = faults.exceptions().map(|row| row.n).sum();
        assert_eq!(n_exceptions, n_texts as u64 + 10);
    }
}
