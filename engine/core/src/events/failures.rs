//! Listeners that failed, kept per thread until somebody can log them.
//!
//! A listener of `request` may fail a million times a second, and a shard must not write to a
//! terminal. So failures are counted where they happen, and handed over once a second.

use std::{
    cell::{Cell, RefCell},
    io::{self, Write},
};

/// Different failures kept on a thread between two looks.
const FAILURES_MAX: usize = 16;

/// A listener that panicked or returned an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerFailure {
    /// The name of the hook.
    pub hook: &'static str,
    /// The error's text.
    pub error: String,
    /// How often, since it was last looked at.
    pub n: u64,
}

thread_local! {
    /// Whether somebody looks at this thread's failures.
    static COLLECTED: Cell<bool> = const { Cell::new(false) };
    static FAILURES: RefCell<Vec<ListenerFailure>> = const { RefCell::new(vec![]) };
}

/// Has this thread's failures kept for [`take_failures`] instead of printing them.
pub fn collect_failures() {
    COLLECTED.set(true);
}

/// The failures since the last call. Of more than 16 different ones the rest is counted with the
/// last.
pub fn take_failures() -> Vec<ListenerFailure> {
    FAILURES.with_borrow_mut(std::mem::take)
}

pub(crate) fn note(hook: &'static str, error: String) {
    if !COLLECTED.get() {
        // A standard error that is closed is nobody's error.
        let _ = writeln!(io::stderr(), "uncaught error in an event listener of {hook}: {error}");
        return;
    }
    FAILURES.with_borrow_mut(|failures| {
        let known = failures.iter().position(|it| it.hook == hook && it.error == error);
        match known.or((failures.len() == FAILURES_MAX).then_some(FAILURES_MAX - 1)) {
            Some(i) => failures[i].n += 1,
            None => failures.push(ListenerFailure { hook, error, n: 1 }),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endless_different_failures_do_not_fill_the_memory() {
        collect_failures();
        (0..1_000).for_each(|i| note("request", format!("error {i}")));
        let failures = take_failures();
        assert_eq!(failures.len(), FAILURES_MAX);
        assert_eq!(failures.iter().map(|failure| failure.n).sum::<u64>(), 1_000);
    }
}
