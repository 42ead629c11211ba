//! A request under way, from its start to its sample.

use super::{local::Shard, stopwatch::Stopwatch};
use crate::{
    events::{RequestContext, RequestEvent, RequestNames},
    stats::{EntryId, Failure, Phases, Sample},
};
use std::{error::Error, fmt, future::Future, rc::Rc, time::Duration};

impl Shard {
    /// Requests under way.
    pub fn n_in_flight(&self) -> u64 {
        self.n_in_flight.get()
    }

    /// Begins a request: it is under way until the ticket is finished, and abandoned if the
    /// ticket is dropped.
    #[inline]
    pub fn begin(self: &Rc<Self>) -> Ticket {
        self.n_in_flight.set(self.n_in_flight.get() + 1);
        Ticket {
            start_ns: self.now_ns(),
            stopwatch: self.stopwatch(),
            shard: Rc::clone(self),
            context: RequestContext::default(),
            open: true,
        }
    }

    /// Records what was measured of a request's phases, if anything.
    fn record_phases(&self, id: EntryId, phases: &Phases) {
        if !phases.is_empty() {
            self.recorder().record_phases(id, phases);
        }
    }

    /// A stopwatch for the phases of a request; off unless the run asks for phases.
    #[inline]
    fn stopwatch(self: &Rc<Self>) -> Stopwatch {
        match self.common().phases {
            true => Stopwatch::on(self),
            false => Stopwatch::OFF,
        }
    }

    /// Measures a call of any protocol; see [`crate::user::Cx::measure`].
    ///
    /// # Errors
    /// Those of the call.
    pub async fn measure<T, E>(
        self: &Rc<Self>,
        kind: &'static str,
        name: &'static str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E>
    where
        E: Error + 'static,
    {
        let ticket = self.begin();
        let result = call.await;
        let failure = result.as_ref().err().map(|error| Failure::from_error(error));
        let id = self.entry_static(kind, name);
        ticket.finish(id, 0, 0, failure.as_ref(), || RequestNames {
            request_type: kind.into(),
            name: name.into(),
            url: None,
        });
        result
    }
}

/// A request under way. Exactly one thing happens to it: it is recorded, or it is abandoned.
pub struct Ticket {
    shard: Rc<Shard>,
    start_ns: u64,
    stopwatch: Stopwatch,
    context: RequestContext,
    open: bool,
}

impl Ticket {
    /// When it began, in shard nanoseconds.
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// Nanoseconds since it began.
    #[inline]
    pub fn elapsed_ns(&self) -> u64 {
        self.shard.now_ns() - self.start_ns
    }

    /// Nanoseconds from its beginning until that came which the ring brought last.
    #[inline]
    pub fn received_after_ns(&self) -> u64 {
        self.shard.received_ns().saturating_sub(self.start_ns)
    }

    /// Starts the time anew.
    pub fn restart(&mut self) {
        self.start_ns = self.shard.now_ns();
        self.stopwatch = self.shard.stopwatch();
    }

    /// What takes the times of its phases; they are recorded with it.
    pub fn stopwatch(&self) -> &Stopwatch {
        &self.stopwatch
    }

    /// What it carries along for the listeners of `request`; nothing at first.
    pub fn context_mut(&mut self) -> &mut RequestContext {
        &mut self.context
    }

    /// Records it as ending now. `names` is only asked if somebody listens.
    #[inline]
    pub fn finish<N: Into<RequestNames>>(
        mut self,
        id: EntryId,
        status: u16,
        bytes: u64,
        failure: Option<&Failure>,
        names: impl FnOnce() -> N,
    ) -> Duration {
        let latency_ns = self.elapsed_ns();
        self.finish_after(latency_ns, id, status, bytes, failure, names)
    }

    /// Records it with a response time measured before; nothing is left to do with it then. It is taken
    /// where it lies: moving it costs more than some of what is recorded.
    #[inline]
    pub fn finish_after<N: Into<RequestNames>>(
        &mut self,
        latency_ns: u64,
        id: EntryId,
        status: u16,
        bytes: u64,
        failure: Option<&Failure>,
        names: impl FnOnce() -> N,
    ) -> Duration {
        debug_assert!(self.open, "a request is recorded once");
        self.close();
        let end_unix_ns = self.shard.clock().unix_ns(self.start_ns + latency_ns);
        let sample = Sample { latency_ns: Some(latency_ns), bytes, status, failure, end_unix_ns };
        self.shard.record(id, &sample);
        if self.stopwatch.is_on() {
            self.shard.record_phases(id, &self.stopwatch.phases());
        }
        let response_time = Duration::from_nanos(latency_ns);
        self.shard.events().request.fire_with(|| {
            let RequestNames { request_type, name, url } = names().into();
            let failure = failure.cloned();
            RequestEvent {
                request_type,
                name,
                response_time,
                response_length: bytes,
                status,
                failure,
                context: self.context.clone(),
                start_unix_ns: end_unix_ns.saturating_sub(latency_ns),
                url,
            }
        });
        response_time
    }

    /// Forgets it: it was no request after all, and is not counted.
    pub fn discard(mut self) {
        self.close();
    }

    fn close(&mut self) {
        self.open = false;
        self.shard.n_in_flight.set(self.shard.n_in_flight.get() - 1);
        self.shard.n_ended.set(self.shard.n_ended.get() + 1);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            self.close();
            self.shard.recorder().abandon();
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("start_ns", &self.start_ns).finish_non_exhaustive()
    }
}
