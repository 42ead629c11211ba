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

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::pin,
        task::{Context, Waker},
    };

    #[test]
    fn a_panic_is_an_error_and_a_value_is_a_value() {
        let cx = &mut Context::from_waker(Waker::noop());
        let value = pin!(guard(pin!(async { 7 }))).poll(cx);
        assert!(matches!(value, Poll::Ready(Ok(7))));
        let panicked = pin!(guard(pin!(async { panic!("on purpose") }))).poll(cx);
        assert!(matches!(panicked, Poll::Ready(Err::<(), _>(Panicked))));
    }
}
