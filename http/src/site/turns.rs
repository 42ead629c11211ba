//! Who takes which of several source addresses.

use std::cell::{Cell, RefCell};

/// Hands out turns, of which the rest by the number of addresses says which address to take.
///
/// What was given back is handed out again first. So at any time no address has more users than
/// the largest number of users there ever were, divided by the number of addresses and rounded up:
/// what is known before a run about the ports it needs.
#[derive(Debug)]
pub(crate) struct Turns {
    next: Cell<usize>,
    free: RefCell<Vec<usize>>,
}

impl Turns {
    /// Begins with this turn.
    pub(crate) fn starting_at(first: usize) -> Turns {
        Turns { next: Cell::new(first), free: RefCell::default() }
    }

    /// A turn that nobody has.
    pub(crate) fn take(&self) -> usize {
        let free = self.free.borrow_mut().pop();
        free.unwrap_or_else(|| self.next.replace(self.next.get().wrapping_add(1)))
    }

    /// Gives one back.
    pub(crate) fn give_back(&self, turn: usize) {
        self.free.borrow_mut().push(turn);
    }
}

#[cfg(test)]
mod tests {
    use super::Turns;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_address_ever_has_more_than_its_share_of_the_peak(
            first in 0_usize..64,
            n_addresses in 1_usize..20,
            comes in prop::collection::vec(any::<(bool, prop::sample::Index)>(), 0..300),
        ) {
            let turns = Turns::starting_at(first);
            let (mut held, mut peak) = (vec![], 0);
            for (comes, which) in comes {
                match comes || held.is_empty() {
                    true => held.push(turns.take()),
                    false => turns.give_back(held.swap_remove(which.index(held.len()))),
                }
                peak = peak.max(held.len());
                let mut n_users = vec![0; n_addresses];
                held.iter().for_each(|turn| n_users[turn % n_addresses] += 1);
                let most = n_users.into_iter().max().unwrap_or(0);
                prop_assert!(most <= peak.div_ceil(n_addresses));
            }
        }
    }
}
