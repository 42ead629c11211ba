//! A table narrowed to what the command line leaves of it, ready to choose the next task from.

use super::{
    markov::Chain,
    table::{Entry, Run, Table},
    tags::TagFilter,
    traits::{Choice, Tasks},
};
use fastrand::Rng;
use std::borrow::Cow;

/// What the command line makes of the tables.
#[derive(Clone, Copy)]
pub(crate) struct Narrowing<'a> {
    pub(crate) tags: &'a TagFilter,
    /// Each task counts once, whatever its weight: `--equal-weights`.
    pub(crate) equal_weights: bool,
}

/// A task for people: its name, its share of its table, and what is nested in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// The task's or set's name.
    pub name: Cow<'static, str>,
    /// Its share of its table's choices.
    pub ratio: f64,
    /// The tasks of a nested set.
    pub tasks: Vec<Leaf>,
}

/// A table narrowed by tags and ready to choose from, once per core and class.
pub(crate) struct Prepared<S: Tasks> {
    runs: Vec<Run<S>>,
    /// Running sums of the weights.
    sums: Vec<u32>,
    choice: Choice,
    /// Empty unless the choice is a Markov set's.
    chain: Chain,
    pub(crate) leaves: Vec<Leaf>,
    /// Whether there were tasks before the filter.
    pub(crate) had_tasks: bool,
}

impl<S: Tasks> Prepared<S> {
    pub(crate) fn new(
        table: Table<S>,
        choice: Choice,
        narrowing: &Narrowing<'_>,
        inherited: &[&'static str],
    ) -> Self {
        let had_tasks = !table.entries.is_empty();
        let (mut runs, mut sums, mut leaves, mut sum) = (vec![], vec![], vec![], 0);
        let mut kept = vec![];
        for entry in table.entries {
            let tags = [inherited, &entry.tags].concat();
            let Some((run, tasks)) = (entry.narrow)(narrowing, &tags) else { continue };
            // In a sequence every task has its turn, whatever its weight.
            let weight = match choice {
                Choice::Sequential | Choice::Markov => 1,
                Choice::Random if narrowing.equal_weights => entry.weight.min(1),
                Choice::Random => entry.weight,
            };
            if weight == 0 {
                continue;
            }
            sum += weight;
            sums.push(sum);
            runs.push(run);
            leaves.push(Leaf { name: entry.name.clone(), ratio: f64::from(weight), tasks });
            kept.push(entry);
        }
        for leaf in &mut leaves {
            leaf.ratio /= f64::from(sum);
        }
        let chain = match choice {
            Choice::Markov => Chain::new(&kept.iter().map(Entry::link).collect::<Vec<_>>()),
            _ => Chain::default(),
        };
        Prepared { runs, sums, choice, chain, leaves, had_tasks }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The next task; `position` is where a sequence has got to: the number of the last task, plus
    /// one.
    pub(crate) fn choose(&self, position: &mut usize, rng: &mut Rng) -> &Run<S> {
        let index = match self.choice {
            Choice::Sequential => {
                let index = *position % self.runs.len();
                *position = index + 1;
                index
            }
            Choice::Markov => {
                let index = self.chain.next(position.checked_sub(1), rng);
                *position = index + 1;
                index
            }
            Choice::Random => {
                let total = *self.sums.last().expect("a table without tasks is not run");
                let drawn = rng.u32(..total);
                self.sums.partition_point(|&sum| sum <= drawn)
            }
        };
        &self.runs[index]
    }
}
