//! The control plane's end of a shard.

use super::{
    inbox::InboxSender,
    outbox::Outbox,
    run,
    setup::{Common, Setup},
};
use crate::{
    message::{Command, Report},
    net::Resolver,
    ring::Waker,
    stats::Delta,
};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::{any::Any, io, panic, sync::Arc, thread};

/// A running shard. Dropping it tells the shard to quit.
#[derive(Debug)]
pub struct ShardHandle {
    inbox: InboxSender,
    spent: Sender<Delta>,
    thread: Option<thread::JoinHandle<()>>,
}

impl ShardHandle {
    /// Starts a shard on its CPU. It answers with [`Report::Ready`] or [`Report::Failed`], and its
    /// last word is always [`Report::Gone`].
    ///
    /// # Errors
    /// When the thread or its eventfd cannot be made.
    pub fn start(setup: Setup) -> io::Result<ShardHandle> {
        let waker = Waker::new()?;
        let (spent, spent_rx) = unbounded();
        let (inbox, inbox_rx) = InboxSender::new(waker.clone());
        let inbox_tx = inbox.clone();
        let outbox = setup.outbox.clone();
        let shard = setup.shard;
        let body = move || {
            let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| {
                run::run(setup, (inbox_tx, inbox_rx), spent_rx, waker);
            }));
            outbox.send(Report::Gone {
                shard,
                panic: outcome.err().map(|panic| panic_text(&*panic)),
            });
        };
        let thread = thread::Builder::new().name(format!("shard-{shard}")).spawn(body)?;
        Ok(ShardHandle { inbox, spent, thread: Some(thread) })
    }

    /// Starts a shard that is alone in its process, and nobody's worker: for tests and
    /// measurements, which read its reports themselves.
    ///
    /// # Errors
    /// As [`ShardHandle::start`].
    pub fn start_alone(common: Common) -> io::Result<(ShardHandle, Receiver<Report>)> {
        let (tx, reports) = unbounded();
        let shard = ShardHandle::start(Setup {
            shard: 0,
            cpu: 0,
            common: Arc::new(common),
            outbox: Outbox::new(tx, || {}),
            resolver: Resolver::start()?,
        })?;
        Ok((shard, reports))
    }

    /// Sends a command and wakes the shard.
    pub fn send(&self, command: Command) {
        self.inbox.send(command);
    }

    /// Gives back a delta that was absorbed, for its memory to be used again. Does not wake.
    pub fn recycle(&self, delta: Delta) {
        // A shard that is gone needs no memory.
        let _ = self.spent.send(delta);
    }

    /// Waits for the thread to end.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for ShardHandle {
    fn drop(&mut self) {
        self.inbox.send(Command::Quit);
    }
}

/// The text that a panic was called with.
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "(no text)".to_owned())
}
