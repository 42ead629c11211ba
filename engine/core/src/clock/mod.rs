//! The shard's clock: nanoseconds since the shard started, real or virtual.
//!
//! Everything on a shard that asks for the time asks here, so that a test can put a virtual clock
//! underneath: it stands still while anything runs and jumps to the next timer when nothing does.

mod counter;

use counter::Counter;
use rustix::time::{ClockId, clock_gettime};
use std::{
    cell::Cell,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Nanoseconds in a second.
pub const NS_PER_S: u64 = 1_000_000_000;

/// Nanoseconds since a shard's start, with its place on the calendar.
#[derive(Debug)]
pub struct Clock {
    counter: Counter,
    /// The machine's monotonic clock at the start. Plain nanoseconds: an `Instant` costs more to
    /// subtract than to read, and this is read for every request.
    start_ns: u64,
    /// Unix time at `start`, so that calendar time is an addition and never runs backwards.
    start_unix_ns: u64,
    /// Set when the time is virtual; the reading in nanoseconds.
    virtual_ns: Option<Cell<u64>>,
}

impl Clock {
    /// A clock that follows the machine's monotonic clock.
    pub fn real() -> Clock {
        let counter = Counter::new();
        let start_ns = counter.now_ns();
        Clock { counter, start_ns, start_unix_ns: unix_now_ns(), virtual_ns: None }
    }

    /// A clock that moves only by [`Clock::jump_to`].
    pub fn paused() -> Clock {
        Clock { virtual_ns: Some(Cell::new(0)), ..Clock::real() }
    }

    /// Nanoseconds since the start.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        match &self.virtual_ns {
            None => self.counter.now_ns() - self.start_ns,
            Some(now_ns) => now_ns.get(),
        }
    }

    /// The Unix time, in nanoseconds, at a reading of this clock.
    #[inline]
    pub fn unix_ns(&self, now_ns: u64) -> u64 {
        self.start_unix_ns + now_ns
    }

    /// The reading at which the second after the one of `now_ns` begins on the calendar.
    pub fn next_second_ns(&self, now_ns: u64) -> u64 {
        let unix_ns = self.unix_ns(now_ns);
        now_ns + (NS_PER_S - unix_ns % NS_PER_S)
    }

    /// Whether the time is virtual.
    pub fn is_paused(&self) -> bool {
        self.virtual_ns.is_some()
    }

    /// Moves a paused clock forward; a real clock, and a move backwards, are left alone.
    pub fn jump_to(&self, to_ns: u64) {
        if let Some(now_ns) = &self.virtual_ns {
            now_ns.set(now_ns.get().max(to_ns));
        }
    }
}

/// A reading of the machine's monotonic clock.
#[inline]
fn monotonic_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * NS_PER_S + time.tv_nsec as u64
}

/// A duration in whole nanoseconds; centuries saturate.
pub fn duration_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds since the Unix epoch, by the system's clock.
pub fn unix_now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, duration_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_clock_moves_only_when_told_and_only_forward() {
        let clock = Clock::paused();
        assert_eq!(clock.now_ns(), 0);
        clock.jump_to(5);
        clock.jump_to(3);
        assert_eq!(clock.now_ns(), 5);
    }

    #[test]
    fn the_next_second_is_at_most_a_second_away_and_on_the_calendar() {
        let clock = Clock::real();
        let now_ns = clock.now_ns();
        let next_ns = clock.next_second_ns(now_ns);
        assert!(next_ns > now_ns && next_ns - now_ns <= NS_PER_S);
        assert_eq!(clock.unix_ns(next_ns) % NS_PER_S, 0);
    }
}
