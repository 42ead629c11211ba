//! A Markov set: which task may follow which, and how likely. Locust's `MarkovTaskSet`.

use fastrand::Rng;
use std::collections::BTreeSet;

/// A task of a Markov set as its table has it.
pub(super) struct Link<'a> {
    /// What transitions name it by.
    pub(super) key: &'static str,
    /// What people call it.
    pub(super) name: &'a str,
    /// Weight and key of each task that may follow.
    pub(super) to: &'a [(u32, &'static str)],
    pub(super) has_tags: bool,
}

/// Something about a task table that its author should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it is, and what to do about it.
    pub text: String,
    /// Whether the table cannot be run as it is.
    pub is_error: bool,
}

/// The transitions, by number of the task.
#[derive(Default)]
pub(super) struct Chain {
    rows: Vec<Row>,
}

/// What follows one task.
#[derive(Default)]
struct Row {
    /// Running sums of the weights.
    sums: Vec<u32>,
    targets: Vec<usize>,
}

impl Chain {
    /// Transitions to tasks that there are not are left out: see [`problems`].
    pub(super) fn new(links: &[Link<'_>]) -> Chain {
        let row = |link: &Link<'_>| {
            let mut row = Row::default();
            for &(weight, key) in link.to {
                let target = links.iter().position(|link| link.key == key);
                if let (Some(target), true) = (target, weight > 0) {
                    row.sums.push(row.sums.last().unwrap_or(&0) + weight);
                    row.targets.push(target);
                }
            }
            row
        };
        Chain { rows: links.iter().map(row).collect() }
    }

    /// The task after `from`; the first to begin with, and after one that nothing follows.
    pub(super) fn next(&self, from: Option<usize>, rng: &mut Rng) -> usize {
        let Some(row) = from.and_then(|from| self.rows.get(from)) else { return 0 };
        let Some(&total) = row.sums.last() else { return 0 };
        let drawn = rng.u32(..total);
        row.targets[row.sums.partition_point(|&sum| sum <= drawn)]
    }
}

/// What Locust refuses, or warns of, when a Markov set is declared.
pub(super) fn problems(set: &str, links: &[Link<'_>]) -> Vec<Problem> {
    let mut problems = vec![];
    let mut tell = |is_error: bool, text: String| problems.push(Problem { text, is_error });
    for link in links {
        let name = link.name;
        if link.to.iter().all(|&(weight, _)| weight == 0) {
            tell(true, format!("{set}: nothing follows {name}; add a transition with `to`"));
        }
        for (_, key) in link.to.iter().filter(|(_, key)| links.iter().all(|it| it.key != *key)) {
            let target = super::table::last_segment(key);
            tell(true, format!("{set}: {name} leads to {target}, which is no task of the set"));
        }
        if link.has_tags {
            tell(true, format!("{set}: {name} has tags, which would break the chain; tag the set"));
        }
    }
    let mut reached = BTreeSet::new();
    let mut ahead: Vec<usize> = if links.is_empty() { vec![] } else { vec![0] };
    while let Some(i) = ahead.pop() {
        if reached.insert(i) {
            let to = links[i].to.iter().filter(|(weight, _)| *weight > 0);
            ahead.extend(to.filter_map(|(_, key)| links.iter().position(|it| it.key == *key)));
        }
    }
    for (_, link) in links.iter().enumerate().filter(|(i, _)| !reached.contains(i)) {
        tell(false, format!("{set}: no transition leads to {}, so it never runs", link.name));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link<'a>(key: &'static str, to: &'a [(u32, &'static str)]) -> Link<'a> {
        Link { key, name: key, to, has_tags: false }
    }

    #[test]
    fn the_first_task_begins_and_weights_decide_what_follows() {
        let links =
            [link("a", &[(3, "b"), (1, "a"), (0, "c")]), link("b", &[(1, "a")]), link("c", &[])];
        let chain = Chain::new(&links);
        let mut rng = Rng::with_seed(3);
        assert_eq!(chain.next(None, &mut rng), 0);
        assert_eq!(chain.next(Some(1), &mut rng), 0);
        let n_b = (0..10_000).filter(|_| chain.next(Some(0), &mut rng) == 1).count();
        assert!(n_b.abs_diff(7_500) < 200, "{n_b}");
    }

    #[test]
    fn mistakes_are_told_apart_from_oddities() {
        let mut tagged = link("t", &[(1, "t")]);
        tagged.has_tags = true;
        let links = [link("a", &[(1, "m::nowhere")]), link("b", &[]), tagged];
        let told = problems("Set", &links);
        let texts: Vec<_> = told.iter().map(|it| (it.is_error, it.text.as_str())).collect();
        assert_eq!(
            texts,
            [
                (true, "Set: a leads to nowhere, which is no task of the set"),
                (true, "Set: nothing follows b; add a transition with `to`"),
                (true, "Set: t has tags, which would break the chain; tag the set"),
                (false, "Set: no transition leads to b, so it never runs"),
                (false, "Set: no transition leads to t, so it never runs"),
            ]
        );
    }
}
