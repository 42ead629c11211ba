//! Sleeping on a shard, and giving up.

use super::local::Shard;
use crate::{clock::duration_ns, timer::Sleep};
use std::{
    error::Error,
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

impl Shard {
    /// Sleeps for so long.
    pub fn sleep(self: &Rc<Self>, time: Duration) -> Sleep {
        self.sleep_until(self.now_ns().saturating_add(duration_ns(time)))
    }

    /// Sleeps until a time of this shard's clock.
    pub fn sleep_until(self: &Rc<Self>, deadline_ns: u64) -> Sleep {
        Sleep::until(self, deadline_ns)
    }

    /// Runs `future` until it completes or the time is up.
    ///
    /// # Errors
    /// [`TimedOut`] when the time is up; the future has been dropped then.
    pub async fn timeout<T>(
        self: &Rc<Self>,
        time: Duration,
        future: impl Future<Output = T>,
    ) -> Result<T, TimedOut> {
        let mut future = pin!(future);
        let mut sleep = pin!(self.sleep(time));
        poll_fn(|cx| {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(value));
            }
            sleep.as_mut().poll(cx).map(|()| Err(TimedOut))
        })
        .await
    }
}

/// The time given to [`Shard::timeout`] is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out")
    }
}

impl Error for TimedOut {}
