//! The class of the next user: what the fixed counts lack comes first, then the weights decide.

use super::{order::ClassOrder, plan::ClassSpec, roster::Roster};

/// Names classes for new users, within the classes that may be added.
pub(super) struct ClassChoice {
    classes: Vec<ClassSpec>,
    is_allowed: Vec<bool>,
    weighted: ClassOrder,
    fixed: Fixed,
}

/// The users that the fixed counts lack.
enum Fixed {
    /// Some may have been removed: count again.
    Unknown,
    Missing {
        order: ClassOrder,
        n_users: u32,
    },
}

impl ClassChoice {
    pub(super) fn new(classes: &[ClassSpec]) -> Self {
        let is_allowed = vec![true; classes.len()];
        Self {
            classes: classes.to_vec(),
            weighted: weighted_order(classes, &is_allowed),
            is_allowed,
            fixed: Fixed::Unknown,
        }
    }

    /// From now on only these classes may be added; all of them if `None`. As in Locust, a change
    /// has the weights count from here on, whatever users there are.
    pub(super) fn restrict(&mut self, classes: Option<&[usize]>) {
        let mut is_allowed = vec![classes.is_none(); self.classes.len()];
        for &class in classes.unwrap_or_default() {
            is_allowed[class] = true;
        }
        if is_allowed != self.is_allowed {
            self.weighted = weighted_order(&self.classes, &is_allowed);
            self.is_allowed = is_allowed;
            self.fixed = Fixed::Unknown;
        }
    }

    /// The class of the user to add to `roster`; `None` if there is no class to add.
    pub(super) fn next(&mut self, roster: &Roster) -> Option<usize> {
        if let Fixed::Unknown = self.fixed {
            self.fixed = self.count_fixed(roster);
        }
        match &mut self.fixed {
            Fixed::Missing { order, n_users } if *n_users > 0 => {
                *n_users -= 1;
                order.next()
            }
            _ => self.weighted.next(),
        }
    }

    /// Notes that `n_users` of `class` were removed.
    pub(super) fn give_back(&mut self, class: usize, n_users: u32) {
        if self.classes[class].fixed_count == 0 {
            self.weighted.give_back(class, n_users);
        }
        // Also when the class is not a fixed one: the count under way may have been cut short.
        self.fixed = Fixed::Unknown;
    }

    /// Locust shares the missing users among their classes as if the missing counts were weights.
    fn count_fixed(&self, roster: &Roster) -> Fixed {
        let missing = |(class, spec): (usize, &ClassSpec)| {
            let n_wanted = if self.is_allowed[class] { spec.fixed_count } else { 0 };
            n_wanted.saturating_sub(roster.wanted(class))
        };
        let missing: Vec<u32> = self.classes.iter().enumerate().map(missing).collect();
        let weights = missing.iter().copied().map(f64::from);
        Fixed::Missing {
            order: ClassOrder::new(self.classes.iter().map(|spec| &*spec.name).zip(weights)),
            n_users: missing.iter().fold(0, |sum, n_users| sum.saturating_add(*n_users)),
        }
    }
}

fn weighted_order(classes: &[ClassSpec], is_allowed: &[bool]) -> ClassOrder {
    ClassOrder::new(classes.iter().zip(is_allowed).map(|(spec, is_allowed)| {
        let takes_part = *is_allowed && spec.fixed_count == 0;
        (&*spec.name, if takes_part { spec.weight } else { 0.0 })
    }))
}
