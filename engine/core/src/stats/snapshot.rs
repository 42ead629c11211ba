//! Merged statistics: what every table, file and page is made from.
//!
//! A snapshot takes deltas and other snapshots, in any order, and loses nothing: histograms keep
//! their full precision. Percentiles, rates and the audit are functions of it.

use super::{
    delta::{Delta, EntryKey, ErrorDelta},
    failure::Failure,
    interval::Interval,
    names::EntryId,
};
use crate::clock::NS_PER_S;
use std::collections::{BTreeMap, HashMap, VecDeque};

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
    /// Whether all three ways of counting agree.
    pub fn balances(&self) -> bool {
        self.n_requests == self.n_latencies && self.n_requests == self.n_statuses
    }
}

/// Merged statistics of any number of shards.
#[derive(Debug, Default)]
pub struct Snapshot {
    entries: HashMap<EntryKey, EntryStats>,
    errors: HashMap<(EntryKey, Failure), ErrorStats>,
    exceptions: BTreeMap<String, ExceptionStats>,
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
    pub fn absorb(&mut self, delta: &mut Delta) {
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
                let key = &names[entry.id.0 as usize];
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
                let key = name_of(names, error.id).clone();
                add_error(&mut self.errors, (key, error.failure.clone()), &error);
            }
        }
    }

    /// Adds another snapshot, of other shards.
    pub fn merge(&mut self, other: &Snapshot) {
        for (key, theirs) in &other.entries {
            self.entries.entry(key.clone()).or_default().merge(theirs);
        }
        for ((key, failure), theirs) in &other.errors {
            let ours = self
                .errors
                .entry((key.clone(), failure.clone()))
                .or_insert(ErrorStats { n: 0, ..theirs.clone() });
            ours.n += theirs.n;
            ours.first_unix_ns = ours.first_unix_ns.min(theirs.first_unix_ns);
            ours.last_unix_ns = ours.last_unix_ns.max(theirs.last_unix_ns);
        }
        for (key, theirs) in &other.exceptions {
            let row = self.exceptions.entry(key.clone());
            row.or_insert(ExceptionStats { n: 0, ..theirs.clone() }).n += theirs.n;
        }
        self.n_abandoned += other.n_abandoned;
        self.start_unix_ns = self.start_unix_ns.min(other.start_unix_ns);
    }

    /// Forgets how a shard numbered its entries. A shard that was started again numbers anew.
    pub fn forget_names(&mut self, shard: usize) {
        self.names.remove(&shard);
    }

    /// Counts an error or a panic of a task.
    pub fn add_exception(&mut self, exception: ExceptionStats) {
        let key = format!("{}\n{}", exception.message, exception.trace);
        let n = exception.n;
        self.exceptions.entry(key).or_insert(ExceptionStats { n: 0, ..exception }).n += n;
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
        let mut rows: Vec<_> =
            self.errors.iter().map(|((key, failure), row)| (key, failure, row)).collect();
        rows.sort_by(|(a, x, _), (b, y, _)| {
            (&a.name, &a.method, x.as_str()).cmp(&(&b.name, &b.method, y.as_str()))
        });
        rows
    }

    /// The exceptions table.
    pub fn exceptions(&self) -> impl Iterator<Item = &ExceptionStats> {
        self.exceptions.values()
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
        let mut audit = Audit::default();
        for entry in self.entries.values() {
            audit.n_requests += entry.total.n_requests;
            audit.n_latencies += entry.total.latency_us.len() + entry.total.n_untimed;
            audit.n_statuses += entry.total.statuses.iter().map(|&(_, n)| n).sum::<u64>();
        }
        audit
    }

    /// Seconds from the start to the last request: what Locust divides by for its total rates.
    pub fn duration_s(&self) -> f64 {
        let Some(last_unix_ns) = self.last_unix_ns() else { return 0.0 };
        last_unix_ns.saturating_sub(self.start_unix_ns) as f64 / NS_PER_S as f64
    }
}

impl EntryStats {
    fn merge_second(&mut self, unix_s: u64, interval: &Interval) {
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

fn name_of(names: &[EntryKey], id: EntryId) -> &EntryKey {
    &names[id.0 as usize]
}

fn add_error(
    errors: &mut HashMap<(EntryKey, Failure), ErrorStats>,
    key: (EntryKey, Failure),
    error: &ErrorDelta,
) {
    let row = errors.entry(key).or_insert(ErrorStats {
        n: 0,
        first_unix_ns: error.first_unix_ns,
        last_unix_ns: error.last_unix_ns,
    });
    row.n += error.n;
    row.first_unix_ns = row.first_unix_ns.min(error.first_unix_ns);
    row.last_unix_ns = row.last_unix_ns.max(error.last_unix_ns);
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
