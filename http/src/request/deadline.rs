//! The time limits of a request, and the moment of its response's first byte where that is
//! measured: both are looked at when there is nothing to read. Without either there is no timer.

use crate::error::{HttpError, Phase};
use hatchery_core::{
    clock::duration_ns,
    shard::{Shard, Stopwatch, Ticket},
    stats::Phase as TimedPhase,
    timer::Sleep,
};
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
    stopwatch: Stopwatch,
    /// The head under way, if phases are measured.
    awaited: Option<Awaited>,
}

/// A head that has not come whole.
#[derive(Debug)]
struct Awaited {
    /// Bytes read before it.
    n_read: u64,
    /// When its first byte had come, if it came in pieces.
    first_byte_ns: Option<u64>,
}

#[derive(Debug)]
struct Reading {
    sleep: Sleep,
    /// Bytes that had gone either way.
    n_moved: u64,
}

impl Deadline {
    /// The limits of a request; the time runs since its ticket was drawn.
    pub(crate) fn start(shard: &Rc<Shard>, limits: Limits, ticket: &Ticket) -> Deadline {
        let (began_ns, stopwatch) = (ticket.start_ns(), ticket.stopwatch());
        if limits == Limits::default() && !stopwatch.is_on() {
            return Deadline(None);
        }
        let total = limits
            .total
            .map(|limit| shard.sleep_until(began_ns.saturating_add(duration_ns(limit))));
        let (shard, stopwatch) = (Rc::clone(shard), stopwatch.clone());
        Deadline(Some(Box::new(Timers {
            shard,
            limits,
            total,
            read: None,
            stopwatch,
            awaited: None,
        })))
    }

    /// What takes the times of the request's phases.
    pub(crate) fn stopwatch(&self) -> Stopwatch {
        self.0.as_ref().map_or(Stopwatch::OFF, |timers| timers.stopwatch.clone())
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

    /// A new exchange begins, so that the time between reads starts anew. `n_read` counts what was
    /// read before.
    #[inline]
    pub(crate) fn start_exchange(&mut self, n_read: u64) {
        if let Some(timers) = &mut self.0 {
            timers.read = None;
            if timers.stopwatch.is_on() {
                timers.stopwatch.start_exchange();
                timers.awaited = Some(Awaited { n_read, first_byte_ns: None });
            }
        }
    }

    /// The response's head came at this time.
    #[inline]
    pub(crate) fn head_came(&mut self, head_ns: u64) {
        if let Some(timers) = &mut self.0
            && let Some(awaited) = timers.awaited.take()
        {
            let first_byte_ns = awaited.first_byte_ns.unwrap_or(head_ns);
            timers.stopwatch.lap_at(TimedPhase::FirstByte, first_byte_ns);
        }
    }

    /// The response's body was complete at this time.
    #[inline]
    pub(crate) fn body_came(&mut self, end_ns: u64) {
        if let Some(timers) = &mut self.0 {
            timers.stopwatch.lap_at(TimedPhase::LastByte, end_ns);
        }
    }

    /// Whether a limit is passed, while nothing can be read. `n_read` counts what was read, and
    /// `n_sent` what was sent of a body, which is no silence either.
    #[inline]
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        n_read: u64,
        n_sent: u64,
        phase: Phase,
    ) -> Poll<HttpError> {
        match &mut self.0 {
            None => Poll::Pending,
            Some(timers) => timers.poll(cx, n_read, n_sent, phase),
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

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        n_read: u64,
        n_sent: u64,
        phase: Phase,
    ) -> Poll<HttpError> {
        if let Some(awaited) = &mut self.awaited
            && awaited.first_byte_ns.is_none()
            && awaited.n_read != n_read
        {
            awaited.first_byte_ns = Some(self.shard.now_ns());
        }
        if let Poll::Ready(error) = self.poll_total(cx, phase) {
            return Poll::Ready(error);
        }
        let Some(limit) = self.limits.read else { return Poll::Pending };
        let (shard, n_moved) = (&self.shard, n_read + n_sent);
        let reading =
            self.read.get_or_insert_with(|| Reading { sleep: shard.sleep(limit), n_moved });
        if reading.n_moved != n_moved {
            reading.n_moved = n_moved;
            reading.sleep.reset(shard.now_ns().saturating_add(duration_ns(limit)));
        }
        Pin::new(&mut reading.sleep).poll(cx).map(|()| HttpError::stalled(phase, limit))
    }
}
