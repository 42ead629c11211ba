//! The shard as its own tasks see it.

use super::{
    inbox::InboxSender,
    outbox::Outbox,
    setup::{Common, Setup},
};
use crate::{
    clock::{Clock, duration_ns},
    events::{Events, RequestEvent},
    message::Report,
    net::Names,
    ring::Ring,
    stats::{EntryId, Failure, Recorder, Sample},
    timer::{Sleep, Timers},
    user::{Actor, Users},
};
use fastrand::Rng;
use slab::Slab;
use std::{
    any::Any,
    borrow::Cow,
    cell::{Cell, RefCell, RefMut},
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// Everything that lives on one core. Shared by its tasks as an `Rc`; it never leaves its thread.
pub struct Shard {
    index: usize,
    common: Arc<Common>,
    outbox: Outbox,
    ring: Ring,
    clock: Clock,
    pub(crate) timers: Timers,
    pub(crate) names: Names,
    events: Events,
    recorder: RefCell<Recorder>,
    rng: RefCell<Rng>,
    users: RefCell<Users>,
    /// What [`Shard::spawn`] runs. Ended when the shard quits: nothing else would, and what these
    /// futures hold, sockets above all, would stay open as long as the process.
    background: RefCell<Slab<Option<Waker>>>,
    quitting: Cell<bool>,
    /// What protocols keep per core, one value of a type of its own each.
    locals: RefCell<Vec<Rc<dyn Any>>>,
    /// Tasks polled so far: how the pump knows whether anything ran since its last turn.
    n_polls: Cell<u64>,
    n_in_flight: Cell<u64>,
    /// Task runs left before users stop by themselves; `u64::MAX` for no limit.
    tasks_left: Cell<u64>,
}

impl Shard {
    pub(crate) fn new(setup: Setup, ring: Ring, inbox: InboxSender) -> Rc<Shard> {
        let Setup { shard, common, outbox, resolver, .. } = setup;
        let clock = if common.paused_clock { Clock::paused() } else { Clock::real() };
        let mut events = Events::default();
        for listen in &common.listeners {
            listen(&mut events);
        }
        Rc::new(Shard {
            index: shard,
            // Shards draw from different sequences.
            rng: RefCell::new(Rng::with_seed(common.seed ^ (shard as u64) << 48)),
            timers: Timers::new(clock.now_ns()),
            names: Names::new(resolver, inbox),
            recorder: RefCell::new(Recorder::new(shard)),
            users: RefCell::default(),
            background: RefCell::default(),
            quitting: Cell::new(false),
            locals: RefCell::default(),
            n_polls: Cell::new(0),
            n_in_flight: Cell::new(0),
            tasks_left: Cell::new(u64::MAX),
            common,
            outbox,
            ring,
            clock,
            events,
        })
    }

    /// Its number, from zero.
    pub fn index(&self) -> usize {
        self.index
    }

    /// What it has in common with the others.
    pub fn common(&self) -> &Common {
        &self.common
    }

    /// Its ring.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Its clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Its hooks.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Nanoseconds since the shard started.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    /// Its random numbers. Not to be held across an `await`.
    pub fn rng(&self) -> RefMut<'_, Rng> {
        self.rng.borrow_mut()
    }

    pub(crate) fn recorder(&self) -> RefMut<'_, Recorder> {
        self.recorder.borrow_mut()
    }

    pub(crate) fn users_mut(&self) -> RefMut<'_, Users> {
        self.users.borrow_mut()
    }

    pub(crate) fn n_polls(&self) -> u64 {
        self.n_polls.get()
    }

    /// Requests under way.
    pub fn n_in_flight(&self) -> u64 {
        self.n_in_flight.get()
    }

    /// Takes one from the tasks left, if any is.
    #[inline]
    pub(crate) fn may_begin_task(&self) -> bool {
        match self.tasks_left.get() {
            u64::MAX => true,
            0 => false,
            n => {
                self.tasks_left.set(n - 1);
                true
            }
        }
    }

    /// Sets how many task runs may begin from now on; `None` for no limit.
    pub(crate) fn set_tasks_left(&self, n_tasks: Option<u64>) {
        self.tasks_left.set(n_tasks.unwrap_or(u64::MAX));
    }

    /// Whether the task runs that were given have all begun.
    pub(crate) fn is_out_of_tasks(&self) -> bool {
        self.tasks_left.get() == 0
    }

    pub(crate) fn report(&self, report: Report) {
        self.outbox.send(report);
    }

    /// The value of this type that the core's users share, made when it is first asked for: a
    /// protocol's caches.
    pub fn local<T: 'static>(self: &Rc<Self>, make: impl FnOnce(&Rc<Self>) -> T) -> Rc<T> {
        let known =
            self.locals.borrow().iter().find_map(|local| Rc::clone(local).downcast::<T>().ok());
        known.unwrap_or_else(|| {
            let local = Rc::new(make(self));
            self.locals.borrow_mut().push(Rc::clone(&local) as Rc<dyn Any>);
            local
        })
    }

    /// Sleeps for so long.
    pub fn sleep(self: &Rc<Self>, time: Duration) -> Sleep {
        self.sleep_until(self.now_ns().saturating_add(duration_ns(time)))
    }

    /// Sleeps until a time of this shard's clock.
    pub fn sleep_until(self: &Rc<Self>, deadline_ns: u64) -> Sleep {
        Sleep::until(self, deadline_ns)
    }

    /// Runs `future` until it completes or the time is up.
    ///
    /// # Errors
    /// [`TimedOut`] when the time is up; the future has been dropped then.
    pub async fn timeout<T>(
        self: &Rc<Self>,
        time: Duration,
        future: impl Future<Output = T>,
    ) -> Result<T, TimedOut> {
        let mut future = std::pin::pin!(future);
        let mut sleep = std::pin::pin!(self.sleep(time));
        std::future::poll_fn(|cx| {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(value));
            }
            sleep.as_mut().poll(cx).map(|()| Err(TimedOut))
        })
        .await
    }

    /// Runs a future on this shard, beside its users: a background connection, a listener. It is
    /// dropped when the shard quits.
    pub fn spawn(self: &Rc<Self>, future: impl Future<Output = ()> + 'static) {
        let key = self.background.borrow_mut().insert(None);
        let future = Background { shard: Rc::clone(self), key, is_known: false, future };
        glommio::spawn_local(Counted { shard: Rc::clone(self), future }).detach();
    }

    /// Has the background futures dropped, each by its own task when that runs next.
    pub(crate) fn end_background(&self) {
        self.quitting.set(true);
        for (_, waker) in self.background.borrow_mut().iter_mut() {
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        }
    }

    /// Background futures that have not ended.
    pub(crate) fn n_background(&self) -> usize {
        self.background.borrow().len()
    }

    /// Runs a user.
    pub(crate) fn spawn_user<F>(
        self: &Rc<Self>,
        actor: Rc<Actor>,
        live: impl FnOnce(Rc<Actor>) -> F,
    ) where
        F: Future<Output = ()> + 'static,
    {
        let future = live(Rc::clone(&actor));
        glommio::spawn_local(Counted { shard: Rc::clone(self), future: Waking { actor, future } })
            .detach();
    }

    /// The number of an entry whose strings are part of the program.
    #[inline]
    pub fn entry_static(&self, method: &'static str, name: &'static str) -> EntryId {
        self.recorder().entry_static(method, name)
    }

    /// The number of an entry.
    pub fn entry(&self, method: &str, name: &str) -> EntryId {
        self.recorder().entry(method, name)
    }

    /// Records a sample.
    #[inline]
    pub fn record(&self, id: EntryId, sample: &Sample<'_>) {
        self.recorder().record(id, sample);
    }

    /// Begins a request: it is under way until the ticket is finished, and abandoned if the
    /// ticket is dropped.
    #[inline]
    pub fn begin(self: &Rc<Self>) -> Ticket {
        self.n_in_flight.set(self.n_in_flight.get() + 1);
        Ticket { start_ns: self.now_ns(), shard: Rc::clone(self), open: true }
    }

    /// Measures a call of any protocol; see [`crate::user::Cx::measure`].
    ///
    /// # Errors
    /// Those of the call.
    pub async fn measure<T, E>(
        self: &Rc<Self>,
        kind: &'static str,
        name: &'static str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E>
    where
        E: Error + 'static,
    {
        let ticket = self.begin();
        let result = call.await;
        let failure = result.as_ref().err().map(|error| Failure::from_error(error));
        let id = self.entry_static(kind, name);
        ticket.finish(id, 0, 0, failure.as_ref(), || (kind.into(), name.into()));
        result
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").field("index", &self.index).finish_non_exhaustive()
    }
}

/// The time given to [`Shard::timeout`] is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out")
    }
}

impl Error for TimedOut {}

/// A request under way. Exactly one thing happens to it: it is recorded, or it is abandoned.
pub struct Ticket {
    shard: Rc<Shard>,
    start_ns: u64,
    open: bool,
}

impl Ticket {
    /// When it began, in shard nanoseconds.
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// Nanoseconds since it began.
    #[inline]
    pub fn elapsed_ns(&self) -> u64 {
        self.shard.now_ns() - self.start_ns
    }

    /// Starts the time anew.
    pub fn restart(&mut self) {
        self.start_ns = self.shard.now_ns();
    }

    /// Records it as ending now. `names` is only asked if somebody listens.
    #[inline]
    pub fn finish(
        self,
        id: EntryId,
        status: u16,
        bytes: u64,
        failure: Option<&Failure>,
        names: impl FnOnce() -> (Cow<'static, str>, Cow<'static, str>),
    ) -> Duration {
        let latency_ns = self.elapsed_ns();
        self.finish_after(latency_ns, id, status, bytes, failure, names)
    }

    /// Records it with a response time measured before.
    pub fn finish_after(
        mut self,
        latency_ns: u64,
        id: EntryId,
        status: u16,
        bytes: u64,
        failure: Option<&Failure>,
        names: impl FnOnce() -> (Cow<'static, str>, Cow<'static, str>),
    ) -> Duration {
        self.close();
        let end_unix_ns = self.shard.clock.unix_ns(self.start_ns + latency_ns);
        let sample = Sample { latency_ns: Some(latency_ns), bytes, status, failure, end_unix_ns };
        self.shard.record(id, &sample);
        let response_time = Duration::from_nanos(latency_ns);
        self.shard.events.request.fire_with(|| {
            let (request_type, name) = names();
            let failure = failure.cloned();
            RequestEvent {
                request_type,
                name,
                response_time,
                response_length: bytes,
                status,
                failure,
            }
        });
        response_time
    }

    /// Forgets it: it was no request after all, and is not counted.
    pub fn discard(mut self) {
        self.close();
    }

    fn close(&mut self) {
        self.open = false;
        self.shard.n_in_flight.set(self.shard.n_in_flight.get() - 1);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            self.close();
            self.shard.recorder().abandon();
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("start_ns", &self.start_ns).finish_non_exhaustive()
    }
}

pin_project_lite::pin_project! {
    /// Counts polls, so that the pump sees whether anything but itself ran.
    struct Counted<F> {
        shard: Rc<Shard>,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.shard.n_polls.set(this.shard.n_polls.get() + 1);
        this.future.poll(cx)
    }
}

pin_project_lite::pin_project! {
    /// Ends with its future or with the shard, whichever comes first.
    struct Background<F> {
        shard: Rc<Shard>,
        key: usize,
        is_known: bool,
        #[pin]
        future: F,
    }
}

impl<F: Future<Output = ()>> Future for Background<F> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if !this.shard.quitting.get() {
            // A task has the same waker for life.
            if !std::mem::replace(this.is_known, true) {
                this.shard.background.borrow_mut()[*this.key] = Some(cx.waker().clone());
            }
            if this.future.poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        this.shard.background.borrow_mut().remove(*this.key);
        Poll::Ready(())
    }
}

pin_project_lite::pin_project! {
    /// Leaves the task's waker where a stop finds it. A task has the same waker for life.
    struct Waking<F> {
        actor: Rc<Actor>,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Waking<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.actor.remember_waker(cx.waker());
        this.future.poll(cx)
    }
}
