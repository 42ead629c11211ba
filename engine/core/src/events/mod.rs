//! Hooks: what a program may listen to on each core.
//!
//! Listeners are made once per core and need not be `Send`. A hook without listeners costs its
//! site one comparison: payloads are built only when somebody listens.

mod context;
mod failures;
mod hook;
mod own;

pub use context::RequestContext;
pub(crate) use failures::note;
pub use failures::{ListenerFailure, collect_failures, take_failures};
pub use hook::{EventHook, Heard};
pub use own::{OwnHooks, Parcel};
pub(crate) use own::{PARCELS_PER_S_MAX, refuse};

use crate::{shard::Common, stats::Failure};
use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

/// Adds a program's listeners to a core's events.
pub type Listen = Arc<dyn Fn(&mut Events) + Send + Sync>;

/// The hooks of one core. Locust's `Events`.
///
/// A program adds its listeners in the closure that it gives to `listen`, which is called once on
/// each core:
///
/// ```
/// use hatchery_core::events::{Events, RequestEvent};
/// use std::cell::Cell;
///
/// fn listen(events: &mut Events) {
///     let n_slow = Cell::new(0); // this core's own
///     events.request.add_listener(move |request: &RequestEvent| {
///         if request.response_time.as_millis() > 100 {
///             n_slow.set(n_slow.get() + 1);
///         }
///     });
/// }
/// ```
pub struct Events {
    /// A request has ended. Locust's `request`, once `request_success` and `request_failure`.
    pub request: EventHook<RequestEvent>,
    /// A task or hook returned an error or panicked. Locust's `user_error`.
    pub user_error: EventHook<UserError>,
    /// The test begins on this core. Locust's `test_start`.
    pub test_start: EventHook<TestStart>,
    /// The test has ended on this core: its users are gone. Locust's `test_stop`.
    pub test_stop: EventHook<TestStop>,
    own: OwnHooks,
    common: Arc<Common>,
}

impl Default for Events {
    fn default() -> Events {
        Events::new(Arc::default())
    }
}

impl Events {
    /// The hooks without listeners, of a run with this environment.
    pub(crate) fn new(common: Arc<Common>) -> Events {
        Events {
            request: EventHook::named("request"),
            user_error: EventHook::named("user_error"),
            test_start: EventHook::named("test_start"),
            test_stop: EventHook::named("test_stop"),
            own: OwnHooks::default(),
            common,
        }
    }

    /// What the run is made of: host, tags, classes, the program's own options. To be cloned by
    /// listeners that need it. Locust's `environment`.
    pub fn environment(&self) -> &Arc<Common> {
        &self.common
    }

    /// A hook of the program's own on this core, found by the type of its payload: to add
    /// listeners. Users fire it by [`Cx::fire`](crate::user::Cx::fire). Locust's `EventHook()`
    /// that a locustfile makes.
    ///
    /// ```
    /// # use hatchery_core::{events::Events, user::*};
    /// struct Sold {
    ///     n_items: u32,
    /// }
    ///
    /// fn listen(events: &mut Events) {
    ///     events.hook::<Sold>().add_listener(|sold| println!("{} sold", sold.n_items));
    /// }
    ///
    /// async fn buy<U: Tasks>(_: &mut U, cx: &mut Cx<'_, U>) -> TaskResult {
    ///     cx.fire(&Sold { n_items: 1 });
    ///     Ok(())
    /// }
    /// ```
    pub fn hook<P: 'static>(&mut self) -> &mut EventHook<P> {
        self.own.hook()
    }

    /// Calls the listeners of a hook of the program's own.
    #[inline]
    pub fn fire<P: 'static>(&self, payload: &P) {
        if let Some(hook) = self.own.get() {
            hook.fire(payload);
        }
    }

    /// Calls them, the one added last first.
    #[inline]
    pub fn fire_reverse<P: 'static>(&self, payload: &P) {
        if let Some(hook) = self.own.get() {
            hook.fire_reverse(payload);
        }
    }

    /// Listens to the requests that did not fail. Locust's old `request_success`.
    pub fn request_success<R: Heard>(&mut self, listener: impl Fn(&RequestEvent) -> R + 'static) {
        self.request.add_listener(move |request| match &request.failure {
            None => listener(request).error().map_or(Ok(()), Err),
            Some(_) => Ok(()),
        });
    }

    /// Listens to the requests that failed. Locust's old `request_failure`.
    pub fn request_failure<R: Heard>(&mut self, listener: impl Fn(&RequestEvent) -> R + 'static) {
        self.request.add_listener(move |request| match &request.failure {
            Some(_) => listener(request).error().map_or(Ok(()), Err),
            None => Ok(()),
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
    /// When it began, in nanoseconds since 1970. Locust's `start_time`.
    pub start_unix_ns: u64,
    /// Where it was sent first, before any redirect and without credentials; `None` for calls
    /// measured by [`Cx::measure`](crate::user::Cx::measure) and for messages of a WebSocket.
    /// Locust's `url`.
    pub url: Option<Box<str>>,
}

/// What a request is called by: asked for only where somebody listens. Made of a type and a name
/// where there is no address.
#[derive(Clone, Debug)]
pub struct RequestNames {
    /// The method, or the protocol's name.
    pub request_type: Cow<'static, str>,
    /// The entry's name.
    pub name: Cow<'static, str>,
    /// Where it was sent.
    pub url: Option<Box<str>>,
}

impl From<(Cow<'static, str>, Cow<'static, str>)> for RequestNames {
    fn from((request_type, name): (Cow<'static, str>, Cow<'static, str>)) -> RequestNames {
        RequestNames { request_type, name, url: None }
    }
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
