//! The task table: what a user or set can do, with weights and tags.

use super::{
    context::Cx,
    exit::TaskResult,
    guard::guard,
    markov::{self, Link, Problem},
    prepared::{Leaf, Narrowing, Prepared},
    run,
    traits::{Choice, TaskSet, Tasks},
};
use std::{any::type_name, borrow::Cow, fmt, future::Future, pin::Pin, rc::Rc};

pub(crate) type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A task with its type forgotten.
pub(crate) type Run<S> =
    Rc<dyn for<'a> Fn(&'a mut S, &'a mut Cx<'_, S>) -> LocalBoxFuture<'a, TaskResult>>;

/// Narrows a table to the tasks that a filter keeps, given the tags inherited from above.
type Narrow<S> = Rc<dyn Fn(&Narrowing<'_>, &[&'static str]) -> Option<(Run<S>, Vec<Leaf>)>>;

/// One row of a [`Table`].
pub struct Entry<S: Tasks> {
    pub(super) name: Cow<'static, str>,
    pub(super) weight: u32,
    pub(super) tags: Vec<&'static str>,
    /// What transitions name it by: the name of its type, which no other task has.
    key: &'static str,
    /// In a Markov set: weight and key of each task that may follow.
    to: Vec<(u32, &'static str)>,
    pub(super) narrow: Narrow<S>,
    /// What is wrong with a nested set.
    problems: fn() -> Vec<Problem>,
}

impl<S: Tasks> Entry<S> {
    pub(super) fn link(&self) -> Link<'_> {
        let has_tags = !self.tags.is_empty();
        Link { key: self.key, name: &self.name, to: &self.to, has_tags }
    }
}

/// The tasks of a user or set, in order. Locust's `tasks`.
pub struct Table<S: Tasks> {
    pub(super) entries: Vec<Entry<S>>,
}

impl<S: Tasks> Default for Table<S> {
    fn default() -> Self {
        Table { entries: vec![] }
    }
}

impl<S: Tasks> fmt::Debug for Table<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.entries.iter().map(|entry| (&entry.name, entry.weight));
        f.debug_map().entries(rows).finish()
    }
}

impl<S: Tasks> Table<S> {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a task, named after its function. `F` is usually a method's path, `Self::index`, and
    /// may be a closure.
    #[must_use]
    pub fn task<F>(mut self, weight: u32, task: F) -> Self
    where
        F: AsyncFn(&mut S, &mut Cx<'_, S>) -> TaskResult + 'static,
    {
        let run = erase(task);
        self.entries.push(Entry {
            name: last_segment(type_name::<F>()).into(),
            weight,
            tags: vec![],
            key: type_name::<F>(),
            to: vec![],
            problems: Vec::new,
            narrow: Rc::new(move |narrowing, tags| {
                narrowing.tags.keeps(tags).then(|| (Rc::clone(&run), vec![]))
            }),
        });
        self
    }

    /// Adds a nested task set.
    #[must_use]
    pub fn nest<T: TaskSet + Tasks<Parent = S>>(mut self, weight: u32) -> Self {
        self.entries.push(Entry {
            name: last_segment(type_name::<T>()).into(),
            weight,
            tags: vec![],
            key: type_name::<T>(),
            to: vec![],
            problems: || T::table().problems(T::CHOICE),
            narrow: Rc::new(|narrowing, tags| {
                let prepared = Prepared::new(T::table(), T::CHOICE, narrowing, tags);
                if prepared.is_empty() {
                    return None;
                }
                let leaves = prepared.leaves.clone();
                let prepared = Rc::new(prepared);
                let run: Run<S> = Rc::new(move |set, cx| {
                    let prepared = Rc::clone(&prepared);
                    Box::pin(run::enter::<T, S>(prepared, set, cx))
                });
                Some((run, leaves))
            }),
        });
        self
    }

    /// Tags the task or set just added; a set's tags are those of all its tasks.
    #[must_use]
    pub fn tagged(mut self, tags: &[&'static str]) -> Self {
        if let Some(entry) = self.entries.last_mut() {
            entry.tags.extend_from_slice(tags);
        }
        self
    }

    /// In a set with [`Choice::Markov`]: `task` may follow the one just added, with this weight
    /// against the others that may. Every task needs one that may follow it. Locust's
    /// `@transition`.
    ///
    /// ```
    /// # use hatchery_core::user::*;
    /// # struct Walk;
    /// # impl Walk {
    /// #     async fn home(&mut self, _: &mut Cx<'_, Self>) -> TaskResult { Ok(()) }
    /// #     async fn away(&mut self, _: &mut Cx<'_, Self>) -> TaskResult { Ok(()) }
    /// # }
    /// impl Tasks for Walk {
    ///     type Parent = Root;
    ///     fn table() -> Table<Self> {
    ///         Table::new()
    ///             .task(1, Self::home).to(3, Self::away).to(1, Self::home)
    ///             .task(1, Self::away).to(1, Self::home)
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn to<F>(mut self, weight: u32, _task: F) -> Self
    where
        F: AsyncFn(&mut S, &mut Cx<'_, S>) -> TaskResult + 'static,
    {
        if let Some(entry) = self.entries.last_mut() {
            entry.to.push((weight, type_name::<F>()));
        }
        self
    }

    /// The same for a nested set.
    #[must_use]
    pub fn to_set<T: TaskSet + Tasks<Parent = S>>(mut self, weight: u32) -> Self {
        if let Some(entry) = self.entries.last_mut() {
            entry.to.push((weight, type_name::<T>()));
        }
        self
    }

    /// What is wrong with the table and those nested in it.
    pub(crate) fn problems(&self, choice: Choice) -> Vec<Problem> {
        let nested = self.entries.iter().flat_map(|entry| (entry.problems)());
        let mut problems: Vec<Problem> = nested.collect();
        if choice == Choice::Markov {
            let links: Vec<Link<'_>> = self.entries.iter().map(Entry::link).collect();
            problems.extend(markov::problems(last_segment(type_name::<S>()), &links));
        }
        problems
    }

    /// Names the task just added, for `--show-task-ratio`; closures have no name of their own.
    #[must_use]
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        if let Some(entry) = self.entries.last_mut() {
            entry.name = name.into();
        }
        self
    }
}

/// Erases a task's type. The future is guarded: a panic is an error of the task, a kill ends it.
pub(crate) fn erase<S: Tasks, F>(task: F) -> Run<S>
where
    F: AsyncFn(&mut S, &mut Cx<'_, S>) -> TaskResult + 'static,
{
    let task = Rc::new(task);
    Rc::new(move |set, cx| {
        let task = Rc::clone(&task);
        let actor = Rc::clone(&cx.actor);
        // Made where it lies: put on the stack first, all of its room would be copied.
        let place = Box::new_uninit();
        let future = Box::write(place, guard(actor, async move { task(set, cx).await }));
        Box::into_pin(future)
    })
}

/// The last part of a path, without its generic arguments' paths: `shop::Search<shop::A>` is
/// `Search<shop::A>`.
pub(crate) fn last_segment(path: &'static str) -> &'static str {
    let head = path.find('<').map_or(path, |at| &path[..at]);
    let start = head.rfind("::").map_or(0, |at| at + 2);
    &path[start..]
}

#[cfg(test)]
mod tests {
    use super::last_segment;

    #[test]
    fn names_are_the_last_part_of_a_path() {
        assert_eq!(last_segment("shop::Shopper::item"), "item");
        assert_eq!(last_segment("shop::Search<shop::A>"), "Search<shop::A>");
        assert_eq!(last_segment("plain"), "plain");
    }
}
