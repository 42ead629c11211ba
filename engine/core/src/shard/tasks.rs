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
    background: RefCell<Slab<Waker>>,
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
        let mut background = self.tasks.background.borrow_mut();
        let entry = background.vacant_entry();
        let future = Background { shard: Rc::clone(self), key: entry.key(), future };
        entry.insert(self.tasks.queue.spawn(Box::pin(future)));
    }

    /// Runs each task once that is ready now.
    pub(super) fn run_ready(&self) {
        self.tasks.queue.run_ready(self.ring());
    }

    /// Has the background futures dropped, each by its own task when that runs next.
    pub(crate) fn end_background(&self) {
        self.tasks.quitting.set(true);
        self.tasks.background.borrow().iter().for_each(|(_, waker)| waker.wake_by_ref());
    }

    /// Background futures that have not ended.
    pub(crate) fn n_background(&self) -> usize {
        self.tasks.background.borrow().len()
    }

    /// Runs a user.
    pub(crate) fn spawn_user(&self, actor: &Actor, life: impl Future<Output = ()> + 'static) {
        actor.set_waker(self.tasks.queue.spawn(Box::pin(life)));
    }
}

pin_project_lite::pin_project! {
    /// Ends with its future or with the shard, whichever comes first.
    struct Background<F> {
        shard: Rc<Shard>,
        key: usize,
        #[pin]
        future: F,
    }
}

impl<F: Future<Output = ()>> Future for Background<F> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if !this.shard.tasks.quitting.get() && this.future.poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.shard.tasks.background.borrow_mut().remove(*this.key);
        Poll::Ready(())
    }
}
