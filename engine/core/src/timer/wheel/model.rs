//! The wheel beside a sorted map that does the same slowly, through random lives.

use std::{collections::BTreeMap, mem};

use proptest::prelude::*;

use super::{tests::advance, *};

#[derive(Clone, Debug)]
enum Step {
    Insert { delay_ns: u64 },
    InsertLike { which: prop::sample::Index },
    Cancel { which: prop::sample::Index },
    Advance { by_ns: u64 },
    AdvanceToNext,
}

/// Nanoseconds of every magnitude, so that every level is met and clocks jump far.
fn nanoseconds() -> impl Strategy<Value = u64> {
    (0..62u32).prop_flat_map(|bits| 0..(2u64 << bits))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => nanoseconds().prop_map(|delay_ns| Step::Insert { delay_ns }),
        2 => any::<prop::sample::Index>().prop_map(|which| Step::InsertLike { which }),
        3 => any::<prop::sample::Index>().prop_map(|which| Step::Cancel { which }),
        2 => nanoseconds().prop_map(|by_ns| Step::Advance { by_ns }),
        3 => Just(Step::AdvanceToNext),
    ];
    prop::collection::vec(step, 1..120)
}

/// The wheel beside what it must do: a map from (tick, number of the insertion) to its deadline.
struct Model {
    wheel: Wheel<usize>,
    now_ns: u64,
    pending: BTreeMap<(u64, usize), u64>,
    inserted: Vec<(TimerKey, u64, u64)>,
}

impl Model {
    fn insert(&mut self, deadline_ns: u64) {
        let number = self.inserted.len();
        let key = self.wheel.insert(deadline_ns, number);
        let tick = deadline_ns.div_ceil(TICK_NS).max(self.now_ns / TICK_NS);
        self.pending.insert((tick, number), deadline_ns);
        self.inserted.push((key, tick, deadline_ns));
    }

    fn cancel(&mut self, number: usize) {
        let (key, tick, _) = self.inserted[number];
        let expected = self.pending.remove(&(tick, number)).map(|_| number);
        assert_eq!(self.wheel.get_mut(key).copied(), expected);
        assert_eq!(self.wheel.cancel(key), expected);
    }

    fn advance(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
        let later = self.pending.split_off(&(now_ns / TICK_NS + 1, 0));
        let due = mem::replace(&mut self.pending, later);
        let fired = advance(&mut self.wheel, now_ns);
        assert!(due.values().all(|&deadline_ns| deadline_ns <= now_ns));
        assert_eq!(fired, due.keys().map(|&(_, number)| number).collect::<Vec<_>>());
    }

    fn check(&self) {
        assert_eq!(self.wheel.len(), self.pending.len());
        let first = self.pending.first_key_value().map(|(&(tick, _), _)| tick);
        match (self.wheel.next_deadline_ns(), first) {
            (None, None) => {}
            (Some(next_ns), Some(tick)) => {
                assert!(next_ns <= tick.saturating_mul(TICK_NS));
                // A wake-up that neither fires nor cascades would be a busy loop.
                assert!(next_ns > self.now_ns || tick <= self.now_ns / TICK_NS);
            }
            (next_ns, tick) => panic!("{next_ns:?} was announced for tick {tick:?}"),
        }
    }
}

proptest! {
    #[test]
    fn it_does_what_a_sorted_map_does(start_ns in nanoseconds(), steps in steps()) {
        let (pending, inserted) = (BTreeMap::new(), Vec::new());
        let mut model = Model { wheel: Wheel::new(start_ns), now_ns: start_ns, pending, inserted };
        for step in steps {
            let n_inserted = model.inserted.len();
            let now_ns = model.now_ns;
            match step {
                Step::Insert { delay_ns } => model.insert(now_ns.saturating_add(delay_ns)),
                Step::InsertLike { which } if n_inserted > 0 => {
                    model.insert(model.inserted[which.index(n_inserted)].2);
                }
                Step::Cancel { which } if n_inserted > 0 => model.cancel(which.index(n_inserted)),
                Step::Advance { by_ns } => model.advance(now_ns.saturating_add(by_ns)),
                Step::AdvanceToNext => {
                    model.advance(model.wheel.next_deadline_ns().unwrap_or(now_ns).max(now_ns));
                }
                Step::InsertLike { .. } | Step::Cancel { .. } => {}
            }
            model.check();
        }
    }

    #[test]
    fn driven_by_its_own_deadlines_alone_every_timer_fires_in_its_tick(
        start_ns in nanoseconds(),
        delays_ns in prop::collection::vec(0..1u64 << 50, 1..50),
    ) {
        let mut wheel = Wheel::new(start_ns);
        for delay_ns in &delays_ns {
            wheel.insert(start_ns + delay_ns, start_ns + delay_ns);
        }
        let (mut now_ns, mut n_fired, mut n_wakes) = (start_ns, 0, 0);
        while let Some(next_ns) = wheel.next_deadline_ns() {
            now_ns = next_ns.max(now_ns);
            for deadline_ns in advance(&mut wheel, now_ns) {
                prop_assert!(deadline_ns <= now_ns && now_ns - deadline_ns < TICK_NS);
                n_fired += 1;
            }
            n_wakes += 1;
        }
        prop_assert_eq!(n_fired, delays_ns.len());
        prop_assert!(n_wakes <= delays_ns.len() * LEVELS);
    }
}
