//! The shard's thread: the executor, and the pump that drives ring, timers and inbox.
//!
//! The pump runs the shard's tasks between the ring's turns, each at most twice, so that one call
//! submits what all of them asked. If none is left to run, it sleeps in the ring until something
//! completes, a timer is due or another thread wakes it. Nothing here waits on glommio's own reactor,
//! which is not turned while the pump sleeps.

use super::{
    gather::Gathering, inbox::InboxSender, local::Shard, orders::OutOfTasks, setup::Setup,
};
use crate::{
    events::collect_failures,
    message::{ClassIdx, Command, Pulse, Report},
    ring::{Gather, Ring, Wait, Waker},
    stats::Delta,
    user::{Hatch, install_panic_hook},
};
use crossbeam_channel::Receiver;
use glommio::{LocalExecutorBuilder, Placement};
use rustix::time::{ClockId, clock_gettime};
use std::{future::poll_fn, io, rc::Rc, task::Poll, time::Duration};

/// Memory of glommio's own rings, which are not used: as little as it takes.
const GLOMMIO_IO_BYTES: usize = 64 * 1024;
const GLOMMIO_RING_DEPTH: usize = 16;

/// How often glommio may turn its reactor. Nothing here waits for it.
const GLOMMIO_TURN: Duration = Duration::from_secs(1);

/// Turns that a quitting shard waits for cancelled operations to come back.
const DRAIN_TURNS_MAX: usize = 1_000;

/// Runs a shard on this thread until it is told to quit.
pub(super) fn run(
    setup: Setup,
    inbox: (InboxSender, Receiver<Command>),
    spent: Receiver<Delta>,
    waker: Waker,
) {
    install_panic_hook();
    collect_failures();
    let index = setup.shard;
    let outbox = setup.outbox.clone();
    let failed = |error: String| outbox.send(Report::Failed { shard: index, error });
    let placement = match setup.common.unpinned {
        true => Placement::Unbound,
        false => Placement::Fixed(setup.cpu),
    };
    // The executor has rings of its own, and panics where there can be none.
    if let Err(error) = Ring::probe() {
        return failed(error.to_string());
    }
    let executor = LocalExecutorBuilder::new(placement)
        .name(&format!("shard-{index}"))
        .io_memory(GLOMMIO_IO_BYTES)
        .ring_depth(GLOMMIO_RING_DEPTH)
        .preempt_timer(GLOMMIO_TURN)
        .make();
    let executor = match executor {
        Ok(executor) => executor,
        Err(error) => return failed(format!("start an executor on CPU {}: {error}", setup.cpu)),
    };
    let ring = match Ring::open(waker) {
        Ok(ring) => ring,
        Err(error) => return failed(error.to_string()),
    };
    let description = ring.describe();
    executor.run(async move {
        let shard = Shard::new(setup, ring, inbox.0);
        let classes = shard.common().classes.iter().enumerate();
        let classes = classes.map(|(class, it)| it.ready(&shard, class)).collect();
        for service in &shard.common().services {
            service(&shard);
        }
        let mut pump = Pump::new(shard, classes, inbox.1, spent);
        pump.shard.report(Report::Ready { shard: index, ring: description });
        if let Err(error) = pump.run().await {
            let error = format!("drive its ring: {error}");
            pump.shard.report(Report::Failed { shard: index, error });
        }
        // They hold the shard, which holds them.
        pump.shard.tasks.queue.clear();
    });
}

/// Drives the shard, turn by turn.
pub(super) struct Pump {
    pub(super) shard: Rc<Shard>,
    pub(super) classes: Vec<Rc<dyn Hatch>>,
    inbox: Receiver<Command>,
    spent: Receiver<Delta>,
    /// Users that are to be hatched and were not yet.
    pub(super) to_hatch: Vec<(ClassIdx, u32)>,
    /// Flushes that wait for the users before them to have begun.
    pub(super) to_flush: Vec<u64>,
    /// When the next second of the calendar begins, in shard nanoseconds.
    next_pulse_ns: u64,
    /// The longest round since the last pulse.
    stall_max_ns: u64,
    pub(super) out_of_tasks: OutOfTasks,
    gathering: Gathering,
    /// Set when the shard was told to quit: the time by which it does.
    pub(super) quit_by_ns: Option<u64>,
}

impl Pump {
    fn new(
        shard: Rc<Shard>,
        classes: Vec<Rc<dyn Hatch>>,
        inbox: Receiver<Command>,
        spent: Receiver<Delta>,
    ) -> Pump {
        let next_pulse_ns = shard.clock().next_second_ns(shard.now_ns());
        Pump {
            shard,
            classes,
            inbox,
            spent,
            to_hatch: vec![],
            to_flush: vec![],
            next_pulse_ns,
            stall_max_ns: 0,
            out_of_tasks: OutOfTasks::No,
            gathering: Gathering::new(),
            quit_by_ns: None,
        }
    }

    async fn run(&mut self) -> io::Result<()> {
        let mut slept_until_ns = self.shard.now_ns();
        loop {
            // Those who run may wake others; when these have run too, one call can submit what all of
            // them asked and wait for what comes of it.
            self.shard.run_ready();
            self.shard.run_ready();
            // What else a program runs on this executor.
            yield_now().await;
            self.flush();
            let before_ns = self.shard.now_ns();
            self.stall_max_ns = self.stall_max_ns.max(before_ns - slept_until_ns);
            let (wait, gather) = self.wait(before_ns);
            let (n_completions, woken) = self.shard.ring().turn(wait, gather)?;
            // Where nothing came and nothing was waited for, no time has passed to speak of.
            let is_idle = wait == Wait::No && n_completions == 0;
            let turned_ns = match is_idle && !self.shard.clock().is_paused() {
                true => before_ns,
                false => self.shard.now_ns(),
            };
            self.shard.set_turned(turned_ns);
            let n_ended = self.shard.n_ended.take();
            self.gathering.saw(n_completions, n_ended, turned_ns - slept_until_ns);
            slept_until_ns = turned_ns;
            self.shard.timers.advance(slept_until_ns);
            if woken {
                self.shard.tasks.queue.take_foreign();
                while let Ok(command) = self.inbox.try_recv() {
                    self.obey(command);
                }
            }
            if self.shard.is_out_of_tasks() {
                self.end_out_of_tasks();
            }
            self.hatch();
            if slept_until_ns >= self.next_pulse_ns {
                self.pulse(slept_until_ns);
            }
            if self.may_quit(slept_until_ns) {
                self.end_background();
                self.drain()?;
                self.pulse(self.shard.now_ns());
                self.flush();
                return Ok(());
            }
        }
    }

    /// How long the next turn may sleep, and what for.
    fn wait(&self, now_ns: u64) -> (Wait, Gather) {
        let ring = self.shard.ring();
        if self.shard.tasks.queue.is_ready() || self.shard.common().spin || self.is_due() {
            return (Wait::No, Gather::NONE);
        }
        let timer_ns = self.shard.timers.next_deadline_ns();
        let deadline_ns = timer_ns.unwrap_or(u64::MAX).min(self.next_pulse_ns);
        if !self.shard.clock().is_paused() {
            return match deadline_ns.saturating_sub(now_ns) {
                0 => (Wait::No, Gather::NONE),
                left_ns => {
                    let gather = self.gathering.next(self.shard.n_in_flight(), left_ns);
                    (Wait::For(Duration::from_nanos(left_ns)), gather)
                }
            };
        }
        // Virtual time stands still while the kernel owes an answer.
        if ring.n_in_flight() > 0 || ring.has_submissions() {
            return (Wait::For(Duration::from_millis(1)), Gather::NONE);
        }
        match timer_ns {
            Some(_) => {
                self.shard.clock().jump_to(deadline_ns);
                (Wait::No, Gather::NONE)
            }
            None => (Wait::For(Duration::from_millis(1)), Gather::NONE),
        }
    }

    /// Once a second: statistics, and a sign of life.
    fn pulse(&mut self, now_ns: u64) {
        self.next_pulse_ns = self.shard.clock().next_second_ns(now_ns);
        self.shard.renew_parcels();
        self.report();
    }

    pub(super) fn report(&mut self) {
        self.hand_over();
        self.shard.report_counted();
        let stall_max = Duration::from_nanos(std::mem::take(&mut self.stall_max_ns));
        let cpu = clock_gettime(ClockId::ThreadCPUTime);
        let mut n_users = self.shard.users_mut().counts(self.classes.len());
        for &(class, n) in &self.to_hatch {
            n_users[class] += n;
        }
        self.shard.report(Report::Pulse(Pulse {
            shard: self.shard.index(),
            n_users,
            cpu: Duration::new(cpu.tv_sec as u64, cpu.tv_nsec as u32),
            stall_max,
            n_in_flight: self.shard.n_in_flight(),
        }));
    }

    fn hand_over(&mut self) {
        let mut recorder = self.shard.recorder();
        while let Ok(delta) = self.spent.try_recv() {
            recorder.recycle(delta);
        }
        let deltas = recorder.collect();
        drop(recorder);
        for delta in deltas {
            self.shard.report(Report::Stats(Box::new(delta)));
        }
    }

    /// Lets the background tasks drop what they hold.
    fn end_background(&self) {
        self.shard.end_background();
        for _ in 0..DRAIN_TURNS_MAX {
            if self.shard.n_background() == 0 {
                break;
            }
            self.shard.run_ready();
        }
    }

    /// Waits for what was cancelled, so that nothing is left in the kernel's hands.
    fn drain(&self) -> io::Result<()> {
        let ring = self.shard.ring();
        for _ in 0..DRAIN_TURNS_MAX {
            if ring.n_in_flight() == 0 && !ring.has_submissions() {
                break;
            }
            ring.turn(Wait::For(Duration::from_millis(1)), Gather::NONE)?;
        }
        Ok(())
    }
}

/// Lets every other task of the core run once that has something to do.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
