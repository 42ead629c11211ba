//! Merged statistics: what every table, file and page is made from.
//!
//! A snapshot takes deltas and other snapshots, in any order, and loses nothing: histograms keep
//! their full precision. Percentiles, rates and the audit are functions of it.

use super::{
    audit::Audit,
    delta::{Delta, EntryKey},
    entry::EntryStats,
    failure::Failure,
    faults::{ErrorStats, ExceptionStats, Faults},
    names::{ENTRIES_MAX, OVERFLOW_NAME},
};
use crate::clock::NS_PER_S;
use std::collections::HashMap;

/// Merged statistics of any number of shards.
#[derive(Debug, Default)]
pub struct Snapshot {
    entries: HashMap<EntryKey, EntryStats>,
    faults: Faults,
    /// Names by shard and number.
    names: HashMap<usize, Vec<EntryKey>>,
    /// Requests begun and not ended when their user was killed.
    pub n_abandoned: u64,
    /// When the statistics begin, Unix time in nanoseconds.
    pub start_unix_ns: u64,
    epoch: u32,
}

impl Snapshot {
    /// Empty statistics that begin now.
    pub fn new(start_unix_ns: u64) -> Snapshot {
        Snapshot { start_unix_ns, ..Snapshot::default() }
    }

    /// Merges what a shard handed over and empties it for the shard to use again.
    ///
    /// All shards together may have as many names as one of them, 20,000; what comes later is
    /// counted under `(other names)` here too. A hundred shards that name entries by what they
    /// draw would have a hundred times as many otherwise.
    pub fn absorb(&mut self, delta: &mut Delta) {
        self.absorb_up_to(delta, ENTRIES_MAX);
    }

    fn absorb_up_to(&mut self, delta: &mut Delta, entries_max: usize) {
        let names = self.names.entry(delta.shard).or_default();
        for (id, key) in delta.new_entries.drain(..) {
            debug_assert_eq!(id.0 as usize, names.len(), "numbers are announced in order");
            names.push(key);
        }
        let current = delta.epoch == self.epoch;
        if current {
            self.n_abandoned += delta.n_abandoned;
        }
        for entry in &mut delta.entries {
            if current {
                let key = &mut names[entry.id.0 as usize];
                if self.entries.len() >= entries_max && !self.entries.contains_key(key) {
                    // Its errors follow it.
                    key.name = OVERFLOW_NAME.into();
                }
                if !self.entries.contains_key(key) {
                    self.entries.insert(key.clone(), EntryStats::default());
                }
                let stats = self.entries.get_mut(key).expect("just inserted");
                stats.merge_second(delta.unix_s, &entry.interval);
            }
            entry.interval.clear();
        }
        for error in delta.errors.drain(..) {
            if current {
                let key = &names[error.id.0 as usize];
                self.faults.add_error(key, error);
            }
        }
    }

    /// Adds another snapshot, of other shards.
    pub fn merge(&mut self, other: &Snapshot) {
        for (key, theirs) in &other.entries {
            self.entries.entry(key.clone()).or_default().merge(theirs);
        }
        self.faults.merge(&other.faults);
        self.n_abandoned += other.n_abandoned;
        self.start_unix_ns = self.start_unix_ns.min(other.start_unix_ns);
    }

    /// Forgets how a shard numbered its entries. A shard that was started again numbers anew.
    pub fn forget_names(&mut self, shard: usize) {
        self.names.remove(&shard);
    }

    /// Counts an error or a panic of a task.
    pub fn add_exception(&mut self, exception: ExceptionStats) {
        self.faults.add_exception(exception);
    }

    /// Forgets everything but the names; deltas of an older epoch are thrown away from now on.
    pub fn reset(&mut self, epoch: u32, start_unix_ns: u64) {
        let names = std::mem::take(&mut self.names);
        *self = Snapshot { names, epoch, start_unix_ns, ..Snapshot::default() };
    }

    /// The entries, sorted by (name, method).
    pub fn entries(&self) -> Vec<(&EntryKey, &EntryStats)> {
        let mut rows: Vec<_> = self.entries.iter().collect();
        rows.sort_by(|(a, _), (b, _)| (&a.name, &a.method).cmp(&(&b.name, &b.method)));
        rows
    }

    /// One entry.
    pub fn entry(&self, method: &str, name: &str) -> Option<&EntryStats> {
        self.entries.get(&EntryKey { method: method.into(), name: name.into() })
    }

    /// The row that Locust calls "Aggregated": all entries together.
    pub fn aggregated(&self) -> EntryStats {
        let mut all = EntryStats::default();
        for entry in self.entries.values() {
            all.merge(entry);
        }
        all
    }

    /// The error table, sorted by (name, method, text).
    pub fn errors(&self) -> Vec<(&EntryKey, &Failure, &ErrorStats)> {
        self.faults.errors()
    }

    /// The exceptions table.
    pub fn exceptions(&self) -> impl Iterator<Item = &ExceptionStats> {
        self.faults.exceptions()
    }

    /// Requests counted.
    pub fn n_requests(&self) -> u64 {
        self.entries.values().map(|entry| entry.total.n_requests).sum()
    }

    /// Requests that failed.
    pub fn n_failures(&self) -> u64 {
        self.entries.values().map(|entry| entry.total.n_failures).sum()
    }

    /// When the last request ended, Unix time in nanoseconds; `None` before the first.
    pub fn last_unix_ns(&self) -> Option<u64> {
        self.entries.values().map(|entry| entry.total.last_unix_ns).max()
    }

    /// Counts the books three ways.
    pub fn audit(&self) -> Audit {
        Audit::of(self.entries.values())
    }

    /// Seconds from the start to the last request: what Locust divides by for its total rates.
    pub fn duration_s(&self) -> f64 {
        let Some(last_unix_ns) = self.last_unix_ns() else { return 0.0 };
        last_unix_ns.saturating_sub(self.start_unix_ns) as f64 / NS_PER_S as f64
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::recorder::{Recorder, Sample},
        *,
    };
    use proptest::prelude::*;

    fn record(
        recorder: &mut Recorder,
        name: &str,
        latency_ns: u64,
        end_unix_ns: u64,
        failed: bool,
    ) {
        let failure = failed.then(|| Failure::new("bad"));
        let id = recorder.entry("GET", name);
        recorder.record(
            id,
            &Sample {
                latency_ns: Some(latency_ns),
                bytes: 1,
                status: if failed { 500 } else { 200 },
                failure: failure.as_ref(),
                end_unix_ns,
            },
        );
    }

    #[test]
    fn deltas_of_two_shards_make_one_row() {
        let mut snapshot = Snapshot::new(0);
        for shard in 0..2 {
            let mut recorder = Recorder::new(shard);
            // The shards number their entries differently.
            record(&mut recorder, if shard == 0 { "/a" } else { "/b" }, 1_000_000, 1, false);
            record(&mut recorder, "/a", 2_000_000, 2, true);
            recorder.collect().iter_mut().for_each(|delta| snapshot.absorb(delta));
        }
        let rows: Vec<_> = snapshot
            .entries()
            .iter()
            .map(|(key, row)| (&*key.name, row.total.n_requests))
            .collect();
        assert_eq!(
            rows.iter().map(|(name, n)| (*name, *n)).collect::<Vec<_>>(),
            [("/a", 3), ("/b", 1)]
        );
        assert_eq!(snapshot.errors()[0].2.n, 2);
        assert!(snapshot.audit().balances());
    }

    #[test]
    fn a_delta_from_before_the_reset_is_thrown_away_but_its_names_are_kept() {
        let mut snapshot = Snapshot::new(0);
        let mut recorder = Recorder::new(0);
        record(&mut recorder, "/a", 1, 1, false);
        let mut old = recorder.collect();
        snapshot.reset(1, 0);
        recorder.reset(1);
        old.iter_mut().for_each(|delta| snapshot.absorb(delta));
        assert_eq!(snapshot.n_requests(), 0);
        record(&mut recorder, "/a", 1, 1, false);
        recorder.collect().iter_mut().for_each(|delta| snapshot.absorb(delta));
        assert_eq!(snapshot.n_requests(), 1);
    }

    #[test]
    fn a_shard_that_was_started_again_numbers_its_entries_anew() {
        let mut snapshot = Snapshot::new(0);
        for name in ["/a", "/b"] {
            let mut recorder = Recorder::new(0);
            record(&mut recorder, name, 1, 1, false);
            recorder.collect().iter_mut().for_each(|delta| snapshot.absorb(delta));
            snapshot.forget_names(0);
        }
        for name in ["/a", "/b"] {
            assert_eq!(snapshot.entry("GET", name).map(|entry| entry.total.n_requests), Some(1));
        }
    }

    #[test]
    fn names_beyond_the_limit_of_all_shards_share_one_entry_and_their_errors_its_name() {
        let mut snapshot = Snapshot::new(0);
        let mut recorders = [Recorder::new(0), Recorder::new(1)];
        for _ in 0..2 {
            for (shard, recorder) in recorders.iter_mut().enumerate() {
                for i in 0..3 {
                    record(recorder, &format!("/{shard}/{i}"), 1_000, 1, shard == 1);
                }
                for mut delta in recorder.collect() {
                    snapshot.absorb_up_to(&mut delta, 4);
                }
            }
        }
        let rows = snapshot.entries();
        let rows: Vec<_> =
            rows.iter().map(|(key, row)| (&*key.name, row.total.n_requests)).collect();
        assert_eq!(rows, [(OVERFLOW_NAME, 4), ("/0/0", 2), ("/0/1", 2), ("/0/2", 2), ("/1/0", 2)]);
        let errors = snapshot.errors();
        let errors: Vec<_> = errors.iter().map(|(key, _, error)| (&*key.name, error.n)).collect();
        assert_eq!(errors, [(OVERFLOW_NAME, 4), ("/1/0", 2)]);
        assert!(snapshot.audit().balances());
    }

    proptest! {
        #[test]
        fn merging_is_the_same_in_any_order_and_grouping(
            samples in prop::collection::vec((0usize..3, 0usize..4, 1_000u64..10_000_000_000, 0u64..5, any::<bool>()), 1..200)
        ) {
            let mut recorders: Vec<_> = (0..3).map(Recorder::new).collect();
            let mut sorted = samples.clone();
            sorted.sort_by_key(|sample| sample.3);
            for &(shard, name, latency_ns, second, failed) in &sorted {
                record(&mut recorders[shard], ["/a", "/b", "/c", "/d"][name], latency_ns, second * NS_PER_S, failed);
            }
            let mut one = Snapshot::new(0);
            let mut other = Snapshot::new(0);
            let mut forward = Snapshot::new(0);
            for mut recorder in recorders {
                let (mut part, mut part_too) = (Snapshot::new(0), Snapshot::new(0));
                for mut delta in recorder.collect() {
                    part.absorb(&mut delta);
                }
                part_too.merge(&part);
                one.merge(&part);
                let mut swapped = Snapshot::new(0);
                swapped.merge(&part_too);
                swapped.merge(&other);
                other = swapped;
                forward.merge(&part);
            }
            let rows = |snapshot: &Snapshot| snapshot.entries().iter().map(|(key, row)| {
                (key.name.clone(), row.total.n_requests, row.total.n_failures, row.percentile_ns(0.9), row.seconds.clone())
            }).collect::<Vec<_>>();
            prop_assert_eq!(rows(&one), rows(&other));
            prop_assert_eq!(one.n_requests(), samples.len() as u64);
            prop_assert!(one.audit().balances());
            prop_assert_eq!(one.aggregated().total.n_requests, samples.len() as u64);
        }
    }
}
