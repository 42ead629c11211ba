//! Keeps a panic inside the future it happened in: uncaught, it would end the shard.

use std::{
    future::{Future, poll_fn},
    panic::{self, AssertUnwindSafe},
    pin::pin,
    task::Poll,
};

/// A future panicked.
#[derive(Debug)]
pub(super) struct Panicked;

/// Runs a future; its panic is an error.
pub(super) async fn guard<T>(future: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut future = pin!(future);
    // After a panic the future is dropped and never polled again, so nobody sees it half changed.
    poll_fn(|cx| match panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}
