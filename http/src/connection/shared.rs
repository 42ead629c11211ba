//! Connections that the users of a core share: one pool per core and set of options.
//!
//! A user that finds none free, and may open no more, waits. Those that wait are served in the
//! order in which they came: what one user gives back goes straight to the first of them, so that
//! nobody who comes later gets it instead. Whatever is handed to a user that is gone by then goes
//! on to the next.

use super::{Lease, Route};
use crate::site::Turns;
use rustc_hash::FxHashMap;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// Routes with connections; beyond, those with idle ones alone are forgotten, which closes them.
const LANES_MAX: usize = 256;

/// The shared connections of a core.
#[derive(Debug)]
pub(crate) struct SharedPool {
    /// Connections that one route may have at a time.
    connections_max: usize,
    /// Which source address the first connection of a route gets.
    first_turn: usize,
    lanes: RefCell<FxHashMap<(usize, usize), Rc<Lane>>>,
}

impl SharedPool {
    /// A pool with so many connections per route at most; 0 is no limit.
    pub(crate) fn new(connections_max: u32, first_turn: usize) -> SharedPool {
        let connections_max = match connections_max {
            0 => usize::MAX,
            limit => limit as usize,
        };
        SharedPool { connections_max, first_turn, lanes: RefCell::default() }
    }

    /// The connections of one route.
    pub(super) fn lane(&self, route: &Route) -> Rc<Lane> {
        let mut lanes = self.lanes.borrow_mut();
        if let Some(lane) = lanes.get(&route.key()) {
            return Rc::clone(lane);
        }
        if lanes.len() >= LANES_MAX {
            lanes.retain(|_, lane| lane.is_in_use());
        }
        let lane = Rc::new(Lane {
            _route: route.clone(),
            connections_max: self.connections_max,
            n_open: Cell::new(0),
            turns: Turns::starting_at(self.first_turn),
            idle: RefCell::default(),
            waiting: RefCell::default(),
        });
        lanes.insert(route.key(), Rc::clone(&lane));
        lane
    }
}

/// The shared connections of one route, and who waits for them.
#[derive(Debug)]
pub(super) struct Lane {
    /// Kept, so that its address stays its own.
    _route: Route,
    connections_max: usize,
    /// Connections that are open or being opened, the idle ones among them.
    n_open: Cell<usize>,
    turns: Turns,
    /// Without their slots, which would keep the lane alive.
    idle: RefCell<Vec<(Lease, usize)>>,
    waiting: RefCell<VecDeque<Rc<Waiter>>>,
}

/// A user that waits.
#[derive(Debug, Default)]
struct Waiter {
    given: RefCell<Option<Given>>,
    waker: RefCell<Option<Waker>>,
}

/// What a user gets.
#[derive(Debug)]
pub(super) enum Given {
    /// A connection.
    Idle(Lease),
    /// The right to open one.
    Slot(Slot),
}

/// A place among the connections of a route. Dropping it gives it to the next in turn.
pub(crate) struct Slot {
    /// `None` once it has been given up.
    lane: Option<Rc<Lane>>,
    /// Which source address the connection has.
    pub(super) turn: usize,
}

impl Lane {
    /// Whether a user has one of its connections, or waits for one.
    fn is_in_use(&self) -> bool {
        self.n_open.get() > self.idle.borrow().len() || !self.waiting.borrow().is_empty()
    }

    /// An idle connection, if nobody is before us.
    pub(super) fn take(self: &Rc<Self>) -> Option<Lease> {
        if !self.waiting.borrow().is_empty() {
            return None;
        }
        loop {
            let (mut lease, turn) = self.idle.borrow_mut().pop()?;
            let slot = Slot { lane: Some(Rc::clone(self)), turn };
            if lease.connection.is_reusable() {
                lease.slot = Some(slot);
                return Some(lease);
            }
        }
    }

    fn open(self: &Rc<Self>) -> Option<Slot> {
        if self.n_open.get() >= self.connections_max {
            return None;
        }
        self.n_open.set(self.n_open.get() + 1);
        Some(Slot { lane: Some(Rc::clone(self)), turn: self.turns.take() })
    }

    /// Waits for a connection, or for the right to open one.
    pub(super) fn wait(self: &Rc<Self>) -> Waiting {
        Waiting { lane: Rc::clone(self), waiter: None }
    }

    /// Hands something to the first that waits. `Err` if nobody does.
    fn hand_over(&self, given: Given) -> Result<(), Given> {
        let Some(waiter) = self.waiting.borrow_mut().pop_front() else { return Err(given) };
        waiter.given.replace(Some(given));
        if let Some(waker) = waiter.waker.take() {
            waker.wake();
        }
        Ok(())
    }
}

impl Lease {
    /// Gives a connection of a shared pool to whoever needs one next.
    pub(super) fn share(mut self) {
        let Some(mut slot) = self.slot.take() else { return };
        let Some(lane) = slot.lane.take() else { return };
        let turn = slot.turn;
        self.slot = Some(Slot { lane: Some(Rc::clone(&lane)), turn });
        if let Err(Given::Idle(mut lease)) = lane.hand_over(Given::Idle(self)) {
            if let Some(slot) = &mut lease.slot {
                slot.lane = None;
            }
            lease.slot = None;
            lane.idle.borrow_mut().push((lease, turn));
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(lane) = self.lane.take() else { return };
        let slot = Slot { lane: Some(Rc::clone(&lane)), turn: self.turn };
        if let Err(Given::Slot(mut slot)) = lane.hand_over(Given::Slot(slot)) {
            slot.lane = None;
            lane.n_open.set(lane.n_open.get() - 1);
            lane.turns.give_back(self.turn);
        }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("turn", &self.turn).finish_non_exhaustive()
    }
}

/// Waits in turn. Dropping it leaves the queue.
#[derive(Debug)]
pub(super) struct Waiting {
    lane: Rc<Lane>,
    /// Set while it waits.
    waiter: Option<Rc<Waiter>>,
}

impl Future for Waiting {
    type Output = Given;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Given> {
        let Some(waiter) = &self.waiter else {
            let is_first = self.lane.waiting.borrow().is_empty();
            if let Some(lease) = self.lane.take() {
                return Poll::Ready(Given::Idle(lease));
            }
            if is_first && let Some(slot) = self.lane.open() {
                return Poll::Ready(Given::Slot(slot));
            }
            let waiter = Rc::new(Waiter::default());
            waiter.waker.replace(Some(cx.waker().clone()));
            self.lane.waiting.borrow_mut().push_back(Rc::clone(&waiter));
            self.waiter = Some(waiter);
            return Poll::Pending;
        };
        match waiter.given.take() {
            Some(given) => {
                self.waiter = None;
                Poll::Ready(given)
            }
            None => {
                waiter.waker.replace(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(waiter) = self.waiter.take() else { return };
        match waiter.given.take() {
            Some(Given::Idle(lease)) => lease.share(),
            Some(Given::Slot(slot)) => drop(slot),
            None => self.lane.waiting.borrow_mut().retain(|other| !Rc::ptr_eq(other, &waiter)),
        }
    }
}
