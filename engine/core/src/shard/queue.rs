//! The run queue: the tasks of a shard, and which of them have something to do.
//!
//! The shard's executor runs one task, the pump, and the pump runs these. A wake puts a task's number
//! on a list: both ends of the list are on the shard's thread, so nothing is counted and nothing is
//! locked. A wake from another thread goes through a channel and the shard's eventfd, and so reaches
//! a shard that sleeps in its ring, which one through the executor does not.

use crate::ring::{self, Ring, Span};
use crossbeam_channel::{Receiver, Sender, unbounded};
use slab::Slab;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::Future,
    pin::Pin,
    ptr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
};

thread_local! {
    /// Whose tasks [`READY`] lists, by where it takes wakes from other threads.
    static OWNER: Cell<*const Foreign> = const { Cell::new(ptr::null()) };
    /// Tasks of this thread's shard that are to run, in order.
    static READY: RefCell<VecDeque<u32>> = const { RefCell::new(VecDeque::new()) };
}

/// Where wakes from other threads go.
struct Foreign {
    tx: Sender<Arc<Mark>>,
    waker: ring::Waker,
}

/// What a task's wakers point to.
struct Mark {
    foreign: Arc<Foreign>,
    key: u32,
    /// Whether the task is on the list, or done. Only its own thread looks.
    is_ready: AtomicBool,
}

impl Wake for Mark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    #[inline]
    fn wake_by_ref(self: &Arc<Self>) {
        if OWNER.get() != Arc::as_ptr(&self.foreign) {
            return self.wake_from_afar();
        }
        if !self.is_ready.load(Ordering::Relaxed) {
            self.is_ready.store(true, Ordering::Relaxed);
            READY.with_borrow_mut(|ready| ready.push_back(self.key));
        }
    }
}

impl Mark {
    #[cold]
    fn wake_from_afar(self: &Arc<Self>) {
        if self.foreign.tx.send(Arc::clone(self)).is_ok() {
            self.foreign.waker.wake();
        }
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// A task and what wakes it.
struct Place {
    task: Task,
    waker: Waker,
    mark: Arc<Mark>,
}

/// The tasks of the shard of this thread.
pub(super) struct RunQueue {
    /// By number. A task's place is empty while it runs, and when it is done while still on the list.
    places: RefCell<Slab<Option<Place>>>,
    foreign: Arc<Foreign>,
    woken: Receiver<Arc<Mark>>,
}

impl RunQueue {
    /// The queue of the shard that this thread runs from now on.
    pub(super) fn new(waker: ring::Waker) -> RunQueue {
        let (tx, woken) = unbounded();
        let foreign = Arc::new(Foreign { tx, waker });
        OWNER.set(Arc::as_ptr(&foreign));
        READY.with_borrow_mut(VecDeque::clear);
        RunQueue { places: RefCell::default(), foreign, woken }
    }

    /// Has a task run in the next round, and returns what wakes it all its life.
    pub(super) fn spawn(&self, task: Task) -> Waker {
        let mut places = self.places.borrow_mut();
        let entry = places.vacant_entry();
        let key = entry.key() as u32;
        let foreign = Arc::clone(&self.foreign);
        let mark = Arc::new(Mark { foreign, key, is_ready: AtomicBool::new(true) });
        let waker = Waker::from(Arc::clone(&mark));
        entry.insert(Some(Place { task, waker: waker.clone(), mark }));
        READY.with_borrow_mut(|ready| ready.push_back(key));
        waker
    }

    /// Whether any task has something to do.
    #[inline]
    pub(super) fn is_ready(&self) -> bool {
        READY.with_borrow(|ready| !ready.is_empty())
    }

    /// Takes note of wakes from other threads.
    pub(super) fn take_foreign(&self) {
        self.woken.try_iter().for_each(|mark| mark.wake_by_ref());
    }

    /// Runs each task once that is ready now.
    #[inline]
    pub(super) fn run_ready(&self, ring: &Ring) {
        let n_ready = READY.with_borrow(VecDeque::len);
        for _ in 0..n_ready {
            let Some(key) = READY.with_borrow_mut(VecDeque::pop_front) else { return };
            self.run(key as usize, ring);
        }
    }

    #[inline]
    fn run(&self, key: usize, ring: &Ring) {
        let mut places = self.places.borrow_mut();
        let place = &mut places[key];
        let span = Span::of(&*place);
        let Some(mut place) = place.take() else {
            places.remove(key);
            return;
        };
        ring.set_near_task([span, Span::of_dyn(&*place.task)]);
        drop(places);
        place.mark.is_ready.store(false, Ordering::Relaxed);
        if place.task.as_mut().poll(&mut Context::from_waker(&place.waker)).is_pending() {
            self.places.borrow_mut()[key] = Some(place);
            return;
        }
        // Nobody wakes it any more.
        let is_on_list = place.mark.is_ready.swap(true, Ordering::Relaxed);
        drop(place);
        if !is_on_list {
            self.places.borrow_mut().remove(key);
        }
    }

    /// Drops all tasks; none runs any more.
    pub(super) fn clear(&self) {
        drop(self.places.take());
        READY.with_borrow_mut(VecDeque::clear);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::poll_fn, rc::Rc, task::Poll, thread};

    fn queue() -> (RunQueue, Ring) {
        let waker = ring::Waker::new().expect("an eventfd");
        (RunQueue::new(waker.clone()), Ring::open(waker).expect("a ring"))
    }

    /// A task that notes its name each time that it runs, and wakes itself so often.
    fn spawn(queue: &RunQueue, log: &Rc<RefCell<String>>, name: char, mut n_wakes: u32) {
        let log = Rc::clone(log);
        queue.spawn(Box::pin(poll_fn(move |cx| {
            log.borrow_mut().push(name);
            if n_wakes == 0 {
                return Poll::Ready(());
            }
            n_wakes -= 1;
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            Poll::Pending
        })));
    }

    #[test]
    fn a_round_runs_each_ready_task_once_and_in_order() {
        let (queue, ring) = queue();
        let log = Rc::default();
        assert!(!queue.is_ready());
        "abc".chars().zip(0..).for_each(|(name, n_wakes)| spawn(&queue, &log, name, n_wakes));
        let rounds = ["abc", "bc", "c", ""].map(|round| {
            assert_eq!(queue.is_ready(), !round.is_empty());
            queue.run_ready(&ring);
            log.take()
        });
        assert_eq!(rounds, ["abc", "bc", "c", ""]);
        assert!(queue.places.borrow().is_empty());
    }

    #[test]
    fn a_task_that_is_done_is_not_run_by_wakes_that_come_late_nor_is_the_next_in_its_place() {
        let (queue, ring) = queue();
        let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
        queue.spawn(Box::pin(poll_fn({
            let kept = Rc::clone(&kept);
            move |cx| {
                // On the list when it is done.
                cx.waker().wake_by_ref();
                kept.replace(Some(cx.waker().clone()));
                Poll::Ready(())
            }
        })));
        queue.run_ready(&ring);
        assert!(queue.is_ready());
        queue.run_ready(&ring);
        assert!(queue.places.borrow().is_empty());
        let log = Rc::default();
        spawn(&queue, &log, 'd', 0);
        let waker = kept.take().expect("the task ran");
        waker.wake_by_ref();
        thread::scope(|scope| scope.spawn(|| waker.wake_by_ref()).join().expect("it wakes"));
        queue.take_foreign();
        queue.run_ready(&ring);
        queue.run_ready(&ring);
        assert_eq!(log.take(), "d");
    }

    #[test]
    fn a_wake_from_another_thread_is_taken_once_and_wakes_the_shard() {
        let (queue, ring) = queue();
        let runs = Rc::new(Cell::new(0));
        let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
        queue.spawn(Box::pin(poll_fn({
            let (runs, kept) = (Rc::clone(&runs), Rc::clone(&kept));
            move |cx| {
                runs.set(runs.get() + 1);
                kept.replace(Some(cx.waker().clone()));
                Poll::<()>::Pending
            }
        })));
        queue.run_ready(&ring);
        let waker = kept.take().expect("the task ran");
        thread::spawn(move || {
            waker.wake_by_ref();
            waker.wake();
        });
        let mut woken = false;
        while !woken {
            let wait = ring::Wait::For(std::time::Duration::from_secs(10));
            (_, woken) = ring.turn(wait, ring::Gather::NONE).expect("a turn");
        }
        while runs.get() == 1 {
            queue.take_foreign();
            queue.run_ready(&ring);
        }
        assert_eq!(runs.get(), 2);
    }

    #[test]
    fn what_tasks_hold_is_dropped_with_them_and_may_wake_and_hold_the_queue() {
        let (queue, ring) = queue();
        let queue = Rc::new(queue);
        let holder = Rc::clone(&queue);
        queue.spawn(Box::pin(async move {
            let _holder = holder;
            std::future::pending::<()>().await;
        }));
        queue.run_ready(&ring);
        queue.clear();
        assert_eq!(Rc::strong_count(&queue), 1);
    }
}
