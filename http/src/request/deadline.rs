//! The time limits of a request. Without any there is no timer.

use crate::error::{HttpError, Phase};
use hatchery_core::{clock::duration_ns, shard::Shard, timer::Sleep};
use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

/// What was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// For the whole request, redirects included.
    pub(crate) total: Option<Duration>,
    /// For each connection to be made.
    pub(crate) connect: Option<Duration>,
    /// Between two reads.
    pub(crate) read: Option<Duration>,
}

/// The limits of a request under way.
#[derive(Debug)]
pub(crate) struct Deadline(Option<Box<Timers>>);

#[derive(Debug)]
struct Timers {
    shard: Rc<Shard>,
    limits: Limits,
    total: Option<Sleep>,
    read: Option<Reading>,
}

#[derive(Debug)]
struct Reading {
    sleep: Sleep,
    n_read: u64,
}

impl Deadline {
    /// Starts the time.
    pub(crate) fn start(shard: &Rc<Shard>, limits: Limits) -> Deadline {
        if limits == Limits::default() {
            return Deadline(None);
        }
        let total = limits.total.map(|limit| shard.sleep(limit));
        Deadline(Some(Box::new(Timers { shard: Rc::clone(shard), limits, total, read: None })))
    }

    /// No limit at all.
    pub(crate) fn none() -> Deadline {
        Deadline(None)
    }

    /// Waits for as long as the whole request may take.
    pub(crate) async fn within<T>(
        &mut self,
        wait: impl Future<Output = T>,
        phase: Phase,
    ) -> Result<T, HttpError> {
        let Some(timers) = &mut self.0 else { return Ok(wait.await) };
        let mut wait = pin!(wait);
        poll_fn(|cx| match wait.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Ok(value)),
            Poll::Pending => timers.poll_total(cx, phase).map(Err),
        })
        .await
    }

    /// Waits for a connection.
    pub(crate) async fn connecting<T>(
        &mut self,
        connect: impl Future<Output = Result<T, HttpError>>,
    ) -> Result<T, HttpError> {
        let Some(timers) = &mut self.0 else { return connect.await };
        let mut connect = pin!(connect);
        let mut sleep = timers.limits.connect.map(|limit| timers.shard.sleep(limit));
        poll_fn(|cx| {
            if let Poll::Ready(result) = connect.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            if let (Some(sleep), Some(limit)) = (&mut sleep, timers.limits.connect)
                && Pin::new(sleep).poll(cx).is_ready()
            {
                return Poll::Ready(Err(HttpError::timed_out(Phase::Connecting, limit)));
            }
            timers.poll_total(cx, Phase::Connecting).map(Err)
        })
        .await
    }

    /// A new exchange begins, so that the time between reads starts anew.
    #[inline]
    pub(crate) fn restart_read(&mut self) {
        if let Some(timers) = &mut self.0 {
            timers.read = None;
        }
    }

    /// Whether a limit is passed, while nothing can be read. `n_read` counts the bytes read.
    #[inline]
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        n_read: u64,
        phase: Phase,
    ) -> Poll<HttpError> {
        match &mut self.0 {
            None => Poll::Pending,
            Some(timers) => timers.poll(cx, n_read, phase),
        }
    }
}

impl Timers {
    fn poll_total(&mut self, cx: &mut Context<'_>, phase: Phase) -> Poll<HttpError> {
        let (Some(sleep), Some(limit)) = (&mut self.total, self.limits.total) else {
            return Poll::Pending;
        };
        Pin::new(sleep).poll(cx).map(|()| HttpError::timed_out(phase, limit))
    }

    fn poll(&mut self, cx: &mut Context<'_>, n_read: u64, phase: Phase) -> Poll<HttpError> {
        if let Poll::Ready(error) = self.poll_total(cx, phase) {
            return Poll::Ready(error);
        }
        let Some(limit) = self.limits.read else { return Poll::Pending };
        let shard = &self.shard;
        let reading =
            self.read.get_or_insert_with(|| Reading { sleep: shard.sleep(limit), n_read });
        if reading.n_read != n_read {
            reading.n_read = n_read;
            reading.sleep.reset(shard.now_ns().saturating_add(duration_ns(limit)));
        }
        Pin::new(&mut reading.sleep).poll(cx).map(|()| HttpError::stalled(phase, limit))
    }
}
