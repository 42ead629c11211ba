//! A connection that is being made, and the requests that wait for it.

use super::multiplexed::Multiplexed;
use crate::error::HttpError;
use std::{
    cell::{Cell, RefCell},
    fmt,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

/// What the server agreed to.
#[derive(Clone, Debug)]
pub(super) enum Agreed {
    Http2(Rc<Multiplexed>),
    Http1,
}

/// A connection that one request makes, and others wait for.
#[derive(Default)]
pub(super) struct Opening {
    outcome: RefCell<Option<Result<Agreed, HttpError>>>,
    is_over: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Opening {
    /// Tells those that wait. Without an outcome, one of them is to try for itself.
    pub(super) fn end(&self, outcome: Option<Result<Agreed, HttpError>>) {
        if !self.is_over.replace(true) {
            *self.outcome.borrow_mut() = outcome;
            let waiting = self.waiting.take();
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// Waits for what becomes of it; `None` if whoever made it gave up.
    pub(super) async fn wait(&self) -> Option<Result<Agreed, HttpError>> {
        poll_fn(|cx| {
            if self.is_over.get() {
                return Poll::Ready(self.outcome.borrow().clone());
            }
            let mut waiting = self.waiting.borrow_mut();
            if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}
