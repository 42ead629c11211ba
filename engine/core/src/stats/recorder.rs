//! The shard's book-keeper: every finished request passes through [`Recorder::record`], once.
//!
//! No locks, no atomics, no allocation once each entry has been seen: the interval that is full is
//! swapped for an empty one that the control plane gave back.

use super::{
    delta::{Delta, EntryDelta, EntryKey, ErrorDelta},
    failure::Failure,
    faults::{ErrorStats, OTHER_ERRORS},
    histogram::{Histogram, new_histogram},
    interval::Interval,
    latencies::Latencies,
    names::{EntryId, Names},
    phases::Phases,
};
use crate::clock::NS_PER_S;
use rustc_hash::FxHashMap;

/// One finished request.
#[derive(Debug)]
pub struct Sample<'a> {
    /// Response time in nanoseconds; `None` counts the request without timing it.
    pub latency_ns: Option<u64>,
    /// Length of the response's body in bytes.
    pub bytes: u64,
    /// The status code, or 0 where there is none.
    pub status: u16,
    /// Why it failed; `None` if it did not.
    pub failure: Option<&'a Failure>,
    /// When it ended, Unix time in nanoseconds.
    pub end_unix_ns: u64,
}

/// Different failures kept per interval; texts that differ each time (an id, an address) would
/// fill the memory otherwise. What comes later is counted as [`OTHER_ERRORS`].
const ERRORS_MAX: usize = 1_000;

/// Records samples and cuts them into deltas of one calendar second.
pub struct Recorder {
    shard: usize,
    names: Names,
    /// By entry number; `None` until the entry's first sample of this second.
    open: Vec<Option<Interval<Latencies>>>,
    /// The entries that are open, in order of their first sample.
    active: Vec<EntryId>,
    errors: FxHashMap<(EntryId, Failure), ErrorStats>,
    n_abandoned: u64,
    epoch: u32,
    /// The end of the second being recorded, in Unix nanoseconds.
    second_end_unix_ns: u64,
    /// Deltas that are complete and not yet collected.
    done: Vec<Delta>,
    /// Emptied deltas and intervals to use again.
    spare_deltas: Vec<Delta>,
    spare_intervals: Vec<Interval<Latencies>>,
    /// Boxed as they are used.
    #[expect(clippy::vec_box)]
    spare_histograms: Vec<Box<Histogram>>,
}

impl Recorder {
    /// A recorder for one shard.
    pub fn new(shard: usize) -> Recorder {
        Recorder {
            shard,
            names: Names::new(),
            open: vec![],
            active: vec![],
            errors: FxHashMap::default(),
            n_abandoned: 0,
            epoch: 0,
            second_end_unix_ns: 0,
            done: vec![],
            spare_deltas: vec![],
            spare_intervals: vec![],
            spare_histograms: vec![],
        }
    }

    /// The number of an entry whose strings are part of the program.
    #[inline]
    pub fn entry_static(&mut self, method: &'static str, name: &'static str) -> EntryId {
        self.names.id_static(method, name)
    }

    /// The number of an entry.
    pub fn entry(&mut self, method: &str, name: &str) -> EntryId {
        self.names.id(method, name)
    }

    /// Records a finished request.
    #[inline]
    pub fn record(&mut self, id: EntryId, sample: &Sample<'_>) {
        if sample.end_unix_ns >= self.second_end_unix_ns {
            self.cut();
            self.second_end_unix_ns = (sample.end_unix_ns / NS_PER_S + 1) * NS_PER_S;
        }
        let interval = self.interval(id);
        let failed = sample.failure.is_some();
        interval.first_unix_ns = interval.first_unix_ns.min(sample.end_unix_ns);
        interval.last_unix_ns = interval.last_unix_ns.max(sample.end_unix_ns);
        let are_many = match sample.latency_ns {
            Some(latency_ns) => interval.add(latency_ns, sample.bytes, sample.status, failed),
            None => {
                interval.add_untimed(sample.bytes, sample.status, failed);
                false
            }
        };
        if are_many {
            self.widen(id);
        }
        if let Some(failure) = sample.failure {
            self.count_error(id, failure, sample.end_unix_ns);
        }
    }

    /// Records the phases of the request that was recorded last.
    pub fn record_phases(&mut self, id: EntryId, phases: &Phases) {
        self.interval(id).add_phases(phases);
    }

    /// Counts a request whose user was killed before it ended.
    pub fn abandon(&mut self) {
        self.n_abandoned += 1;
    }

    #[inline]
    fn interval(&mut self, id: EntryId) -> &mut Interval<Latencies> {
        let index = id.0 as usize;
        if index >= self.open.len() {
            self.open.resize_with(index + 1, || None);
        }
        let slot = &mut self.open[index];
        if slot.is_none() {
            self.active.push(id);
        }
        slot.get_or_insert_with(|| self.spare_intervals.pop().unwrap_or_default())
    }

    /// Has an entry's latencies go into a histogram for the rest of the second.
    #[cold]
    fn widen(&mut self, id: EntryId) {
        let spare = self.spare_histograms.pop().unwrap_or_else(|| new_histogram().into());
        self.interval(id).latency_us.widen(spare);
    }

    fn count_error(&mut self, id: EntryId, failure: &Failure, unix_ns: u64) {
        let mut key = (id, failure.clone());
        if self.errors.len() >= ERRORS_MAX && !self.errors.contains_key(&key) {
            key.1 = Failure::new(OTHER_ERRORS);
        }
        let new = ErrorStats { n: 0, first_unix_ns: unix_ns, last_unix_ns: unix_ns };
        let error = self.errors.entry(key).or_insert(new);
        error.n += 1;
        error.last_unix_ns = unix_ns;
    }

    /// Closes the second being recorded, if anything was recorded in it.
    fn cut(&mut self) {
        let new_entries = self.names.take_new();
        if self.active.is_empty() && new_entries.is_empty() && self.n_abandoned == 0 {
            return;
        }
        let mut delta = self.spare_deltas.pop().unwrap_or_default();
        delta.shard = self.shard;
        delta.epoch = self.epoch;
        delta.unix_s = (self.second_end_unix_ns / NS_PER_S).saturating_sub(1);
        delta.new_entries = new_entries;
        delta.n_abandoned = std::mem::take(&mut self.n_abandoned);
        for id in self.active.drain(..) {
            let interval = self.open[id.0 as usize].take().expect("active entries are open");
            delta.entries.push(EntryDelta { id, interval });
        }
        let errors = self.errors.drain();
        delta.errors.extend(errors.map(|((id, failure), stats)| ErrorDelta { id, failure, stats }));
        self.done.push(delta);
    }

    /// Everything recorded so far. Called once a second by the shard, and at the end.
    pub fn collect(&mut self) -> Vec<Delta> {
        self.cut();
        std::mem::take(&mut self.done)
    }

    /// Takes back a delta that the control plane has merged and emptied.
    pub fn recycle(&mut self, mut delta: Delta) {
        for mut entry in delta.entries.drain(..) {
            // The next entry that has this interval may need no histogram.
            self.spare_histograms.extend(entry.interval.latency_us.take_many());
            self.spare_intervals.push(entry.interval);
        }
        delta.errors.clear();
        self.spare_deltas.push(delta);
    }

    /// Forgets what was recorded so far, and marks what follows with `epoch`.
    pub fn reset(&mut self, epoch: u32) {
        self.cut();
        self.epoch = epoch;
        // The names stay known, so those that were announced in a dropped delta are said again.
        let announced: Vec<(EntryId, EntryKey)> =
            self.done.iter_mut().flat_map(|delta| delta.new_entries.drain(..)).collect();
        self.done.clear();
        if !announced.is_empty() {
            let shard = self.shard;
            self.done.push(Delta { shard, epoch, new_entries: announced, ..Delta::default() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(end_unix_ns: u64) -> Sample<'static> {
        Sample { latency_ns: Some(1_500), bytes: 10, status: 200, failure: None, end_unix_ns }
    }

    #[test]
    fn each_delta_holds_one_second_of_the_calendar() {
        let mut recorder = Recorder::new(3);
        let id = recorder.entry_static("GET", "/");
        for end_unix_ns in [5 * NS_PER_S, 6 * NS_PER_S - 1, 6 * NS_PER_S, 9 * NS_PER_S] {
            recorder.record(id, &sample(end_unix_ns));
        }
        let deltas = recorder.collect();
        let seconds: Vec<_> = deltas
            .iter()
            .map(|d| (d.unix_s, d.entries.iter().map(|e| e.interval.n_requests).sum()))
            .collect();
        assert_eq!(seconds[seconds.len() - 3..], [(5, 2u64), (6, 1), (9, 1)]);
        assert!(deltas.iter().all(|delta| delta.shard == 3));
    }

    #[test]
    fn an_emptied_delta_is_used_again_without_growing_a_histogram() {
        let mut recorder = Recorder::new(0);
        let id = recorder.entry_static("GET", "/");
        recorder.record(id, &sample(0));
        for mut delta in recorder.collect() {
            delta.entries.iter_mut().for_each(|entry| entry.interval.clear());
            recorder.recycle(delta);
        }
        assert_eq!(recorder.spare_intervals.len(), 1);
        recorder.record(id, &sample(0));
        assert!(recorder.spare_intervals.is_empty());
    }

    #[test]
    fn failures_are_grouped_by_entry_and_text() {
        let mut recorder = Recorder::new(0);
        let id = recorder.entry_static("GET", "/");
        for text in ["a", "b", "a"] {
            let failure = Failure::new(text);
            recorder.record(id, &Sample { failure: Some(&failure), ..sample(1) });
        }
        let errors: Vec<_> =
            recorder.collect().into_iter().flat_map(|delta| delta.errors).collect();
        let mut counts: Vec<_> = errors.iter().map(|e| (e.failure.as_str(), e.stats.n)).collect();
        counts.sort_unstable();
        assert_eq!(counts, [("a", 2), ("b", 1)]);
    }

    #[test]
    fn failures_with_endless_texts_do_not_fill_the_memory() {
        let mut recorder = Recorder::new(0);
        let id = recorder.entry_static("GET", "/");
        for i in 0..3 * ERRORS_MAX {
            let failure = Failure::new(i.to_string());
            recorder.record(id, &Sample { failure: Some(&failure), ..sample(1) });
        }
        let errors: Vec<_> =
            recorder.collect().into_iter().flat_map(|delta| delta.errors).collect();
        assert_eq!(errors.len(), ERRORS_MAX + 1);
        assert_eq!(errors.iter().map(|error| error.stats.n).sum::<u64>(), 3 * ERRORS_MAX as u64);
    }

    #[test]
    fn a_reset_forgets_counts_and_keeps_names() {
        let mut recorder = Recorder::new(0);
        let id = recorder.entry_static("GET", "/");
        recorder.record(id, &sample(1));
        recorder.reset(7);
        let deltas = recorder.collect();
        assert_eq!(deltas.len(), 1);
        assert_eq!(
            (deltas[0].epoch, deltas[0].entries.len(), deltas[0].new_entries.len()),
            (7, 0, 1)
        );
    }
}
