//! A user as its shard sees it: something that can be asked to end, or killed.

use super::{
    exit::{self, Exit},
    table::LocalBoxFuture,
    wait::{Pacing, Wait},
};
use crate::{
    events::UserError,
    message::{ClassIdx, ExceptionReport, Report, Stop, Whom},
    shard::Shard,
};
use std::{
    any::Any,
    cell::{Cell, OnceCell},
    collections::BTreeMap,
    rc::Rc,
    task::Waker,
};

/// How far a user is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Not near.
    Running,
    /// Asked to stop: the current task may finish.
    Asked,
    /// The current task is dropped where it stands.
    Killed,
}

/// Calls a user's own `wait_time` method.
pub(super) type UserWaitTime = for<'a> fn(&'a mut dyn Any, Rc<Actor>) -> LocalBoxFuture<'a, f64>;

/// The part of a user that its shard holds too.
pub(crate) struct Actor {
    pub(super) shard: Rc<Shard>,
    pub(super) class: ClassIdx,
    pub(super) id: u64,
    life: Cell<Life>,
    pub(super) waiting: Cell<bool>,
    /// The user's executor task; there is only ever the one.
    waker: OnceCell<Waker>,
    pub(super) wait: Wait,
    pub(super) user_wait_time: UserWaitTime,
    pub(super) pacing: Cell<Pacing>,
    pub(super) n_tasks_in_turn: Cell<u8>,
}

impl Actor {
    pub(super) fn new(
        shard: &Rc<Shard>,
        class: ClassIdx,
        id: u64,
        wait: Wait,
        user_wait_time: UserWaitTime,
    ) -> Rc<Actor> {
        Rc::new(Actor {
            shard: Rc::clone(shard),
            class,
            id,
            life: Cell::new(Life::Running),
            waiting: Cell::new(false),
            waker: OnceCell::new(),
            wait,
            user_wait_time,
            pacing: Cell::new(Pacing::starting_at(shard.now_ns())),
            n_tasks_in_turn: Cell::new(0),
        })
    }

    #[inline]
    pub(crate) fn life(&self) -> Life {
        self.life.get()
    }

    /// Keeps the waker of the user's task for the stop to come.
    pub(crate) fn set_waker(&self, waker: Waker) {
        self.waker.set(waker).expect("a user has one task");
    }

    /// Changes the user's prospects, and wakes it if that concerns it now.
    fn stop(&self, how: Stop) {
        match (how, self.life.get()) {
            (Stop::Ask, Life::Running) => self.life.set(Life::Asked),
            (Stop::Kill, Life::Running | Life::Asked) => self.life.set(Life::Killed),
            _ => return,
        }
        let concerns = how == Stop::Kill || self.waiting.get();
        if concerns && let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    /// Counts an error or a panic: the `user_error` event, and the exceptions table.
    pub(super) fn report(&self, exit: &Exit) {
        let (message, trace) = match exit {
            Exit::Failed(error) => (error.to_string(), exit::trace(&**error)),
            other => (format!("{other:?}"), String::new()),
        };
        let class = self.shard.common().classes[self.class].name();
        self.shard.events().user_error.fire(&UserError {
            class,
            user_id: self.id,
            message: message.clone(),
            trace: trace.clone(),
        });
        self.shard.count_exception(ExceptionReport {
            shard: self.shard.index(),
            class: self.class,
            n: 1,
            message,
            trace,
        });
    }

    /// The user is at its end, and this is why.
    pub(super) fn end(&self, exit: Exit) {
        let shard = self.shard.index();
        match exit {
            Exit::StopTest => self.shard.report(Report::StopTest { shard, error: None }),
            // Only with `catch_exceptions` off; it was reported where it happened.
            Exit::Failed(error) => {
                let error = Some(error.to_string());
                self.shard.report(Report::StopTest { shard, error });
            }
            Exit::Interrupt { .. } => self.report(&Exit::failed(
                "interrupt outside a nested task set: there is no parent to go on in",
            )),
            _ => {}
        }
        if self.life() == Life::Running {
            let class = self.class;
            self.shard.report(Report::Ended { shard, class, n_users: 1 });
        }
    }
}

/// The live users of a shard, by class and in the order of their hatching.
#[derive(Default)]
pub(crate) struct Users {
    by_class: Vec<BTreeMap<u64, Rc<Actor>>>,
    next_id: u64,
}

impl Users {
    /// A number for a new user.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn add(&mut self, actor: Rc<Actor>) {
        if self.by_class.len() <= actor.class {
            self.by_class.resize_with(actor.class + 1, BTreeMap::new);
        }
        self.by_class[actor.class].insert(actor.id, actor);
    }

    pub(super) fn remove(&mut self, actor: &Actor) {
        self.by_class[actor.class].remove(&actor.id);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_class.iter().all(BTreeMap::is_empty)
    }

    /// Live users by class.
    pub(crate) fn counts(&self, n_classes: usize) -> Vec<u32> {
        let mut counts: Vec<u32> = self.by_class.iter().map(|users| users.len() as u32).collect();
        counts.resize(n_classes, 0);
        counts
    }

    /// Ends users. Those hatched last go first.
    pub(crate) fn stop(&self, whom: Whom, how: Stop) {
        match whom {
            Whom::All => {
                self.by_class.iter().flat_map(BTreeMap::values).for_each(|user| user.stop(how));
            }
            Whom::Asked => {
                let users = self.by_class.iter().flat_map(BTreeMap::values);
                users.filter(|user| user.life() == Life::Asked).for_each(|user| user.stop(how));
            }
            Whom::Last { class, n_users } => {
                let Some(users) = self.by_class.get(class) else { return };
                let running = users.values().rev().filter(|user| user.life() == Life::Running);
                running.take(n_users as usize).for_each(|user| user.stop(how));
            }
        }
    }
}
