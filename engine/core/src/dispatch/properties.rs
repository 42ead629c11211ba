//! The dispatcher through random lives: what must hold whatever is asked of it.

use std::time::{Duration, Instant};

use proptest::{prelude::*, sample::Index};

use super::{Batch, ClassSpec, Dispatcher};

const NAMES: [&str; 5] = ["Admin", "Buyer", "Crawler", "Driver", "Editor"];

#[derive(Clone, Debug)]
enum Step {
    Retarget { target_users: u32, rate_per_s: f64, restrict: Option<Vec<Index>> },
    NextBatches { n_batches: usize },
    UserEnds { shard: Index, class: Index },
    ShardLost { shard: Index },
    ShardBack { shard: Index },
}

fn classes() -> impl Strategy<Value = Vec<ClassSpec>> {
    let weight = prop_oneof![1 => Just(0.0), 3 => 0.1..10.0f64, 3 => (1..9u32).prop_map(f64::from)];
    let fixed_count = prop_oneof![3 => Just(0), 1 => 1..20u32];
    prop::collection::vec((weight, fixed_count), 1..=NAMES.len()).prop_map(|specs| {
        let named = NAMES.into_iter().map(str::to_owned).zip(specs);
        named.map(|(name, (weight, fixed_count))| ClassSpec { name, weight, fixed_count }).collect()
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let rate = prop_oneof![1 => Just(f64::INFINITY), 4 => 0.1..50.0f64];
    let restrict = prop::option::weighted(0.3, prop::collection::vec(any::<Index>(), 0..3));
    let retarget = (0..200u32, rate, restrict).prop_map(|(target_users, rate_per_s, restrict)| {
        Step::Retarget { target_users, rate_per_s, restrict }
    });
    let index = any::<Index>;
    let step = prop_oneof![
        3 => retarget,
        6 => (1..30usize).prop_map(|n_batches| Step::NextBatches { n_batches }),
        6 => (index(), index()).prop_map(|(shard, class)| Step::UserEnds { shard, class }),
        1 => index().prop_map(|shard| Step::ShardLost { shard }),
        1 => index().prop_map(|shard| Step::ShardBack { shard }),
    ];
    prop::collection::vec(step, 1..60)
}

/// The users as the shards would have them, from the batches alone.
struct Shards {
    dispatcher: Dispatcher,
    users: Vec<Vec<i64>>,
    is_lost: Vec<bool>,
    n_classes: usize,
}

impl Shards {
    fn new(classes: &[ClassSpec], n_shards: usize) -> Self {
        Self {
            dispatcher: Dispatcher::new(classes, n_shards),
            users: vec![vec![0; classes.len()]; n_shards],
            is_lost: vec![false; n_shards],
            n_classes: classes.len(),
        }
    }

    fn next_batch(&mut self) -> Option<Batch> {
        let batch = self.dispatcher.next_batch()?;
        for change in &batch.changes {
            let n_users = &mut self.users[change.shard][change.class];
            assert!(change.delta != 0 && *n_users + change.delta >= 0, "{change:?} of {n_users}");
            assert!(!self.is_lost[change.shard], "{change:?} on a lost shard");
            *n_users += change.delta;
        }
        self.check();
        Some(batch)
    }

    fn ramp(&mut self, target_users: u32, rate_per_s: f64) {
        self.dispatcher.retarget(target_users, rate_per_s, None);
        while self.next_batch().is_some() {}
    }

    /// As long as no shard was lost, no shard ever has two users more than another.
    fn level_ramp(&mut self, target_users: u32, rate_per_s: f64) {
        self.dispatcher.retarget(target_users, rate_per_s, None);
        while self.next_batch().is_some() {
            assert!(self.spread() <= 1, "{:?}", self.users);
        }
    }

    fn apply(&mut self, step: Step) {
        let n_shards = self.users.len();
        match step {
            Step::Retarget { target_users, rate_per_s, restrict } => {
                let restrict: Option<Vec<usize>> = restrict.map(|classes| {
                    classes.iter().map(|class| class.index(self.n_classes)).collect()
                });
                self.dispatcher.retarget(target_users, rate_per_s, restrict.as_deref());
            }
            Step::NextBatches { n_batches } => {
                (0..n_batches).for_each(|_| drop(self.next_batch()));
            }
            Step::UserEnds { shard, class } => {
                let (shard, class) = (shard.index(n_shards), class.index(self.n_classes));
                let n_users = &mut self.users[shard][class];
                *n_users = (*n_users - 1).max(0);
                self.dispatcher.user_ended(shard, class);
            }
            Step::ShardLost { shard } => {
                let shard = shard.index(n_shards);
                for change in self.dispatcher.shard_lost(shard) {
                    assert_eq!(self.users[shard][change.class], -change.delta);
                    self.users[shard][change.class] = 0;
                }
                self.is_lost[shard] = true;
            }
            Step::ShardBack { shard } => {
                let shard = shard.index(n_shards);
                self.dispatcher.shard_back(shard);
                self.is_lost[shard] = false;
            }
        }
        self.check();
    }

    fn check(&self) {
        for class in 0..self.n_classes {
            let n_users: i64 = self.users.iter().map(|shard| shard[class]).sum();
            assert_eq!(i64::from(self.dispatcher.n_users_of(class)), n_users);
        }
        let n_users: i64 = self.users.iter().flatten().sum();
        assert_eq!(i64::from(self.dispatcher.n_users()), n_users);
    }

    fn spread(&self) -> i64 {
        let totals = || self.users.iter().map(|shard| shard.iter().sum::<i64>());
        totals().max().unwrap_or(0) - totals().min().unwrap_or(0)
    }
}

proptest! {
    #[test]
    fn batches_never_take_users_that_are_not_there_and_the_books_agree(
        classes in classes(),
        n_shards in 1..6usize,
        steps in steps(),
    ) {
        let mut shards = Shards::new(&classes, n_shards);
        for step in steps {
            shards.apply(step);
        }
        // Whatever happened, a long ramp with all shards and classes ends where it should.
        (0..n_shards).for_each(|shard| {
            shards.dispatcher.shard_back(shard);
            shards.is_lost[shard] = false;
        });
        shards.ramp(400, 40.0);
        let n_fixed: u32 = classes.iter().map(|class| class.fixed_count).sum();
        let has_weight = classes.iter().any(|class| class.weight > 0.0 && class.fixed_count == 0);
        prop_assert_eq!(shards.dispatcher.n_users(), if has_weight { 400 } else { n_fixed });
        for (class, spec) in classes.iter().enumerate().filter(|(_, spec)| spec.fixed_count > 0) {
            prop_assert_eq!(shards.dispatcher.n_users_of(class), spec.fixed_count);
        }
    }

    #[test]
    fn a_ramp_from_zero_reaches_its_target_on_level_shards_in_batches_of_the_rate(
        classes in classes(),
        n_shards in 1..20usize,
        target_users in 0..500u32,
        rate_per_s in 0.1..60.0f64,
    ) {
        let mut shards = Shards::new(&classes, n_shards);
        shards.dispatcher.retarget(target_users, rate_per_s, None);
        let (mut previous, mut time_s) = (0, 0.0);
        while let Some(batch) = shards.next_batch() {
            let n_users = shards.dispatcher.n_users();
            prop_assert!(n_users - previous <= rate_per_s.floor().max(1.0) as u32);
            prop_assert!(shards.spread() <= 1, "{:?}", shards.users);
            let is_last = batch.pause_after == Duration::ZERO;
            prop_assert!(is_last || f64::from(n_users) / rate_per_s >= time_s);
            time_s += batch.pause_after.as_secs_f64();
            prop_assert!(is_last || (f64::from(n_users) / rate_per_s - time_s).abs() < 1e-6);
            previous = n_users;
        }
        let n_fixed: u32 = classes.iter().map(|class| class.fixed_count).sum();
        let has_weight = classes.iter().any(|class| class.weight > 0.0 && class.fixed_count == 0);
        let expected = if has_weight { target_users } else { target_users.min(n_fixed) };
        prop_assert_eq!(previous, expected);
    }

    #[test]
    fn what_a_ramp_added_the_ramp_back_takes_away(
        classes in classes(),
        n_shards in 1..6usize,
        targets in prop::collection::vec(0..200u32, 1..6),
        n_more in 1..20u32,
        rate_per_s in 1.0..60.0f64,
    ) {
        let mut shards = Shards::new(&classes, n_shards);
        for target_users in targets {
            shards.level_ramp(target_users, rate_per_s);
            let before = shards.users.clone();
            shards.level_ramp(target_users + n_more, rate_per_s);
            shards.level_ramp(target_users, rate_per_s);
            prop_assert_eq!(before, &shards.users[..]);
        }
    }

    #[test]
    fn the_mix_depends_on_the_number_of_users_and_not_on_the_way_there(
        classes in classes(),
        n_shards in 1..6usize,
        targets in prop::collection::vec(0..200u32, 0..5),
        // Above any sum of fixed counts, which share what there is by what is missing.
        target_users in 100..200u32,
        lost in any::<Index>(),
    ) {
        let mut shards = Shards::new(&classes, n_shards);
        targets.iter().for_each(|&target_users| shards.ramp(target_users, 30.0));
        shards.ramp(target_users, 30.0);
        shards.apply(Step::ShardLost { shard: lost });
        shards.apply(Step::ShardBack { shard: lost });
        while shards.next_batch().is_some() {}
        let mut direct = Shards::new(&classes, n_shards);
        direct.ramp(target_users, f64::INFINITY);
        for class in 0..classes.len() {
            let n_users = shards.dispatcher.n_users_of(class);
            prop_assert_eq!(n_users, direct.dispatcher.n_users_of(class));
        }
    }

    #[test]
    fn shares_of_the_weights_are_within_one_user_of_exact(
        weights in prop::collection::vec(1..60u32, 2..=3),
        n_fixed in 1..30u32,
        target_users in 30..500u32,
    ) {
        let weighted = weights.into_iter().map(|weight| (f64::from(weight), 0));
        let classes: Vec<ClassSpec> = weighted
            .chain([(1.0, n_fixed)])
            .zip(NAMES)
            .map(|((weight, fixed_count), name)| {
                let name = name.to_owned();
                ClassSpec { name, weight, fixed_count }
            })
            .collect();
        let mut shards = Shards::new(&classes, 3);
        shards.ramp(target_users, 7.0);
        let weighted = || classes.iter().enumerate().filter(|(_, spec)| spec.fixed_count == 0);
        let total: f64 = weighted().map(|(_, spec)| spec.weight).sum();
        for (class, spec) in weighted() {
            let exact = f64::from(target_users - n_fixed) * spec.weight / total;
            let n_users = f64::from(shards.dispatcher.n_users_of(class));
            prop_assert!((n_users - exact).abs() <= 1.0, "{n_users} for {exact}");
        }
    }
}

#[test]
fn a_million_users_over_128_shards_are_one_quick_batch() {
    let spec =
        |(name, weight): (&str, f64)| ClassSpec { name: name.into(), weight, fixed_count: 0 };
    let weights = [5.0, 1.0, 2.5, 1.0, 7.0];
    let classes: Vec<ClassSpec> = NAMES.into_iter().zip(weights).map(spec).collect();
    let mut shards = Shards::new(&classes, 128);
    let start = Instant::now();
    shards.ramp(1_000_000, f64::INFINITY);
    let elapsed = start.elapsed();
    assert_eq!((shards.dispatcher.n_users(), shards.spread()), (1_000_000, 1));
    // Without optimisation the bound is generous: it must hold on a busy machine too.
    let bound_s = if cfg!(debug_assertions) { 5 } else { 1 };
    assert!(elapsed < Duration::from_secs(bound_s), "{elapsed:?}");
}
