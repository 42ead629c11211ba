//! Takes the times of a request's phases where they happen.
//!
//! A run that does not ask for phases has stopwatches that do nothing: whoever carries one calls
//! it without asking, and no clock is read.

use super::local::Shard;
use crate::stats::{Phase, Phases};
use std::{cell::RefCell, fmt, rc::Rc, time::Duration};

/// The stopwatch of one request. Clones are the same stopwatch: it goes to wherever a phase ends.
///
/// ```ignore
/// stopwatch.start();
/// let stream = connect().await?;
/// stopwatch.lap(Phase::Connect);
/// ```
#[derive(Clone, Default)]
pub struct Stopwatch(Option<Rc<Running>>);

struct Running {
    shard: Rc<Shard>,
    laps: RefCell<Laps>,
}

impl Stopwatch {
    /// One that does nothing.
    pub const OFF: Stopwatch = Stopwatch(None);

    pub(super) fn on(shard: &Rc<Shard>) -> Stopwatch {
        let laps = RefCell::new(Laps { lap_ns: shard.now_ns(), ..Laps::default() });
        Stopwatch(Some(Rc::new(Running { shard: Rc::clone(shard), laps })))
    }

    /// Whether phases are measured.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The next phase begins now; what went before it is nobody's.
    #[inline]
    pub fn start(&self) {
        if let Some(running) = &self.0 {
            running.laps.borrow_mut().lap_ns = running.shard.now_ns();
        }
    }

    /// A phase ends now, and the next begins. A phase may have several laps, which add up.
    #[inline]
    pub fn lap(&self, phase: Phase) {
        if let Some(running) = &self.0 {
            running.laps.borrow_mut().lap(phase, running.shard.now_ns());
        }
    }

    /// A phase ended at this time of the shard's clock, and the next began.
    #[inline]
    pub fn lap_at(&self, phase: Phase, now_ns: u64) {
        if let Some(running) = &self.0 {
            running.laps.borrow_mut().lap(phase, now_ns);
        }
    }

    /// A connection has been opened.
    #[inline]
    pub fn count_connection(&self) {
        if let Some(running) = &self.0 {
            running.laps.borrow_mut().phases.count_connection();
        }
    }

    /// The request is sent now: for the first time, again, or to where a redirect leads. It has
    /// the last two phases only if this time it comes as far.
    #[inline]
    pub fn start_exchange(&self) {
        if let Some(running) = &self.0 {
            running.laps.borrow_mut().start_exchange(running.shard.now_ns());
        }
    }

    /// What has been measured so far.
    pub fn phases(&self) -> Phases {
        self.0.as_ref().map_or_else(Phases::default, |running| running.laps.borrow().phases)
    }
}

impl fmt::Debug for Stopwatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stopwatch").field(&self.phases()).finish()
    }
}

/// The measuring itself, on readings of a clock.
#[derive(Debug, Default)]
struct Laps {
    /// When the phase under way began.
    lap_ns: u64,
    phases: Phases,
    /// What earlier exchanges took: counted when this one comes as far.
    earlier: Phases,
}

impl Laps {
    fn lap(&mut self, phase: Phase, now_ns: u64) {
        let time = Duration::from_nanos(now_ns.saturating_sub(self.lap_ns));
        self.phases.add(phase, time + self.earlier.take(phase).unwrap_or_default());
        self.lap_ns = self.lap_ns.max(now_ns);
    }

    fn start_exchange(&mut self, now_ns: u64) {
        for phase in [Phase::FirstByte, Phase::LastByte] {
            if let Some(time) = self.phases.take(phase) {
                self.earlier.add(phase, time);
            }
        }
        self.lap_ns = now_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_redirect_adds_up_if_its_last_hop_comes_as_far() {
        let mut laps = Laps::default();
        laps.lap(Phase::Connect, 10);
        for (start_ns, first_ns) in [(20, 50), (70, 75)] {
            laps.start_exchange(start_ns);
            assert_eq!(laps.phases.first_byte(), None);
            laps.lap(Phase::FirstByte, first_ns);
        }
        assert_eq!(laps.phases.connect(), Some(Duration::from_nanos(10)));
        assert_eq!(laps.phases.first_byte(), Some(Duration::from_nanos(30 + 5)));
        assert_eq!(laps.phases.last_byte(), None);
    }

    proptest! {
        #[test]
        fn phases_never_add_up_to_more_than_the_time_that_went_by(
            steps in prop::collection::vec((0u64..1_000_000_000, 0usize..7), 0..50)
        ) {
            let (mut laps, mut now_ns) = (Laps::default(), 0);
            for (time_ns, what) in steps {
                now_ns += time_ns;
                match Phase::ALL.get(what) {
                    Some(&phase) => laps.lap(phase, now_ns),
                    None if what == 5 => laps.start_exchange(now_ns),
                    None => laps.lap_ns = now_ns,
                }
                prop_assert!(laps.phases.sum() <= Duration::from_nanos(now_ns));
            }
        }
    }
}
