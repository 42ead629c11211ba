//! Who waits for something that the ring does.

use super::span::Span;
use std::{
    mem,
    task::{Context, Waker},
};

/// Bytes of what a waker points to.
const MARK_BYTES: usize = 32;

/// A task's waker, kept from one wait to the next: a task that reads one connection for all its life
/// leaves it here once.
#[derive(Default)]
pub(super) struct Waiter {
    waker: Option<Waker>,
    /// Whether the task waits now.
    waits: bool,
}

impl Waiter {
    /// Has the task of `cx` woken next time.
    #[inline]
    pub(super) fn wait(&mut self, cx: &Context<'_>) {
        self.waits = true;
        match &self.waker {
            Some(known) if known.will_wake(cx.waker()) => {}
            _ => self.waker = Some(cx.waker().clone()),
        }
    }

    /// Where that lies which the task is woken by.
    #[inline]
    pub(super) fn span(&self) -> Span {
        self.waker
            .as_ref()
            .map_or(Span::default(), |waker| Span::at(waker.data().addr(), MARK_BYTES))
    }

    /// Wakes the task if it waits.
    #[inline]
    pub(super) fn wake(&mut self) {
        if mem::take(&mut self.waits)
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
        task::Wake,
    };

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_task_is_woken_once_for_each_time_that_it_waits_and_its_waker_is_cloned_once() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut waiter = Waiter::default();
        waiter.wake();
        for n in 1..=3 {
            waiter.wait(&Context::from_waker(&waker));
            waiter.wait(&Context::from_waker(&waker));
            waiter.wake();
            waiter.wake();
            assert_eq!(count.0.load(Ordering::Relaxed), n);
        }
        // The count's own, the waker's and the one kept.
        assert_eq!(Arc::strong_count(&count), 3);
    }

    #[test]
    fn whoever_waits_last_is_the_one_woken() {
        let (first, second) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let mut waiter = Waiter::default();
        waiter.wait(&Context::from_waker(&Waker::from(Arc::clone(&first))));
        waiter.wait(&Context::from_waker(&Waker::from(Arc::clone(&second))));
        waiter.wake();
        let counts = [&first, &second].map(|count| count.0.load(Ordering::Relaxed));
        assert_eq!((counts, Arc::strong_count(&first)), ([0, 1], 1));
    }
}
