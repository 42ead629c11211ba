//! A hierarchical timing wheel: every deadline of one shard, from pauses to request timeouts.
//!
//! A request inserts a timeout and cancels it a moment later, so both must cost a few nanoseconds
//! whether ten timers are pending or a million, and neither may allocate. A heap pays `log n` and a
//! cache miss per level for each; the wheel pays one list link. The price is a resolution of one
//! tick: a timer never fires early and fires at most one tick late.
//!
//! A tick is read as a number in base 64. A timer hangs in the level of the highest digit in which
//! its tick differs from the wheel's, in the slot of that digit. So the slots of a level are in
//! order of time without wrapping, every timer of a level is due before any of the levels above,
//! and the first set bit of the first occupied level is what happens next. When the wheel reaches a
//! slot of an upper level, the slot's timers are dealt out again to the levels below (the cascade);
//! timers that are cancelled before never pay for that. The levels cover the whole range of `u64`
//! nanoseconds: what other wheels keep in an overflow list hangs in the top level here.
//!
//! George Varghese and Tony Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987, scheme 7.

use std::mem;

/// The wheel's resolution: 65.536 µs. A power of two makes the tick of a deadline a shift.
pub(crate) const TICK_NS: u64 = 1 << TICK_BITS;

const TICK_BITS: u32 = 16;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;

/// Rounding up the last deadlines of `u64` gives tick 2^48, one digit more than all others need.
const LEVELS: usize = 9;

/// No entry: the end of a list.
const NIL: u32 = u32::MAX;

/// What waits, by deadline, at a resolution of [`TICK_NS`].
pub(crate) struct Wheel<T> {
    /// The tick up to which everything has fired.
    tick: u64,
    /// One bit for each level that has timers.
    levels: u16,
    /// One bit for each slot that has timers, by level.
    occupied: [u64; LEVELS],
    slots: [Slot; LEVELS * SLOTS],
    entries: Vec<Entry<T>>,
    /// The first unused entry; the others follow by `next`.
    free: u32,
}

/// Names one timer of one wheel. It outlives its timer harmlessly: a key that has fired or has been
/// cancelled finds nothing, until its entry has been used 2^32 times more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey {
    index: u32,
    generation: u32,
}

/// The timers of one slot, first in first out, so that equal deadlines fire in the order of
/// insertion.
#[derive(Clone, Copy)]
struct Slot {
    head: u32,
    tail: u32,
}

struct Entry<T> {
    tick: u64,
    next: u32,
    previous: u32,
    generation: u32,
    /// Where it hangs, so that cancelling need not work out at which tick it was hung there.
    place: u16,
    value: Option<T>,
}

impl<T> Wheel<T> {
    /// An empty wheel whose clock stands at `now_ns`, on any monotonic scale.
    pub(crate) fn new(now_ns: u64) -> Self {
        Self {
            tick: now_ns >> TICK_BITS,
            levels: 0,
            occupied: [0; LEVELS],
            slots: [Slot::EMPTY; LEVELS * SLOTS],
            entries: Vec::new(),
            free: NIL,
        }
    }

    /// Has `value` fire at `deadline_ns`, or with the next [`advance`](Self::advance) if that has
    /// passed. Allocates only when more timers are pending than ever before.
    #[inline]
    pub(crate) fn insert(&mut self, deadline_ns: u64, value: T) -> TimerKey {
        // Rounding up is what keeps a timer from firing early.
        let tick = deadline_ns.div_ceil(TICK_NS).max(self.tick);
        let key = self.occupy(tick, value);
        self.link(key.index);
        key
    }

    /// Takes the timer out before it fires; `None` if it has fired or been cancelled already.
    #[inline]
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Option<T> {
        let entry = self.entries.get(key.index as usize)?;
        if entry.generation != key.generation {
            return None;
        }
        self.unlink(key.index);
        self.vacate(key.index)
    }

    /// What the pending timer will fire with; `None` if it has fired or been cancelled.
    #[inline]
    pub(crate) fn get_mut(&mut self, key: TimerKey) -> Option<&mut T> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.generation != key.generation {
            return None;
        }
        entry.value.as_mut()
    }

    /// When to call [`advance`](Self::advance) next: never after the tick in which the first timer
    /// is due, but before it when a cascade comes first (at most once for each level).
    #[inline]
    pub(crate) fn next_deadline_ns(&self) -> Option<u64> {
        self.first_slot().map(|(_, tick)| tick.saturating_mul(TICK_NS))
    }

    /// Moves the clock to `now_ns` and fires what is due, tick by tick and within a tick in order
    /// of insertion. A clock that goes backwards is taken to stand still.
    pub(crate) fn advance(&mut self, now_ns: u64, fire: &mut impl FnMut(T)) {
        let now_tick = (now_ns >> TICK_BITS).max(self.tick);
        while let Some((place, tick)) = self.first_slot()
            && tick <= now_tick
        {
            self.tick = tick;
            if place < SLOTS {
                // One at a time, so that a panic in `fire` loses no other timer.
                while let Some(value) = self.pop(place) {
                    fire(value);
                }
            } else {
                self.cascade(place);
            }
        }
        self.tick = now_tick;
    }

    /// The slot that comes first, and the tick at which it begins.
    #[inline]
    fn first_slot(&self) -> Option<(usize, u64)> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros();
        let slot = self.occupied[level as usize].trailing_zeros();
        let shift = level * SLOT_BITS;
        let block = self.tick >> (shift + SLOT_BITS) << SLOT_BITS;
        let tick = (block | u64::from(slot)) << shift;
        Some(((level << SLOT_BITS | slot) as usize, tick))
    }

    fn pop(&mut self, place: usize) -> Option<T> {
        let head = self.slots[place].head;
        if head == NIL {
            return None;
        }
        self.unlink(head);
        self.vacate(head)
    }

    /// Hangs the timers of an upper slot, which the clock has just reached, into the levels below.
    fn cascade(&mut self, place: usize) {
        let mut index = mem::replace(&mut self.slots[place], Slot::EMPTY).head;
        self.mark_empty(place);
        while index != NIL {
            let next = self.entries[index as usize].next;
            self.link(index);
            index = next;
        }
    }

    #[inline]
    fn occupy(&mut self, tick: u64, value: T) -> TimerKey {
        let index = self.free;
        if let Some(entry) = self.entries.get_mut(index as usize) {
            self.free = entry.next;
            entry.tick = tick;
            entry.value = Some(value);
            return TimerKey { index, generation: entry.generation };
        }
        let index =
            u32::try_from(self.entries.len()).expect("memory ends before four billion timers");
        self.entries.push(Entry {
            tick,
            next: NIL,
            previous: NIL,
            generation: 0,
            place: 0,
            value: Some(value),
        });
        TimerKey { index, generation: 0 }
    }

    #[inline]
    fn vacate(&mut self, index: u32) -> Option<T> {
        let entry = &mut self.entries[index as usize];
        // From here on the timer's keys are stale.
        entry.generation = entry.generation.wrapping_add(1);
        entry.next = self.free;
        self.free = index;
        entry.value.take()
    }

    #[inline]
    fn link(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        let place = place(self.tick, entry.tick);
        let tail = mem::replace(&mut self.slots[place].tail, index);
        entry.place = place as u16;
        entry.previous = tail;
        entry.next = NIL;
        if tail == NIL {
            self.slots[place].head = index;
            self.occupied[place >> SLOT_BITS] |= 1 << (place & (SLOTS - 1));
            self.levels |= 1 << (place >> SLOT_BITS);
        } else {
            self.entries[tail as usize].next = index;
        }
    }

    #[inline]
    fn unlink(&mut self, index: u32) {
        let Entry { next, previous, place, .. } = self.entries[index as usize];
        let place = usize::from(place);
        if previous == NIL {
            self.slots[place].head = next;
        } else {
            self.entries[previous as usize].next = next;
        }
        if next == NIL {
            self.slots[place].tail = previous;
        } else {
            self.entries[next as usize].previous = previous;
        }
        if previous == NIL && next == NIL {
            self.mark_empty(place);
        }
    }

    #[inline]
    fn mark_empty(&mut self, place: usize) {
        let level = place >> SLOT_BITS;
        self.occupied[level] &= !(1 << (place & (SLOTS - 1)));
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
    }
}

impl Slot {
    const EMPTY: Self = Self { head: NIL, tail: NIL };
}

/// The slot, counted through all levels, for a timer due at `tick` when the wheel stands at `now`.
#[inline]
fn place(now: u64, tick: u64) -> usize {
    let level = ((now ^ tick) | 1).ilog2() / SLOT_BITS;
    let slot = tick >> (level * SLOT_BITS) & (SLOTS as u64 - 1);
    (level << SLOT_BITS) as usize | slot as usize
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use super::*;

    impl<T> Wheel<T> {
        /// How many timers are pending. Nothing but a test asks, so that no insertion has to count.
        pub(super) fn len(&self) -> usize {
            self.entries.iter().filter(|entry| entry.value.is_some()).count()
        }
    }

    pub(super) fn advance<T>(wheel: &mut Wheel<T>, now_ns: u64) -> Vec<T> {
        let mut fired = Vec::new();
        wheel.advance(now_ns, &mut |value| fired.push(value));
        fired
    }

    #[test]
    fn a_timer_fires_in_the_tick_that_follows_its_deadline_and_not_before() {
        let mut wheel = Wheel::new(0);
        wheel.insert(TICK_NS + 1, "late");
        wheel.insert(TICK_NS, "on the tick");
        assert_eq!(advance(&mut wheel, TICK_NS - 1), Vec::<&str>::new());
        assert_eq!(advance(&mut wheel, 2 * TICK_NS - 1), ["on the tick"]);
        assert_eq!(advance(&mut wheel, 2 * TICK_NS), ["late"]);
        assert_eq!(wheel.len(), 0);
    }

    #[test]
    fn a_deadline_in_the_past_fires_with_the_next_advance_even_if_the_clock_stands() {
        let mut wheel = Wheel::new(1_000_000_000);
        wheel.insert(5, 'a');
        assert!(wheel.next_deadline_ns().is_some_and(|deadline_ns| deadline_ns <= 1_000_000_000));
        assert_eq!(advance(&mut wheel, 1_000_000_000), ['a']);
    }

    #[test]
    fn a_stale_key_finds_neither_its_own_timer_nor_the_one_that_took_its_entry() {
        let mut wheel = Wheel::new(0);
        let stale = wheel.insert(TICK_NS, 1);
        assert_eq!(wheel.cancel(stale), Some(1));
        let fresh = wheel.insert(TICK_NS, 2);
        assert_eq!(fresh.index, stale.index);
        assert_eq!((wheel.cancel(stale), wheel.get_mut(stale)), (None, None));
        *wheel.get_mut(fresh).expect("it is pending") = 3;
        assert_eq!(advance(&mut wheel, TICK_NS), [3]);
        assert_eq!((wheel.cancel(fresh), wheel.get_mut(fresh)), (None, None));
    }

    #[test]
    fn the_last_deadline_there_is_neither_fires_early_nor_overflows() {
        let mut wheel = Wheel::new(0);
        wheel.insert(u64::MAX, ());
        while wheel.tick < u64::MAX >> TICK_BITS {
            let next_ns = wheel.next_deadline_ns().expect("it is pending");
            assert!(advance(&mut wheel, next_ns).is_empty());
        }
        assert_eq!((wheel.len(), wheel.next_deadline_ns()), (1, Some(u64::MAX)));
    }

    #[test]
    fn a_panic_in_one_timer_leaves_the_others_of_its_slot_pending() {
        let mut wheel = Wheel::new(0);
        for value in 0..3 {
            wheel.insert(TICK_NS, value);
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wheel.advance(TICK_NS, &mut |value| assert_ne!(value, 1, "as the test wants it"));
        }));
        assert!(outcome.is_err());
        assert_eq!(advance(&mut wheel, TICK_NS), [2]);
    }

    #[test]
    fn a_million_timers_reuse_their_entries_and_stay_small() {
        assert!(size_of::<Entry<[u64; 2]>>() <= 48 + size_of::<[u64; 2]>());
        let mut wheel = Wheel::new(0);
        for round in 0..3 {
            let now_ns = round * 2_000_000_000;
            let keys: Vec<_> =
                (0..1_000_000).map(|i| wheel.insert(now_ns + i * 1_000, i)).collect();
            for key in keys.iter().step_by(2) {
                wheel.cancel(*key).expect("it is pending");
            }
            let fired = advance(&mut wheel, now_ns + 1_000_000_000 + TICK_NS);
            assert!(fired.iter().eq((1..1_000_000).step_by(2).collect::<Vec<_>>().iter()));
            assert_eq!((wheel.len(), wheel.entries.len()), (0, 1_000_000));
        }
    }
}
