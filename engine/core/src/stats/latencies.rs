//! Latencies of one entry within one second, on their way into a histogram.
//!
//! Most entries of a shard see some hundred requests in a second. As a histogram these take 16 KiB
//! and more, and each request touches another part of it: with five hundred entries no cache holds
//! them. So the first are kept as they come, in a list that is short and written from one end to the
//! other; an entry that sees more has a histogram for the rest of the second.

use super::histogram::{Histogram, new_histogram, record_us};

/// Latencies that are kept as they come.
pub(super) const FEW_MAX: usize = 512;

/// What an [`Interval`](super::Interval) keeps its latencies in.
pub trait Keeper {
    /// One without latencies.
    fn empty() -> Self;

    /// Adds what is kept to a histogram.
    fn add_to(&self, histogram: &mut Histogram);

    /// Empties it and keeps its memory.
    fn clear(&mut self);
}

impl Keeper for Histogram {
    fn empty() -> Histogram {
        new_histogram()
    }

    fn add_to(&self, histogram: &mut Histogram) {
        histogram.add(self).expect("a growing histogram takes any other");
    }

    fn clear(&mut self) {
        if !self.is_empty() {
            self.reset();
        }
    }
}

/// Latencies in microseconds, as they came or as a histogram.
#[derive(Debug)]
pub struct Latencies {
    few: Vec<u32>,
    /// Set when they are not few. Boxed, so that what each request touches lies close together.
    many: Option<Box<Histogram>>,
}

impl Latencies {
    /// Records one; true if the next ones had better go into a histogram.
    #[inline]
    pub(super) fn record(&mut self, latency_us: u64) -> bool {
        if let Some(many) = &mut self.many {
            record_us(many, latency_us);
            return false;
        }
        let Ok(short_us) = u32::try_from(latency_us) else {
            self.record_long(latency_us);
            return false;
        };
        self.few.push(short_us);
        self.few.len() >= FEW_MAX
    }

    /// More than an hour.
    #[cold]
    fn record_long(&mut self, latency_us: u64) {
        let mut many = Box::new(new_histogram());
        record_us(&mut many, latency_us);
        self.widen(many);
    }

    /// Has a histogram take what is there and what comes.
    pub(super) fn widen(&mut self, mut many: Box<Histogram>) {
        self.few.drain(..).for_each(|latency_us| record_us(&mut many, latency_us.into()));
        self.many = Some(many);
    }

    /// Its histogram, for another one to use.
    pub(super) fn take_many(&mut self) -> Option<Box<Histogram>> {
        self.many.take()
    }
}

impl Keeper for Latencies {
    fn empty() -> Latencies {
        Latencies { few: Vec::with_capacity(FEW_MAX), many: None }
    }

    fn add_to(&self, histogram: &mut Histogram) {
        self.few.iter().for_each(|&latency_us| record_us(histogram, latency_us.into()));
        if let Some(many) = &self.many {
            many.add_to(histogram);
        }
    }

    fn clear(&mut self) {
        self.few.clear();
        if let Some(many) = &mut self.many {
            Keeper::clear(&mut **many);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a recorder does with them.
    fn recorded(latencies_us: &[u64]) -> Latencies {
        let mut latencies = Latencies::empty();
        for &latency_us in latencies_us {
            if latencies.record(latency_us) {
                latencies.widen(new_histogram().into());
            }
        }
        latencies
    }

    proptest! {
        #[test]
        fn few_or_many_they_are_those_of_a_histogram(
            latencies_us in prop::collection::vec(prop_oneof![0..5_000u64, 0..100_000_000_000u64], 0..FEW_MAX + 50),
            more_us in prop::collection::vec(0..1_000u64, 0..FEW_MAX + 50),
        ) {
            for latencies_us in [&latencies_us, &more_us] {
                let mut expected = new_histogram();
                latencies_us.iter().for_each(|&latency_us| record_us(&mut expected, latency_us));
                let mut latencies = recorded(latencies_us);
                let mut histogram = new_histogram();
                latencies.add_to(&mut histogram);
                prop_assert_eq!(&histogram, &expected);
                latencies.clear();
                let mut histogram = new_histogram();
                latencies.add_to(&mut histogram);
                prop_assert!(histogram.is_empty());
            }
        }
    }

    #[test]
    fn a_list_is_never_longer_than_its_memory() {
        let mut latencies = recorded(&[7; FEW_MAX - 1]);
        assert!(latencies.many.is_none());
        assert!(latencies.record(7));
        latencies.widen(new_histogram().into());
        assert!(!latencies.record(7));
        assert_eq!((latencies.few.len(), latencies.few.capacity()), (0, FEW_MAX));
        assert_eq!(latencies.take_many().expect("they are many").len(), FEW_MAX as u64 + 1);
    }
}
