//! A user class as a value that crosses threads; the users it makes do not.

use super::{
    actor::Actor,
    markov::Problem,
    prepared::{Leaf, Narrowing, Prepared},
    run::{self, live},
    table::{Table, last_segment},
    tags::TagFilter,
    traits::User,
};
use crate::{
    message::ClassIdx,
    shard::{Common, Shard},
};
use std::{any::type_name, fmt, rc::Rc, sync::Arc};

/// Prepares a class on a core.
type Ready = Arc<dyn Fn(&Rc<Shard>, ClassIdx, bool) -> Rc<dyn Hatch> + Send + Sync>;

/// Lists a class' tasks.
type Leaves = Arc<dyn Fn(&Narrowing<'_>) -> Vec<Leaf> + Send + Sync>;

/// A registered user class.
#[derive(Clone)]
pub struct Class {
    name: &'static str,
    weight: u32,
    fixed_count: u32,
    host: Option<&'static str>,
    needs_host: bool,
    /// Whether its tasks' weights count; see [`Class::with_equal_weights`].
    equal_weights: bool,
    ready: Ready,
    leaves: Leaves,
    problems: Arc<dyn Fn() -> Vec<Problem> + Send + Sync>,
}

impl Class {
    /// The class of a user type.
    pub fn of<U: User>() -> Class {
        Class::with_table::<U>(U::table)
    }

    /// The class of a user type whose tasks are made from data: `table` is called on each core in
    /// the place of [`super::Tasks::table`].
    ///
    /// ```
    /// # use hatchery_core::user::*;
    /// # struct Visitor;
    /// # impl User for Visitor { fn new(_: &Spawn<'_>) -> Self { Visitor } }
    /// # impl Tasks for Visitor { type Parent = Root; fn table() -> Table<Self> { Table::new() } }
    /// let pages = [("/", 3), ("/about", 1)];
    /// let class = Class::with_table::<Visitor>(move || {
    ///     pages.iter().fold(Table::new(), |table, &(page, weight)| {
    ///         let visit = async move |_: &mut Visitor, _: &mut Cx<'_, Visitor>| -> TaskResult {
    ///             println!("get {page}");
    ///             Ok(())
    ///         };
    ///         table.task(weight, visit).named(page)
    ///     })
    /// });
    /// assert_eq!(class.tasks(&TagFilter::default())[0].ratio, 0.75);
    /// ```
    pub fn with_table<U: User>(table: impl Fn() -> Table<U> + Send + Sync + 'static) -> Class {
        let table = Arc::new(table);
        let (table_too, table_as_well) = (Arc::clone(&table), Arc::clone(&table));
        Class {
            name: last_segment(type_name::<U>()),
            weight: U::WEIGHT,
            fixed_count: U::FIXED_COUNT,
            host: U::HOST,
            needs_host: U::NEEDS_HOST,
            equal_weights: false,
            ready: Arc::new(move |shard, class, equal_weights| {
                let narrowing = Narrowing { tags: &shard.common().tags, equal_weights };
                let prepared = prepare(table(), &narrowing);
                Rc::new(Nest { class, prepared: Rc::new(prepared) })
            }),
            problems: Arc::new(move || table_as_well().problems(U::CHOICE)),
            leaves: Arc::new(move |narrowing| prepare(table_too(), narrowing).leaves),
        }
    }

    /// The type's name, without its path.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its weight against the other classes'.
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// The same class with another weight.
    #[must_use]
    pub fn with_weight(self, weight: u32) -> Class {
        Class { weight, ..self }
    }

    /// The same class with a weight of 1, and each of its tasks, nested ones included, with a
    /// weight of 1: `--equal-weights`. Locust's `Environment.assign_equal_weights`.
    #[must_use]
    pub fn with_equal_weights(self) -> Class {
        Class { weight: self.weight.min(1), equal_weights: true, ..self }
    }

    /// If not 0, exactly so many of its users run.
    pub fn fixed_count(&self) -> u32 {
        self.fixed_count
    }

    /// The base URL that the type itself names.
    pub fn host(&self) -> Option<&'static str> {
        self.host
    }

    /// Whether its users cannot run without a base URL.
    pub fn needs_host(&self) -> bool {
        self.needs_host
    }

    /// Its tasks that a filter keeps, with their shares. Empty if none are left.
    pub fn tasks(&self, filter: &TagFilter) -> Vec<Leaf> {
        (self.leaves)(&Narrowing { tags: filter, equal_weights: self.equal_weights })
    }

    /// What is wrong with its task tables: to be asked before it is run.
    pub fn problems(&self) -> Vec<Problem> {
        (self.problems)()
    }

    /// Prepares the class on a core.
    pub(crate) fn ready(&self, shard: &Rc<Shard>, class: ClassIdx) -> Rc<dyn Hatch> {
        (self.ready)(shard, class, self.equal_weights)
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Class")
            .field("name", &self.name)
            .field("weight", &self.weight)
            .field("fixed_count", &self.fixed_count)
            .finish_non_exhaustive()
    }
}

fn prepare<U: User>(table: Table<U>, narrowing: &Narrowing<'_>) -> Prepared<U> {
    Prepared::new(table, U::CHOICE, narrowing, &[])
}

/// A class on a core, ready to make users.
pub(crate) trait Hatch {
    /// Starts one user.
    fn hatch(&self, shard: &Rc<Shard>);
}

/// Where users of a class are hatched on a core.
struct Nest<U: User> {
    class: ClassIdx,
    prepared: Rc<Prepared<U>>,
}

impl<U: User> Hatch for Nest<U> {
    fn hatch(&self, shard: &Rc<Shard>) {
        let id = shard.users_mut().next_id();
        let actor = Actor::new(shard, self.class, id, U::WAIT, |user, actor| {
            Box::pin(run::user_wait_time::<U>(user, actor))
        });
        shard.users_mut().add(Rc::clone(&actor));
        let leave = Leave(Rc::clone(&actor));
        let prepared = Rc::clone(&self.prepared);
        let user = Rc::clone(&actor);
        shard.spawn_user(&actor, async move {
            live(prepared, user).await;
            drop(leave);
        });
    }
}

/// Takes the user off its shard's list, whatever ended it.
struct Leave(Rc<Actor>);

impl Drop for Leave {
    fn drop(&mut self) {
        let shard = Rc::clone(&self.0.shard);
        shard.users_mut().remove(&self.0);
    }
}

/// What a user is made from: where it lives, and whom it is to load.
pub struct Spawn<'a> {
    actor: &'a Rc<Actor>,
}

impl<'a> Spawn<'a> {
    pub(super) fn new(actor: &'a Rc<Actor>) -> Spawn<'a> {
        Spawn { actor }
    }

    /// The base URL of the target: the program's or the command line's, else the class' own.
    pub fn host(&self) -> Option<&'a str> {
        let common = self.actor.shard.common();
        common.host.as_deref().or(common.classes[self.actor.class].host)
    }

    /// The number of this user, unique on its shard in a run.
    pub fn user_id(&self) -> u64 {
        self.actor.id
    }

    /// The core that the user lives on.
    pub fn shard(&self) -> &'a Rc<Shard> {
        &self.actor.shard
    }

    /// What the run is made of: host, tags, classes, the program's own options. Locust's
    /// `environment`, which a user is made with.
    pub fn environment(&self) -> &'a Common {
        self.actor.shard.common()
    }

    /// The program's own options, if they are of this type. Locust's
    /// `environment.parsed_options`.
    pub fn parsed_options<T: 'static>(&self) -> Option<&'a T> {
        self.environment().parsed_options()
    }

    /// The older name of [`parsed_options`](Self::parsed_options).
    #[doc(hidden)]
    pub fn options<T: 'static>(&self) -> Option<&'a T> {
        self.parsed_options()
    }
}

impl fmt::Debug for Spawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawn").field("user_id", &self.user_id()).finish_non_exhaustive()
    }
}
