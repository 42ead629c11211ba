//! A shard notices the end of its last user in the turn in which it comes, on virtual time.

use crossbeam_channel::{Receiver, unbounded};
use hatchery::{Class, prelude::*};
use hatchery_core::{
    message::{Command, Report},
    net::Resolver,
    shard::{Common, Outbox, Service, Setup, Shard, ShardHandle},
};
use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

/// How long a test waits for a shard before it fails: far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

thread_local! {
    /// The shard of this thread, for what is called from outside its tasks.
    static SHARD: RefCell<Weak<Shard>> = const { RefCell::new(Weak::new()) };
    /// When the last user did something, by the shard's clock.
    static DONE_NS: Cell<u64> = const { Cell::new(0) };
    /// When the shard last said something.
    static SAID_NS: Cell<u64> = const { Cell::new(0) };
}

struct Visitor;

impl User for Visitor {
    const WAIT: Wait = constant(7.0);

    fn new(_: &Spawn<'_>) -> Self {
        Visitor
    }

    async fn on_stop(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        DONE_NS.set(cx.shard().now_ns());
        Ok(())
    }
}

#[tasks]
impl Visitor {
    #[task]
    async fn visit(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        DONE_NS.set(cx.shard().now_ns());
        Ok(())
    }
}

/// Keeps a timer pending for ever, so that virtual time goes on without users: a shard that sleeps
/// for no reason does so until its next pulse.
fn sleeper() -> Service {
    Arc::new(|shard| {
        SHARD.set(Rc::downgrade(shard));
        let sleeper = Rc::clone(shard);
        shard.spawn(async move { sleeper.sleep_until(u64::MAX).await });
    })
}

/// A report, when the last user before it did something, and when the shard said it.
type Timed = (Report, Duration, Duration);

fn start() -> (ShardHandle, Receiver<Timed>) {
    let (tx, reports) = unbounded();
    let (timed_tx, timed) = unbounded();
    let outbox = Outbox::new(tx, move || {
        if let Some(shard) = SHARD.with_borrow(Weak::upgrade) {
            SAID_NS.set(shard.now_ns());
        }
        let [done, said] = [&DONE_NS, &SAID_NS].map(|ns| Duration::from_nanos(ns.get()));
        for report in reports.try_iter() {
            // A test that has failed waits for nothing more.
            let _ = timed_tx.send((report, done, said));
        }
    });
    let common = Arc::new(Common {
        classes: vec![Class::of::<Visitor>()],
        services: vec![sleeper()],
        paused_clock: true,
        unpinned: true,
        ..Common::default()
    });
    let resolver = Resolver::start().unwrap();
    let shard = ShardHandle::start(Setup { shard: 0, cpu: 0, common, outbox, resolver }).unwrap();
    (shard, timed)
}

/// Waits for a report, and says when the last user before it did something and when it came.
fn wait_for(timed: &Receiver<Timed>, is_it: impl Fn(&Report) -> bool) -> (Duration, Duration) {
    loop {
        let (report, done, said) = timed.recv_timeout(PATIENCE).expect("the shard says so in time");
        if is_it(&report) {
            return (done, said);
        }
    }
}

#[test]
fn a_shard_says_that_its_tasks_are_done_when_the_last_one_is() {
    let (shard, timed) = start();
    shard.send(Command::TestStart { n_tasks: Some(4) });
    // Both wait when the last task has been done, and are asked to end.
    shard.send(Command::Hatch { class: 0, n_users: 2 });
    let (done, said) = wait_for(&timed, |report| matches!(report, Report::TasksDone { .. }));
    assert_eq!(said, done);
}

#[test]
fn a_shard_that_quits_is_gone_when_its_last_user_has_stopped() {
    let (shard, timed) = start();
    shard.send(Command::Hatch { class: 0, n_users: 2 });
    shard.send(Command::Flush { token: 0 });
    wait_for(&timed, |report| matches!(report, Report::Flushed { .. }));
    shard.send(Command::Quit);
    let (done, said) = wait_for(&timed, |report| matches!(report, Report::Gone { .. }));
    assert_eq!(said, done);
}
