//! One hook and its listeners.

use super::failures;
use crate::shard::panic_text;
use std::{
    any::type_name,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// A hook with a typed payload. Locust's `EventHook`.
///
/// A listener takes the payload and returns nothing, or a `Result`. One that panics or returns an
/// error is logged with the name of its hook, the others are called nevertheless, and the process
/// exits with 2 unless something worse happened, as in Locust.
///
/// One thing differs from Locust, where a listener may raise `StopUser`, `StopTest` and the like
/// into the task that fired its hook: here a listener cannot return an
/// [`Exit`](crate::user::Exit). What it has found out it leaves where the user's next task sees it,
/// in a cell of its core or in the program's own options, and that task returns the exit.
///
/// ```
/// use hatchery_core::events::EventHook;
///
/// struct Sold {
///     n_items: u32,
/// }
///
/// let mut sold = EventHook::new();
/// sold.add_listener(|sold: &Sold| println!("{} sold", sold.n_items));
/// sold.fire(&Sold { n_items: 3 });
/// ```
///
/// Such a hook belongs to whoever made it. For one that all of a program can find, see
/// [`Events::hook`](super::Events::hook).
pub struct EventHook<P> {
    name: &'static str,
    listeners: Vec<Box<dyn Fn(&P) -> Option<String>>>,
}

/// What a listener may return: nothing, or a result, whose error is logged.
#[diagnostic::on_unimplemented(
    message = "a listener returns nothing or a `Result<(), E>`, and not `{Self}`",
    note = "`E` may be anything that can be displayed; end the listener with `;` or `Ok(())`"
)]
pub trait Heard {
    /// The error's text, if there is one.
    fn error(self) -> Option<String>;
}

impl Heard for () {
    #[inline]
    fn error(self) -> Option<String> {
        None
    }
}

impl<E: fmt::Display> Heard for Result<(), E> {
    #[inline]
    fn error(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

impl<P> Default for EventHook<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P> fmt::Debug for EventHook<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventHook")
            .field("name", &self.name)
            .field("n_listeners", &self.listeners.len())
            .finish()
    }
}

impl<P> EventHook<P> {
    /// A hook that nobody listens to yet, called after its payload.
    pub fn new() -> Self {
        Self::named(crate::user::last_segment(type_name::<P>()))
    }

    /// The same with a name for the log.
    pub fn named(name: &'static str) -> Self {
        EventHook { name, listeners: vec![] }
    }

    /// What the log calls it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Adds a listener; they are called in the order in which they were added. Locust's
    /// `add_listener`.
    pub fn add_listener<R: Heard>(&mut self, listener: impl Fn(&P) -> R + 'static) {
        self.listeners.push(Box::new(move |payload| listener(payload).error()));
    }

    /// Whether anybody listens; if not, the payload need not be made.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// Calls the listeners. Locust's `fire()`.
    pub fn fire(&self, payload: &P) {
        self.listeners.iter().for_each(|listener| self.call(listener, payload));
    }

    /// Calls the listeners, the one added last first. Locust's `fire(reverse=True)`.
    pub fn fire_reverse(&self, payload: &P) {
        self.listeners.iter().rev().for_each(|listener| self.call(listener, payload));
    }

    /// Makes the payload only if anybody listens, then calls the listeners.
    #[inline]
    pub fn fire_with(&self, payload: impl FnOnce() -> P) {
        if !self.listeners.is_empty() {
            self.fire(&payload());
        }
    }

    fn call(&self, listener: &dyn Fn(&P) -> Option<String>, payload: &P) {
        let error = match catch_unwind(AssertUnwindSafe(|| listener(payload))) {
            Ok(None) => return,
            Ok(Some(error)) => error,
            Err(panic) => format!("panicked: {}", panic_text(&*panic)),
        };
        failures::note(self.name, error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{collect_failures, take_failures};
    use std::{cell::RefCell, rc::Rc};

    #[test]
    fn a_listener_that_panics_or_errs_is_named_and_does_not_silence_the_others() {
        collect_failures();
        let heard = Rc::new(RefCell::new(vec![]));
        let mut hook = EventHook::named("sold");
        for i in 0..4 {
            let heard = Rc::clone(&heard);
            hook.add_listener(move |&payload: &u32| {
                assert_ne!(i, 1, "the second panics");
                if i == 2 {
                    return Err("the third errs");
                }
                heard.borrow_mut().push((i, payload));
                Ok(())
            });
        }
        hook.fire(&7);
        hook.fire_reverse(&8);
        assert_eq!(*heard.borrow(), [(0, 7), (3, 7), (3, 8), (0, 8)]);
        let failures = take_failures();
        assert_eq!(failures.len(), 2, "{failures:?}");
        assert!(failures[0].error.starts_with("panicked: ") && failures[0].n == 2, "{failures:?}");
        assert_eq!((failures[1].hook, &*failures[1].error), ("sold", "the third errs"));
        assert_eq!(take_failures().len(), 0);
    }

    #[test]
    fn a_hook_is_called_after_its_payload_unless_it_has_a_name() {
        struct Sold;
        assert_eq!(EventHook::<Sold>::new().name(), "Sold");
        assert_eq!(EventHook::<Sold>::named("sold").name(), "sold");
    }
}
