//! The way from the control plane to a shard.

use crate::{message::Command, ring::Waker};
use crossbeam_channel::{Receiver, Sender, unbounded};

/// Sends commands and wakes the shard. Unbounded, because the control plane must never wait for a
/// shard, and sends a few commands a second.
#[derive(Clone, Debug)]
pub(crate) struct InboxSender {
    tx: Sender<Command>,
    waker: Waker,
}

impl InboxSender {
    pub(crate) fn new(waker: Waker) -> (InboxSender, Receiver<Command>) {
        let (tx, rx) = unbounded();
        (InboxSender { tx, waker }, rx)
    }

    /// What wakes the shard.
    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Sends a command; to a shard that is gone it is lost.
    pub(crate) fn send(&self, command: Command) {
        if self.tx.send(command).is_ok() {
            self.waker.wake();
        }
    }
}
