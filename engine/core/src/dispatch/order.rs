//! Which class the next user belongs to: the order in which Locust (2.27 and later) picks them.
//!
//! The order is deterministic: it always adds the class that brings the mix of users closest to the
//! weights, measured by Kullback-Leibler divergence. So a ramp is well mixed from its first user
//! on, two runs hatch the same users, and a small test has the classes that a large one has.
//!
//! Taking a class with weight `w` for the (k+1)th time changes the divergence by
//! `w * log2((w + k) / (w + k + 1))`; the smallest goes first. Starting from `w` users instead of
//! none keeps the logarithm finite. (Locust, `locust/dispatch.py`, `_kl_generator`.)
//!
//! In the terms of apportionment this is a divisor method, close to Webster's. With whole weights
//! each full cycle has exactly the weights. In between, a share is at most one user off with up to
//! three classes, and further with more: where one large class stands beside many small ones, the
//! small ones come in a row.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

/// An endless sequence of class indices in proportion to the classes' weights.
///
/// Locust's sequence runs on when users are removed and grown again. This one can be told to
/// [`give_back`](Self::give_back) a choice, so that the mix of N users is the same whether the ramp
/// came to N from below or from above.
pub struct ClassOrder {
    candidates: Vec<Candidate>,
    /// The candidates that can be chosen, best first.
    heap: BinaryHeap<Reverse<Rank>>,
    /// Set when a class was given back: the heap no longer has its key.
    is_stale: bool,
}

struct Candidate {
    weight: f64,
    /// Its place among the names, which decides between equals.
    name_idx: usize,
    n_given: u32,
}

/// One candidate's claim to be next. Locust compares these four in this order.
#[derive(Clone, Copy)]
struct Rank {
    divergence: f64,
    position: f64,
    weight: f64,
    name_idx: usize,
    class: usize,
}

impl ClassOrder {
    /// The order of these classes, given as name and weight; it yields indices into them.
    ///
    /// Weights are relative to each other and need not be whole. A class whose weight is not a
    /// positive, finite number is never chosen; where no weight is, the sequence is empty.
    pub fn new<'a>(classes: impl IntoIterator<Item = (&'a str, f64)>) -> Self {
        let (names, weights): (Vec<&str>, Vec<f64>) = classes.into_iter().unzip();
        let mut by_name: Vec<usize> = (0..names.len()).collect();
        by_name.sort_by_key(|&class| names[class]);
        let mut candidates: Vec<Candidate> = weights
            .into_iter()
            .map(|weight| Candidate { weight, name_idx: 0, n_given: 0 })
            .collect();
        for (name_idx, &class) in by_name.iter().enumerate() {
            candidates[class].name_idx = name_idx;
        }
        Self { candidates, heap: BinaryHeap::new(), is_stale: true }
    }

    /// Undoes the last `n_choices` of `class`, or as many as there were.
    ///
    /// # Panics
    /// If `class` is not one of the order's indices.
    pub fn give_back(&mut self, class: usize, n_choices: u32) {
        let candidate = &mut self.candidates[class];
        candidate.n_given = candidate.n_given.saturating_sub(n_choices);
        self.is_stale = true;
    }

    fn refresh(&mut self) {
        let candidates = self.candidates.iter().enumerate();
        self.heap = candidates
            .filter(|(_, candidate)| candidate.weight > 0.0 && candidate.weight.is_finite())
            .map(|(class, candidate)| Reverse(candidate.rank(class)))
            .collect();
        self.is_stale = false;
    }
}

impl Iterator for ClassOrder {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.is_stale {
            self.refresh();
        }
        let mut best = self.heap.peek_mut()?;
        let class = best.0.class;
        let candidate = &mut self.candidates[class];
        candidate.n_given += 1;
        *best = Reverse(candidate.rank(class));
        Some(class)
    }
}

impl Candidate {
    fn rank(&self, class: usize) -> Rank {
        let Self { weight, name_idx, n_given } = *self;
        let position = weight + f64::from(n_given);
        let divergence = weight * (position / (position + 1.0)).log2();
        Rank { divergence, position, weight, name_idx, class }
    }
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        self.divergence
            .total_cmp(&other.divergence)
            .then_with(|| self.position.total_cmp(&other.position))
            .then_with(|| self.weight.total_cmp(&other.weight))
            .then_with(|| self.name_idx.cmp(&other.name_idx))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rank {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Rank {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];

    fn order(weights: &[f64]) -> ClassOrder {
        ClassOrder::new(NAMES.into_iter().zip(weights.iter().copied()))
    }

    fn counts(order: &mut ClassOrder, n_users: usize, n_classes: usize) -> Vec<usize> {
        let mut counts = vec![0; n_classes];
        order.take(n_users).for_each(|class| counts[class] += 1);
        counts
    }

    #[track_caller]
    fn check(weights: &[f64], expected: &str) {
        let sequence: String =
            order(weights).take(expected.len()).map(|class| NAMES[class]).collect();
        assert_eq!(sequence, expected, "weights {weights:?}");
    }

    #[test]
    fn the_sequences_are_the_ones_that_locust_gives() {
        check(&[5.0, 1.0], "AABAAAAABAAAAABAAAAABAAA");
        check(&[10.0, 2.0], "AABAAAAABAAAAABAAAAABAAA");
        check(&[0.5, 0.1], "AABAAAAABAAAAABAAAAABAAA");
        check(&[1.0, 1.0, 1.0], "ABCABCABCABC");
        check(&[3.0, 1.0], "ABAAABAAABAA");
        check(&[1.0, 2.0, 3.0], "CBACBCCBACBC");
        check(&[10.0, 5.0, 1.0], "ABAABACABAABAABA");
        check(&[4.0, 5.0], "BABABABABB");
        check(&[101.0, 99.0, 100.0], "ACBACBACBACB");
        check(&[4.0, 5.0, 2.0, 1.0, 2.0, 1.0], "BACEBADFBABCEABBACEBADFBABCEAB");
    }

    #[test]
    fn equals_come_in_the_order_of_their_names_wherever_they_stand() {
        let order = ClassOrder::new([("Web", 1.0), ("Admin", 1.0), ("Mobile", 1.0)]);
        assert_eq!(order.take(6).collect::<Vec<_>>(), [1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn classes_without_a_usable_weight_are_never_picked() {
        check(&[0.0, 1.0, -1.0, f64::NAN, f64::INFINITY], "BBBBB");
        assert_eq!(order(&[0.0, 0.0]).next(), None);
        assert_eq!(order(&[]).next(), None);
    }

    fn weights(n_classes: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<u32>> {
        prop::collection::vec(1..60u32, n_classes)
    }

    proptest! {
        #[test]
        fn with_up_to_three_classes_every_share_is_within_one_user_of_exact(
            weights in weights(1..=3),
            n_users in 0..500usize,
        ) {
            let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            let total: f64 = weights.iter().sum();
            let counts = counts(&mut order(&weights), n_users, weights.len());
            for (count, weight) in counts.iter().zip(&weights) {
                let exact = n_users as f64 * weight / total;
                prop_assert!((*count as f64 - exact).abs() <= 1.0, "{counts:?} for {weights:?}");
            }
        }

        #[test]
        fn full_cycles_of_whole_weights_give_exactly_the_weights(
            weights in weights(1..=8),
            n_cycles in 1..4usize,
        ) {
            let cycle: u32 = weights.iter().sum();
            let floats: Vec<f64> = weights.iter().copied().map(f64::from).collect();
            let counts = counts(&mut order(&floats), cycle as usize * n_cycles, weights.len());
            let exact: Vec<usize> = weights.iter().map(|w| *w as usize * n_cycles).collect();
            prop_assert_eq!(counts, exact);
        }

        #[test]
        fn what_was_given_back_is_given_again(
            weights in weights(1..=8),
            n_kept in 0..100usize,
            n_undone in 0..100usize,
        ) {
            let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            let mut order = order(&weights);
            let _kept: Vec<usize> = order.by_ref().take(n_kept).collect();
            let undone: Vec<usize> = order.by_ref().take(n_undone).collect();
            undone.iter().rev().for_each(|&class| order.give_back(class, 1));
            prop_assert_eq!(order.take(n_undone).collect::<Vec<_>>(), undone);
        }
    }
}
