//! Hooks: what a program may listen to on each core.
//!
//! Listeners are made once per core and need not be `Send`. A hook without listeners costs its
//! site one comparison: payloads are built only when somebody listens.

mod context;
mod hook;

pub use context::RequestContext;
pub use hook::EventHook;

use crate::stats::Failure;
use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

/// Adds a program's listeners to a core's events.
pub type Listen = Arc<dyn Fn(&mut Events) + Send + Sync>;

/// The hooks of one core. Locust's `Events`.
#[derive(Default)]
pub struct Events {
    /// A request has ended. Locust's `request`, once `request_success` and `request_failure`.
    pub request: EventHook<RequestEvent>,
    /// A task or hook returned an error or panicked. Locust's `user_error`.
    pub user_error: EventHook<UserError>,
    /// The test begins on this core. Locust's `test_start`.
    pub test_start: EventHook<TestStart>,
    /// The test has ended on this core: its users are gone. Locust's `test_stop`.
    pub test_stop: EventHook<TestStop>,
}

impl Events {
    /// Listens to the requests that did not fail. Locust's old `request_success`.
    pub fn request_success(&mut self, listener: impl Fn(&RequestEvent) + 'static) {
        self.request.add_listener(move |request| {
            if request.failure.is_none() {
                listener(request);
            }
        });
    }

    /// Listens to the requests that failed. Locust's old `request_failure`.
    pub fn request_failure(&mut self, listener: impl Fn(&RequestEvent) + 'static) {
        self.request.add_listener(move |request| {
            if request.failure.is_some() {
                listener(request);
            }
        });
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

/// Payload of `request`.
#[derive(Clone, Debug)]
pub struct RequestEvent {
    /// The method, or the protocol's name. Locust's `request_type`.
    pub request_type: Cow<'static, str>,
    /// The entry's name.
    pub name: Cow<'static, str>,
    /// The response time.
    pub response_time: Duration,
    /// Length of the response's body in bytes.
    pub response_length: u64,
    /// The status code, or 0.
    pub status: u16,
    /// Why it failed, if it did. Locust's `exception`.
    pub failure: Option<Failure>,
    /// What the request carried along.
    pub context: RequestContext,
}

/// Payload of `user_error`.
#[derive(Clone, Debug)]
pub struct UserError {
    /// The user's class.
    pub class: &'static str,
    /// The user's number on its shard.
    pub user_id: u64,
    /// The error's text.
    pub message: String,
    /// Causes and backtrace.
    pub trace: String,
}

/// Payload of `test_start`.
#[derive(Clone, Debug)]
pub struct TestStart {
    /// The shard on which it is fired.
    pub shard: usize,
}

/// Payload of `test_stop`.
#[derive(Clone, Debug)]
pub struct TestStop {
    /// The shard on which it is fired.
    pub shard: usize,
}
