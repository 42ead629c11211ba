//! Keeps a panic inside the future it happened in: uncaught, it would end the shard.

use std::{
    future::{Future, poll_fn},
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    task::Poll,
};

/// A future panicked.
#[derive(Debug)]
pub(super) struct Panicked;

/// Runs a future; its panic is an error.
///
/// The future stays where the caller has pinned it: taken by value, it would lie in the memory of
/// each connection twice.
pub(super) async fn guard<F: Future>(mut future: Pin<&mut F>) -> Result<F::Output, Panicked> {
    // After a panic nobody polls it again, so nobody sees it half changed.
    poll_fn(|cx| match panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}
