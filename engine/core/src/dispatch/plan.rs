//! The plan of a ramp: from the users there are to the users there shall be, batch by batch.
//!
//! This is Locust's `UsersDispatcher` (`locust/dispatch.py`, 2.27 and later) without its clock: it
//! says what to change and how long to pause, and the hatcher does both. Fixed counts come first,
//! the weights share the rest, and a ramp down undoes the ramp up, last user first.

use std::time::Duration;

use super::{choice::ClassChoice, roster::Roster};

/// What the dispatch needs to know of a user class.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassSpec {
    /// The class' name, which decides the order between equal weights.
    pub name: String,
    /// Its share, relative to the other classes' weights. Zero: no users but a fixed count.
    pub weight: f64,
    /// How many users of it there shall be, whatever the weights say. Zero: as many as its weight
    /// gives. A class with a fixed count takes no part in the weights.
    pub fixed_count: u32,
}

/// Users of one class to hatch or to stop on one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The shard, counted from zero.
    pub shard: usize,
    /// The class, as an index into those that the dispatcher was made with.
    pub class: usize,
    /// How many users to hatch, or to stop if negative; never zero.
    pub delta: i64,
}

/// What happens at once, and how long nothing happens after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The changes, each shard and class at most once, in the order of shards.
    pub changes: Vec<Change>,
    /// The pause before the next batch; zero after the last.
    pub pause_after: Duration,
}

/// Decides which users hatch or stop, on which shard and when.
///
/// ```
/// use hatchery_core::dispatch::{ClassSpec, Dispatcher};
///
/// let class = |name: &str, weight| ClassSpec { name: name.into(), weight, fixed_count: 0 };
/// let mut dispatcher = Dispatcher::new(&[class("Buyer", 1.0), class("Visitor", 3.0)], 4);
/// dispatcher.retarget(100, 10.0, None);
/// let mut n_batches = 0;
/// while let Some(batch) = dispatcher.next_batch() {
///     // Hatch `batch.changes`, then wait for `batch.pause_after`.
///     n_batches += 1;
/// }
/// assert_eq!((n_batches, dispatcher.n_users(), dispatcher.n_users_of(0)), (10, 100, 25));
/// ```
pub struct Dispatcher {
    choice: ClassChoice,
    roster: Roster,
    target_users: u32,
    batch_users: u32,
    pause: Duration,
    /// Set until the first batch of a target was given: there is one even if nothing changes.
    is_new_target: bool,
    /// No class or no shard takes another user, so the target is out of reach.
    is_stuck: bool,
}

impl Dispatcher {
    /// A dispatcher of these classes to `n_shards` shards, without users and without a target.
    ///
    /// # Panics
    /// If there is no shard, or if there are more than 65,536 shards or classes.
    pub fn new(classes: &[ClassSpec], n_shards: usize) -> Self {
        Self {
            choice: ClassChoice::new(classes),
            roster: Roster::new(classes.len(), n_shards),
            target_users: 0,
            batch_users: 1,
            pause: Duration::ZERO,
            is_new_target: false,
            is_stuck: false,
        }
    }

    /// Heads for `target_users` users from those there are, with the next batch.
    ///
    /// `rate_per_s` users at a time hatch or stop: rounded down, but one at least, with a pause
    /// between the batches that keeps the rate exact. An infinite rate does all at once; a rate
    /// that is not positive never gets to a second batch. `restrict` limits this ramp to the given
    /// classes (indices); where they are others than before, their weights count from here on and
    /// not over the users there are, as in Locust. Removing users heeds no restriction.
    ///
    /// # Panics
    /// If `restrict` names a class that there is not.
    pub fn retarget(&mut self, target_users: u32, rate_per_s: f64, restrict: Option<&[usize]>) {
        self.target_users = target_users;
        self.batch_users = rate_per_s.floor().max(1.0) as u32;
        self.pause = Duration::try_from_secs_f64(f64::from(self.batch_users) / rate_per_s)
            .unwrap_or(Duration::MAX);
        self.is_new_target = true;
        self.is_stuck = false;
        self.choice.restrict(restrict);
    }

    /// What to do next, or `None` once the target is reached or nothing leads to it.
    ///
    /// A new target gives at least one batch, if only an empty one. Users that ended by themselves
    /// are replaced by whatever batch comes next; after `None`, only
    /// [`shard_lost`](Self::shard_lost), [`shard_back`](Self::shard_back) and
    /// [`retarget`](Self::retarget) can bring one.
    pub fn next_batch(&mut self) -> Option<Batch> {
        if !self.is_new_target && self.is_done() {
            return None;
        }
        self.is_new_target = false;
        let n_users = self.roster.len();
        let target = self.target_users as usize;
        let step = (self.batch_users as usize).min(n_users.abs_diff(target));
        if n_users < target {
            self.grow(step);
        } else {
            self.shrink(step);
        }
        let mut changes = Vec::new();
        self.roster.settle(|shard, class, delta| changes.push(Change { shard, class, delta }));
        let pause_after = if self.is_done() { Duration::ZERO } else { self.pause };
        Some(Batch { changes, pause_after })
    }

    /// Notes that a user ended by itself: it no longer counts as there, and the next batch, if one
    /// comes, replaces it. Of a shard and class without users, this changes nothing.
    ///
    /// # Panics
    /// If there is no such shard or class.
    pub fn user_ended(&mut self, shard: usize, class: usize) {
        self.roster.end(shard, class);
    }

    /// Forgets the users of a shard that died, and returns them as the changes that took them away.
    ///
    /// The next batches hatch as many again at the rate of the last target, on the other shards:
    /// this one gets none before it is [back](Self::shard_back).
    ///
    /// # Panics
    /// If there is no such shard.
    pub fn shard_lost(&mut self, shard: usize) -> Vec<Change> {
        let mut changes = Vec::new();
        let Self { choice, roster, .. } = self;
        roster.close(shard, |class, wanted, live| {
            choice.give_back(class, wanted);
            if live > 0 {
                changes.push(Change { shard, class, delta: -i64::from(live) });
            }
        });
        self.is_stuck = false;
        changes
    }

    /// Hatches users on a shard again that was lost: those still missing go there first.
    ///
    /// # Panics
    /// If there is no such shard.
    pub fn shard_back(&mut self, shard: usize) {
        self.roster.open(shard);
        self.is_stuck = false;
    }

    /// The target of the last [`retarget`](Self::retarget), in users.
    pub fn target_users(&self) -> u32 {
        self.target_users
    }

    /// How many users there are, those of the last batch included.
    pub fn n_users(&self) -> u32 {
        self.roster.n_live()
    }

    /// How many users of `class` there are, those of the last batch included.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn n_users_of(&self, class: usize) -> u32 {
        self.roster.live(class)
    }

    fn is_done(&self) -> bool {
        self.is_stuck || self.roster.len() == self.target_users as usize
    }

    fn grow(&mut self, n_users: usize) {
        for _ in 0..n_users {
            let class = self.roster.is_open().then(|| self.choice.next(&self.roster)).flatten();
            let Some(class) = class else {
                self.is_stuck = true;
                return;
            };
            self.roster.add(class);
        }
    }

    fn shrink(&mut self, n_users: usize) {
        for _ in 0..n_users {
            let class = self.roster.undo().expect("no more are removed than there are");
            self.choice.give_back(class, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(specs: &[(&str, f64, u32)]) -> Vec<ClassSpec> {
        let spec = |&(name, weight, fixed_count): &(&str, f64, u32)| ClassSpec {
            name: name.to_owned(),
            weight,
            fixed_count,
        };
        specs.iter().map(spec).collect()
    }

    fn dispatcher(specs: &[(&str, f64, u32)], n_shards: usize) -> Dispatcher {
        Dispatcher::new(&classes(specs), n_shards)
    }

    /// Runs the ramp to its end; the users after each batch, and the pauses in seconds.
    fn ramp(dispatcher: &mut Dispatcher, target: u32, rate: f64) -> (Vec<u32>, Vec<f64>) {
        dispatcher.retarget(target, rate, None);
        let (mut users, mut pauses_s) = (Vec::new(), Vec::new());
        while let Some(batch) = dispatcher.next_batch() {
            users.push(dispatcher.n_users());
            pauses_s.push(batch.pause_after.as_secs_f64());
        }
        (users, pauses_s)
    }

    fn counts(dispatcher: &Dispatcher) -> Vec<u32> {
        (0..3).map(|class| dispatcher.n_users_of(class)).collect()
    }

    #[track_caller]
    fn check_ramp(target: u32, rate: f64, users: &[u32], pauses_s: &[f64]) {
        let (seen_users, seen_pauses_s) = ramp(&mut dispatcher(&[("A", 1.0, 0)], 2), target, rate);
        assert_eq!(seen_users, users, "{target} users at {rate}/s");
        assert_eq!(seen_pauses_s.len(), pauses_s.len());
        for (seen_s, expected_s) in seen_pauses_s.iter().zip(pauses_s) {
            assert!((seen_s - expected_s).abs() < 1e-6, "{seen_s} s at {rate}/s");
        }
    }

    #[test]
    fn batches_are_whole_users_and_pauses_keep_the_rate() {
        check_ramp(3, 0.5, &[1, 2, 3], &[2.0, 2.0, 0.0]);
        check_ramp(3, 1.0, &[1, 2, 3], &[1.0, 1.0, 0.0]);
        check_ramp(5, 2.4, &[2, 4, 5], &[2.0 / 2.4, 2.0 / 2.4, 0.0]);
        check_ramp(9, 4.0, &[4, 8, 9], &[1.0, 1.0, 0.0]);
        check_ramp(9, 9.0, &[9], &[0.0]);
        check_ramp(9, 100.0, &[9], &[0.0]);
        check_ramp(7, f64::INFINITY, &[7], &[0.0]);
    }

    #[test]
    fn the_same_target_gives_one_empty_batch() {
        let mut dispatcher = dispatcher(&[("A", 1.0, 0)], 2);
        assert_eq!(dispatcher.next_batch(), None);
        for target in [0, 3] {
            ramp(&mut dispatcher, target, 10.0);
            dispatcher.retarget(target, 1.0, None);
            let empty = Batch { changes: vec![], pause_after: Duration::ZERO };
            assert_eq!((dispatcher.next_batch(), dispatcher.next_batch()), (Some(empty), None));
        }
    }

    #[test]
    fn a_ramp_down_takes_the_last_users_first_in_the_same_batches() {
        let mut dispatcher = dispatcher(&[("A", 5.0, 0), ("B", 1.0, 0)], 2);
        ramp(&mut dispatcher, 5, f64::INFINITY);
        dispatcher.retarget(2, 2.0, None);
        // AABAA was hatched on the shards 0, 1, 0, 1, 0.
        let change = |shard, class, delta| Change { shard, class, delta };
        let first = dispatcher.next_batch().expect("three users are to go");
        assert_eq!(first.changes, [change(0, 0, -1), change(1, 0, -1)]);
        assert_eq!(first.pause_after, Duration::from_secs(1));
        let second = dispatcher.next_batch().expect("one user is to go");
        assert_eq!(second.changes, [change(0, 1, -1)]);
        assert_eq!((second.pause_after, dispatcher.next_batch()), (Duration::ZERO, None));
    }

    #[test]
    fn fixed_users_hatch_first_share_what_there_is_and_are_topped_up() {
        let mut dispatcher = dispatcher(&[("A", 1.0, 0), ("B", 9.0, 1), ("C", 9.0, 3)], 2);
        ramp(&mut dispatcher, 2, 10.0);
        assert_eq!(counts(&dispatcher), [0, 1, 1]);
        ramp(&mut dispatcher, 10, 10.0);
        assert_eq!(counts(&dispatcher), [6, 1, 3]);
        ramp(&mut dispatcher, 1, 1.0);
        ramp(&mut dispatcher, 5, 1.0);
        assert_eq!(counts(&dispatcher), [1, 1, 3]);
    }

    #[test]
    fn a_restriction_limits_what_is_added_and_starts_the_weights_anew() {
        let mut dispatcher = dispatcher(&[("A", 1.0, 0), ("B", 1.0, 0), ("C", 1.0, 2)], 1);
        for (target, restrict, expected) in [
            (10, Some(&[0][..]), [10, 0, 0]),
            (20, Some(&[0, 1]), [15, 5, 0]),
            (24, None, [16, 6, 2]),
            (21, Some(&[2]), [15, 5, 1]),
            (30, Some(&[2]), [15, 5, 2]),
            (40, Some(&[]), [15, 5, 2]),
        ] {
            dispatcher.retarget(target, f64::INFINITY, restrict);
            while dispatcher.next_batch().is_some() {}
            assert_eq!(counts(&dispatcher), expected, "{target} users");
        }
    }

    #[test]
    fn where_no_class_can_be_added_the_ramp_ends_with_what_there_is() {
        let (users, pauses_s) = ramp(&mut dispatcher(&[("A", 1.0, 3), ("B", 0.0, 0)], 1), 9, 2.0);
        assert_eq!((users, pauses_s), (vec![2, 3], vec![1.0, 0.0]));
    }

    #[test]
    fn a_user_that_ended_is_replaced_by_the_next_step_only() {
        let mut dispatcher = dispatcher(&[("A", 1.0, 0)], 2);
        dispatcher.retarget(4, 2.0, None);
        dispatcher.next_batch();
        dispatcher.user_ended(1, 0);
        assert_eq!(dispatcher.n_users(), 1);
        let last = dispatcher.next_batch().expect("the ramp goes on");
        assert_eq!(last.changes.iter().map(|change| change.delta).sum::<i64>(), 3);
        dispatcher.user_ended(0, 0);
        assert_eq!((dispatcher.next_batch(), dispatcher.n_users()), (None, 3));
    }

    #[test]
    fn the_users_of_a_lost_shard_hatch_elsewhere_or_there_when_it_is_back() {
        let mut dispatcher = dispatcher(&[("A", 3.0, 0), ("B", 1.0, 0), ("C", 1.0, 1)], 2);
        ramp(&mut dispatcher, 9, f64::INFINITY);
        let before = counts(&dispatcher);
        dispatcher.retarget(9, 2.0, None);
        dispatcher.next_batch();
        let n_lost: i64 = dispatcher.shard_lost(0).iter().map(|change| -change.delta).sum();
        assert_eq!((n_lost, dispatcher.n_users()), (5, 4));
        let first = dispatcher.next_batch().expect("lost users are missing");
        assert!(first.changes.iter().all(|change| change.shard == 1));
        assert_eq!(first.pause_after, Duration::from_secs(1));
        dispatcher.shard_back(0);
        let second = dispatcher.next_batch().expect("lost users are missing");
        assert!(second.changes.iter().all(|change| change.shard == 0));
        dispatcher.next_batch();
        assert_eq!((dispatcher.next_batch(), counts(&dispatcher)), (None, before));
    }

    #[test]
    fn without_a_shard_the_ramp_waits_for_one() {
        let mut dispatcher = dispatcher(&[("A", 1.0, 0)], 1);
        ramp(&mut dispatcher, 2, 1.0);
        dispatcher.shard_lost(0);
        let empty = Batch { changes: vec![], pause_after: Duration::ZERO };
        assert_eq!((dispatcher.next_batch(), dispatcher.next_batch()), (Some(empty), None));
        dispatcher.shard_back(0);
        assert!(dispatcher.next_batch().is_some_and(|batch| batch.changes.len() == 1));
    }
}
