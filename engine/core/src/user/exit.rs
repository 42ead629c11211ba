//! How a task ends when it does not simply return.

use std::{error::Error, fmt};

/// What a task, a hook or a call within them returns; `?` passes an [`Exit`] on.
pub type TaskResult<T = ()> = Result<T, Exit>;

/// Why a task did not return normally. Locust raises an exception for each of these.
///
/// Any error turns into [`Exit::Failed`] by `?`.
#[derive(Debug)]
pub enum Exit {
    /// Leave the task set and go on in its parent. Locust's `InterruptTaskSet(reschedule)`.
    Interrupt {
        /// Whether the parent picks its next task at once (true) or waits first.
        reschedule: bool,
    },
    /// Go on with the next task of the same set. Locust's `RescheduleTask` and
    /// `RescheduleTaskImmediately`.
    Reschedule {
        /// Whether without waiting first.
        immediately: bool,
    },
    /// End this user: the `on_stop` hooks run, and it is not replaced. Locust's `StopUser`.
    StopUser,
    /// End the whole test. Locust's `StopTest`.
    StopTest,
    /// The task failed: `user_error` is fired, the error is counted in the exceptions table, and
    /// the user goes on, unless `catch_exceptions` is off.
    Failed(Box<dyn Error>),
}

impl Exit {
    /// A failure with this text.
    pub fn failed(text: impl Into<String>) -> Exit {
        Exit::Failed(text.into().into())
    }
}

impl<E: Error + 'static> From<E> for Exit {
    fn from(error: E) -> Exit {
        Exit::Failed(Box::new(error))
    }
}

/// A panic, as the error of the task that it ended.
#[derive(Debug)]
pub(crate) struct Panicked {
    pub(crate) text: String,
    pub(crate) backtrace: String,
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.text)
    }
}

impl Error for Panicked {}

/// An error's causes, one a line, and the backtrace of a panic.
pub(crate) fn trace(error: &(dyn Error + 'static)) -> String {
    if let Some(panicked) = error.downcast_ref::<Panicked>() {
        return panicked.backtrace.clone();
    }
    let mut text = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!("caused by: {cause}\n"));
        source = cause.source();
    }
    text
}
