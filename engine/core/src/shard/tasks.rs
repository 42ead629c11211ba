//! The tasks that a shard runs, and what surrounds them, by which they can be ended.

use super::{local::Shard, queue::RunQueue};
use crate::{ring, user::Actor};
use slab::Slab;
use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// What a shard knows of its tasks.
pub(super) struct Tasks {
    pub(super) queue: RunQueue,
    /// What [`Shard::spawn`] runs. Ended when the shard quits: nothing else would, and what these
    /// futures hold, sockets above all, would stay open as long as the process.
    background: RefCell<Slab<Option<Waker>>>,
    quitting: Cell<bool>,
}

impl Tasks {
    pub(super) fn new(waker: ring::Waker) -> Tasks {
        let queue = RunQueue::new(waker);
        Tasks { queue, background: RefCell::default(), quitting: Cell::new(false) }
    }
}

impl Shard {
    /// Runs a future on this shard, beside its users: a background connection, a listener. It is
    /// dropped when the shard quits.
    pub fn spawn(self: &Rc<Self>, future: impl Future<Output = ()> + 'static) {
        let key = self.tasks.background.borrow_mut().insert(None);
        let future = Background { shard: Rc::clone(self), key, is_known: false, future };
        self.tasks.queue.spawn(Box::pin(future));
    }

    /// Runs each task once that is ready now.
    pub(super) fn run_ready(&self) {
        self.tasks.queue.run_ready(self.ring());
    }

    /// Has the background futures dropped, each by its own task when that runs next.
    pub(crate) fn end_background(&self) {
        self.tasks.quitting.set(true);
        for (_, waker) in self.tasks.background.borrow_mut().iter_mut() {
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        }
    }

    /// Background futures that have not ended.
    pub(crate) fn n_background(&self) -> usize {
        self.tasks.background.borrow().len()
    }

    /// Runs a user.
    pub(crate) fn spawn_user<F>(
        self: &Rc<Self>,
        actor: Rc<Actor>,
        live: impl FnOnce(Rc<Actor>) -> F,
    ) where
        F: Future<Output = ()> + 'static,
    {
        let future = live(Rc::clone(&actor));
        self.tasks.queue.spawn(Box::pin(Waking { actor, future }));
    }
}

pin_project_lite::pin_project! {
    /// Ends with its future or with the shard, whichever comes first.
    struct Background<F> {
        shard: Rc<Shard>,
        key: usize,
        is_known: bool,
        #[pin]
        future: F,
    }
}

impl<F: Future<Output = ()>> Future for Background<F> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if !this.shard.tasks.quitting.get() {
            // A task has the same waker for life.
            if !std::mem::replace(this.is_known, true) {
                this.shard.tasks.background.borrow_mut()[*this.key] = Some(cx.waker().clone());
            }
            if this.future.poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        this.shard.tasks.background.borrow_mut().remove(*this.key);
        Poll::Ready(())
    }
}

pin_project_lite::pin_project! {
    /// Leaves the task's waker where a stop finds it. A task has the same waker for life.
    struct Waking<F> {
        actor: Rc<Actor>,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Waking<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.actor.remember_waker(cx.waker());
        this.future.poll(cx)
    }
}
