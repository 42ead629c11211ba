//! Where response times go: the phases of requests, one histogram each.
//!
//! Only if a run asks for them. Each phase is there only for the requests that went through it to
//! its end: a kept connection has no DNS, connect or TLS, a refused one has nothing at all.

use super::histogram::{Histogram, new_histogram, record_us};
use crate::clock::duration_ns;
use std::time::Duration;

/// A part of a response time. Phases do not overlap, and follow each other in this order; what
/// they leave of the response time is the generator's own work, or a connection that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Asking the system's resolver for a name; a name that the core knows already has none.
    Dns,
    /// Until the connection is there: TCP, and a proxy's consent where there is one.
    Connect,
    /// The TLS handshake.
    Tls,
    /// From handing over the request to the response's first byte.
    FirstByte,
    /// From the first byte to the last. A streamed response has none: it is recorded before.
    LastByte,
}

impl Phase {
    /// All of them, in their order.
    pub const ALL: [Phase; 5] =
        [Phase::Dns, Phase::Connect, Phase::Tls, Phase::FirstByte, Phase::LastByte];

    /// What it is called in reports.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Dns => "dns",
            Phase::Connect => "connect",
            Phase::Tls => "tls",
            Phase::FirstByte => "first byte",
            Phase::LastByte => "last byte",
        }
    }
}

/// How long the phases of one request took, all its redirects together. `None` stands for a phase
/// that it did not have, or did not get through, and for all of them where phases are not measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    times: [Option<Duration>; Phase::ALL.len()],
    n_connections: u32,
}

impl Phases {
    /// How long a phase took.
    pub fn get(&self, phase: Phase) -> Option<Duration> {
        self.times[phase as usize]
    }

    /// See [`Phase::Dns`].
    pub fn dns(&self) -> Option<Duration> {
        self.get(Phase::Dns)
    }

    /// See [`Phase::Connect`].
    pub fn connect(&self) -> Option<Duration> {
        self.get(Phase::Connect)
    }

    /// See [`Phase::Tls`].
    pub fn tls(&self) -> Option<Duration> {
        self.get(Phase::Tls)
    }

    /// See [`Phase::FirstByte`].
    pub fn first_byte(&self) -> Option<Duration> {
        self.get(Phase::FirstByte)
    }

    /// See [`Phase::LastByte`].
    pub fn last_byte(&self) -> Option<Duration> {
        self.get(Phase::LastByte)
    }

    /// Connections opened for the request: 0 if it used one that was there.
    pub fn n_connections(&self) -> u32 {
        self.n_connections
    }

    /// All phases together.
    pub fn sum(&self) -> Duration {
        self.times.iter().flatten().sum()
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        *self == Phases::default()
    }

    /// Adds time to a phase.
    pub fn add(&mut self, phase: Phase, time: Duration) {
        *self.times[phase as usize].get_or_insert_default() += time;
    }

    /// Takes a phase back: how long it had taken.
    pub(crate) fn take(&mut self, phase: Phase) -> Option<Duration> {
        self.times[phase as usize].take()
    }

    /// Counts a connection.
    pub fn count_connection(&mut self) {
        self.n_connections += 1;
    }
}

/// The phases of many requests.
#[derive(Clone, Debug, Default)]
pub struct PhaseStats {
    /// `None` before a phase's first sample: most entries only have the last two.
    histograms_us: [Option<Histogram>; Phase::ALL.len()],
    n_connections: u64,
}

impl PhaseStats {
    /// Times of a phase in microseconds; `None` if no request had it.
    pub fn histogram_us(&self, phase: Phase) -> Option<&Histogram> {
        self.histograms_us[phase as usize].as_ref().filter(|histogram| !histogram.is_empty())
    }

    /// Requests that had a phase.
    pub fn n(&self, phase: Phase) -> u64 {
        self.histogram_us(phase).map_or(0, Histogram::len)
    }

    /// Connections opened.
    pub fn n_connections(&self) -> u64 {
        self.n_connections
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.n_connections == 0 && Phase::ALL.iter().all(|&phase| self.n(phase) == 0)
    }

    /// Adds one request.
    pub(super) fn add(&mut self, phases: &Phases) {
        self.n_connections += u64::from(phases.n_connections);
        for (histogram, time) in self.histograms_us.iter_mut().zip(phases.times) {
            if let Some(time) = time {
                let histogram = histogram.get_or_insert_with(new_histogram);
                record_us(histogram, (duration_ns(time) + 500) / 1000);
            }
        }
    }

    /// Adds other requests.
    pub(super) fn merge(&mut self, other: &PhaseStats) {
        self.n_connections += other.n_connections;
        for (ours, theirs) in self.histograms_us.iter_mut().zip(&other.histograms_us) {
            if let Some(theirs) = theirs.as_ref().filter(|theirs| !theirs.is_empty()) {
                let ours = ours.get_or_insert_with(new_histogram);
                ours.add(theirs).expect("a growing histogram takes any other");
            }
        }
    }

    /// Empties it and keeps its memory.
    pub(super) fn clear(&mut self) {
        self.n_connections = 0;
        for histogram in self.histograms_us.iter_mut().flatten() {
            if !histogram.is_empty() {
                histogram.reset();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn phases(times_us: [Option<u64>; 5]) -> Phases {
        let times = times_us.map(|time_us| time_us.map(Duration::from_micros));
        Phases { times, n_connections: u32::from(times_us[1].is_some()) }
    }

    #[test]
    fn what_was_emptied_says_nothing_and_takes_samples_again() {
        let mut stats = PhaseStats::default();
        stats.add(&phases([None, Some(3), None, Some(5), Some(0)]));
        stats.clear();
        assert!(stats.is_empty() && stats.histogram_us(Phase::Connect).is_none());
        stats.add(&phases([None, None, None, Some(7), Some(0)]));
        assert_eq!((stats.n_connections(), stats.n(Phase::Connect)), (0, 0));
        assert_eq!(stats.histogram_us(Phase::FirstByte).map(Histogram::max), Some(7));
    }

    proptest! {
        // Each case has some twenty histograms.
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn merged_phases_are_those_of_all_requests(
            requests in prop::collection::vec(
                (any::<bool>(), prop::array::uniform5(prop::option::of(0u64..1_000_000))), 0..50)
        ) {
            let mut all = PhaseStats::default();
            let mut shards = [PhaseStats::default(), PhaseStats::default()];
            for (shard, times_us) in &requests {
                all.add(&phases(*times_us));
                shards[usize::from(*shard)].add(&phases(*times_us));
            }
            let mut merged = PhaseStats::default();
            shards.iter().for_each(|shard| merged.merge(shard));
            prop_assert_eq!(merged.n_connections(), all.n_connections());
            for phase in Phase::ALL {
                prop_assert_eq!(merged.histogram_us(phase), all.histogram_us(phase));
                let n = requests.iter().filter(|(_, times)| times[phase as usize].is_some());
                prop_assert_eq!(merged.n(phase), n.count() as u64);
            }
        }
    }
}
