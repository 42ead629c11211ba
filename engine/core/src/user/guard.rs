//! What surrounds every piece of a program's own code: a panic costs the task, a kill ends it.

use super::{
    actor::{Actor, Life},
    exit::{Exit, Panicked, TaskResult},
};
use crate::{ring::Span, shard::panic_text};
use std::{
    backtrace::Backtrace,
    cell::{Cell, RefCell},
    future::Future,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    rc::Rc,
    sync::Once,
    task::{Context, Poll},
};

thread_local! {
    /// Whether this thread is a shard, whose panics are counted and not printed.
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static BACKTRACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Makes panics on this thread leave their place and backtrace for the exceptions table, instead
/// of on the terminal, where a thousand users would print a thousand of them.
pub(crate) fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                return print(info);
            }
            let place = info.location().map(|at| format!("at {at}\n")).unwrap_or_default();
            // Follows RUST_BACKTRACE, like the standard hook.
            let backtrace = Backtrace::capture();
            BACKTRACE.set(format!("{place}{backtrace}"));
        }));
    });
    QUIET.set(true);
}

/// Calls a program's plain function; a panic is an error.
pub(super) fn guard_call<T>(call: impl FnOnce() -> T) -> TaskResult<T> {
    panic::catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let backtrace = BACKTRACE.take();
        Exit::Failed(Box::new(Panicked { text: panic_text(&*panic), backtrace }))
    })
}

/// A future of the program's: killed with its user, and its panics are errors.
pub(super) fn guard<F>(actor: Rc<Actor>, future: F) -> Guard<F> {
    Guard { actor, killable: true, future: Some(future) }
}

/// The same for `on_stop`, which runs when the user has been killed already.
pub(super) fn guard_last<F>(actor: Rc<Actor>, future: F) -> Guard<F> {
    Guard { actor, killable: false, future: Some(future) }
}

pin_project_lite::pin_project! {
    /// See [`guard`].
    pub(crate) struct Guard<F> {
        actor: Rc<Actor>,
        killable: bool,
        #[pin]
        future: Option<F>,
    }
}

impl<T, F: Future<Output = TaskResult<T>>> Future for Guard<F> {
    type Output = TaskResult<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TaskResult<T>> {
        let span = Span::of(&*self);
        let mut this = self.project();
        let near = [span, Span::of_shared(this.actor)];
        if *this.killable && this.actor.life() == Life::Killed {
            // Drops what is under way: a request is cancelled, and counted as abandoned.
            if let Err(exit) = guard_call(|| this.future.set(None)) {
                this.actor.report(&exit);
            }
            return Poll::Ready(Err(Exit::StopUser));
        }
        this.actor.shard.ring().set_near(near);
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Ready(Err(Exit::StopUser));
        };
        // Arm by arm, so that most of a result, which is room for an error, is not copied.
        let exit = match guard_call(|| future.poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(value))) => {
                this.future.set(None);
                return Poll::Ready(Ok(value));
            }
            Ok(Poll::Ready(Err(exit))) | Err(exit) => exit,
        };
        this.future.set(None);
        Poll::Ready(Err(exit))
    }
}
