//! The shard as its own tasks see it.

use super::{
    exceptions::Exceptions,
    inbox::InboxSender,
    outbox::Outbox,
    setup::{Common, Setup},
    tasks::Tasks,
};
use crate::{
    clock::Clock,
    events::{self, Events, PARCELS_PER_S_MAX, Parcel, take_failures},
    message::{ExceptionReport, Report},
    net::Names,
    ring::Ring,
    stats::{EntryId, Recorder, Sample},
    timer::Timers,
    user::Users,
};
use fastrand::Rng;
use std::{
    any::Any,
    cell::{Cell, RefCell, RefMut},
    fmt,
    rc::Rc,
    sync::Arc,
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
    exceptions: RefCell<Exceptions>,
    rng: RefCell<Rng>,
    users: RefCell<Users>,
    pub(super) tasks: Tasks,
    /// What protocols keep per core, one value of a type of its own each.
    locals: RefCell<Vec<Rc<dyn Any>>>,
    pub(super) n_in_flight: Cell<u64>,
    /// Requests that are not under way any more.
    pub(super) n_ended: Cell<u64>,
    /// When the ring's last turn ended, in shard nanoseconds.
    turned_ns: Cell<u64>,
    /// Task runs left before users stop by themselves; `u64::MAX` for no limit.
    tasks_left: Cell<u64>,
    /// Payloads that users may still send to the control thread's hooks in this second.
    parcels_left: Cell<u32>,
}

impl Shard {
    pub(crate) fn new(setup: Setup, ring: Ring, inbox: InboxSender) -> Rc<Shard> {
        let Setup { shard, common, outbox, resolver, .. } = setup;
        let clock = if common.paused_clock { Clock::paused() } else { Clock::real() };
        let mut events = Events::new(Arc::clone(&common));
        for listen in &common.listeners {
            listen(&mut events);
        }
        Rc::new(Shard {
            index: shard,
            // Shards draw from different sequences.
            rng: RefCell::new(Rng::with_seed(common.seed ^ (shard as u64) << 48)),
            timers: Timers::new(clock.now_ns()),
            recorder: RefCell::new(Recorder::new(shard)),
            exceptions: RefCell::default(),
            users: RefCell::default(),
            tasks: Tasks::new(inbox.waker().clone()),
            names: Names::new(resolver, inbox),
            locals: RefCell::default(),
            n_in_flight: Cell::new(0),
            n_ended: Cell::new(0),
            turned_ns: Cell::new(0),
            tasks_left: Cell::new(u64::MAX),
            parcels_left: Cell::new(PARCELS_PER_S_MAX),
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

    /// When that came which the ring brought last, in shard nanoseconds: what a task reads now had
    /// been received by then, however long the task had to wait for the others of its core. Costs no
    /// look at the clock.
    #[inline]
    pub fn received_ns(&self) -> u64 {
        self.turned_ns.get()
    }

    /// The ring has turned, and it is this late.
    pub(super) fn set_turned(&self, now_ns: u64) {
        self.turned_ns.set(now_ns);
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

    /// Fires a hook of the program's own on the control thread: see
    /// [`crate::user::Cx::fire_on_control`].
    pub fn fire_on_control<P: Send + 'static>(&self, payload: P) {
        match self.parcels_left.get() {
            0 => events::refuse::<P>(),
            n => {
                self.parcels_left.set(n - 1);
                self.report(Report::Fired(Parcel::new(payload, false)));
            }
        }
    }

    pub(crate) fn count_exception(&self, exception: ExceptionReport) {
        if let Some(exception) = self.exceptions.borrow_mut().add(exception) {
            self.report(Report::Exception(Box::new(exception)));
        }
    }

    /// Reports what was only counted: exceptions, and listeners that failed.
    pub(crate) fn report_counted(&self) {
        for exception in self.exceptions.borrow_mut().take() {
            self.report(Report::Exception(Box::new(exception)));
        }
        for failure in take_failures() {
            self.report(Report::ListenerFailed { shard: self.index, failure });
        }
    }

    /// A second has passed.
    pub(crate) fn renew_parcels(&self) {
        self.parcels_left.set(PARCELS_PER_S_MAX);
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
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").field("index", &self.index).finish_non_exhaustive()
    }
}
