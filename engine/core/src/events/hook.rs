//! One hook and its listeners.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// A hook with a typed payload. Programs may make hooks of their own. Locust's `EventHook`.
pub struct EventHook<P> {
    listeners: Vec<Box<dyn Fn(&P)>>,
}

impl<P> Default for EventHook<P> {
    fn default() -> Self {
        EventHook { listeners: vec![] }
    }
}

impl<P> fmt::Debug for EventHook<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventHook").field("n_listeners", &self.listeners.len()).finish()
    }
}

impl<P> EventHook<P> {
    /// A hook that nobody listens to yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a listener; they are called in the order in which they were added.
    pub fn add_listener(&mut self, listener: impl Fn(&P) + 'static) {
        self.listeners.push(Box::new(listener));
    }

    /// Whether anybody listens; if not, the payload need not be made.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// Calls the listeners. One that panics is reported on stderr, and the others are called.
    pub fn fire(&self, payload: &P) {
        self.listeners.iter().for_each(|listener| call(listener, payload));
    }

    /// Calls the listeners, the one added last first. Locust's `fire(reverse=True)`.
    pub fn fire_reverse(&self, payload: &P) {
        self.listeners.iter().rev().for_each(|listener| call(listener, payload));
    }

    /// Makes the payload only if anybody listens, then calls the listeners.
    #[inline]
    pub fn fire_with(&self, payload: impl FnOnce() -> P) {
        if !self.listeners.is_empty() {
            self.fire(&payload());
        }
    }
}

fn call<P>(listener: &dyn Fn(&P), payload: &P) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| listener(payload))) {
        let text = crate::shard::panic_text(&*panic);
        eprintln!("uncaught panic in an event listener: {text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::RefCell, rc::Rc};

    #[test]
    fn a_listener_that_panics_does_not_silence_the_others() {
        let heard = Rc::new(RefCell::new(vec![]));
        let mut hook = EventHook::new();
        for i in 0..3 {
            let heard = Rc::clone(&heard);
            hook.add_listener(move |&payload: &u32| {
                assert_ne!(i, 1, "the middle one panics");
                heard.borrow_mut().push((i, payload));
            });
        }
        hook.fire(&7);
        hook.fire_reverse(&8);
        assert_eq!(*heard.borrow(), [(0, 7), (2, 7), (2, 8), (0, 8)]);
    }
}
