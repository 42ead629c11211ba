//! Sleeping on the shard's wheel.

use super::wheel::{TimerKey, Wheel};
use crate::shard::Shard;
use std::{
    cell::RefCell,
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// All timers of a shard.
pub(crate) struct Timers(RefCell<Wheel<Waker>>);

impl Timers {
    pub(crate) fn new(now_ns: u64) -> Timers {
        Timers(RefCell::new(Wheel::new(now_ns)))
    }

    /// Wakes whoever is due.
    pub(crate) fn advance(&self, now_ns: u64) {
        self.0.borrow_mut().advance(now_ns, &mut Waker::wake);
    }

    /// When to call `advance` next.
    pub(crate) fn next_deadline_ns(&self) -> Option<u64> {
        self.0.borrow().next_deadline_ns()
    }
}

/// Completes at a time of the shard's clock. Dropping it costs nothing more.
pub struct Sleep {
    shard: Rc<Shard>,
    deadline_ns: u64,
    key: Option<TimerKey>,
}

impl Sleep {
    pub(crate) fn until(shard: &Rc<Shard>, deadline_ns: u64) -> Sleep {
        Sleep { shard: Rc::clone(shard), deadline_ns, key: None }
    }

    /// When it completes, in shard nanoseconds.
    pub fn deadline_ns(&self) -> u64 {
        self.deadline_ns
    }

    fn cancel(&mut self) {
        if let Some(key) = self.key.take() {
            self.shard.timers.0.borrow_mut().cancel(key);
        }
    }

    /// Moves the deadline.
    pub fn reset(&mut self, deadline_ns: u64) {
        self.cancel();
        self.deadline_ns = deadline_ns;
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut wheel = this.shard.timers.0.borrow_mut();
        if let Some(key) = this.key {
            return match wheel.get_mut(key) {
                Some(waker) => {
                    waker.clone_from(cx.waker());
                    Poll::Pending
                }
                // It has fired, and only then is it gone.
                None => {
                    this.key = None;
                    this.deadline_ns = 0;
                    Poll::Ready(())
                }
            };
        }
        if this.deadline_ns <= this.shard.now_ns() {
            return Poll::Ready(());
        }
        this.key = Some(wheel.insert(this.deadline_ns, cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("deadline_ns", &self.deadline_ns).finish_non_exhaustive()
    }
}
