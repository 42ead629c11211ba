//! A request from the first byte to its sample.

use super::{
    builder::Detached,
    digest::follow_with,
    exchange::Begun,
    follow::{Followed, Hop, follow},
    label::Label,
    open::Open,
    parts::Parts,
    verb::Verb,
};
use crate::{error::HttpError, response::Response, session::Inner};
use hatchery_core::{
    shard::{Shard, Ticket},
    stats::Failure,
};
use std::rc::Rc;

/// A request that has ended and is to be recorded.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) response: Response,
    /// `None` if nothing was sent, so that nothing is recorded.
    pub(crate) sent: Option<Sent>,
    /// The rest of a streamed response. Boxed, so that others do not carry room for it.
    pub(crate) open: Option<Box<Open>>,
}

/// What is recorded of a request.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) ticket: Ticket,
    pub(crate) label: Label,
    pub(crate) response_time_ns: u64,
}

/// A request that knows where it goes and how it is counted.
pub(super) struct Call {
    pub(super) session: Rc<Inner>,
    pub(super) label: Label,
    pub(super) parts: Option<Box<Parts>>,
}

/// Finds out where a request goes. One that goes nowhere has ended.
#[inline]
pub(super) fn resolve(request: Detached) -> Result<Call, Box<Finished>> {
    let Detached { session, method, path, name, mut parts } = request;
    let error = parts.as_mut().and_then(|parts| parts.error.take());
    let query = parts.as_ref().map(|parts| &*parts.query).filter(|query| !query.is_empty());
    let target = match error {
        Some(error) => Err(error),
        None => session.site.target(&session.local, path, query),
    };
    let target = match target {
        Ok(target) => target,
        Err(error) => {
            return Err(Box::new(Finished::unsent(session.local.clone(), method, error)));
        }
    };
    let given = name.or_else(|| session.request_name());
    Ok(Call { session, label: Label { method, given, first: target }, parts })
}

/// Sends a request, unless that has begun, and follows its redirects.
pub(super) async fn perform(call: Call, begun: Option<(Ticket, Begun)>) -> Finished {
    let Call { session, label, mut parts } = call;
    let session = &*session;
    let (method, target) = (label.method.clone(), Rc::clone(&label.first));
    let credentials = parts.as_mut().and_then(|parts| parts.digest.take());
    let (ticket, begun) = match begun {
        Some((ticket, begun)) => (ticket, Some(begun)),
        None => (session.begin(parts.as_deref()), None),
    };
    let followed = match (credentials, &mut parts) {
        (Some(credentials), Some(parts)) => {
            let what = (method, target);
            Box::pin(follow_with(session, parts, credentials, what, &ticket)).await
        }
        _ => {
            let parts = parts.as_deref().unwrap_or(&session.local.no_parts);
            let hop = Hop::first(method, target, parts, ticket.start_ns());
            follow(session, parts, hop, &ticket, begun).await
        }
    };
    match followed {
        Ok(Followed { mut response, end_ns, open }) => {
            response.set_phases(ticket.stopwatch());
            let response_time_ns = end_ns - ticket.start_ns();
            Finished { response, sent: Some(Sent { ticket, label, response_time_ns }), open }
        }
        Err(error) => {
            let (local, method) = (session.local.clone(), label.method.clone());
            let first = Rc::clone(&label.first);
            let mut response = Response::failed(local, method, Some(first), error);
            if let Some(parts) = &parts {
                response.set_request(parts);
            }
            response.set_phases(ticket.stopwatch());
            let response_time_ns = ticket.elapsed_ns();
            let sent = Some(Sent { ticket, label, response_time_ns });
            Finished { response, sent, open: None }
        }
    }
}

impl Finished {
    fn unsent(local: Rc<crate::local::Local>, method: Verb, error: HttpError) -> Finished {
        let response = Response::failed(local, method, None, error);
        Finished { response, sent: None, open: None }
    }

    /// Records the request by its status.
    #[inline]
    pub(crate) fn record(self, shard: &Shard) -> Response {
        let length = self.response.length();
        self.record_length(shard, length)
    }

    /// Records the request by its status, with another length.
    pub(crate) fn record_length(self, shard: &Shard, length: u64) -> Response {
        let Finished { response, sent, .. } = self;
        if let Some(sent) = sent {
            sent.record_response(shard, &response, length);
        }
        response
    }
}

impl Sent {
    /// Records the request by its response's status.
    #[inline]
    pub(crate) fn record_response(self, shard: &Shard, response: &Response, length: u64) {
        let failure = response.failure(self.label.name());
        self.record(shard, response.status_code(), length, failure.as_ref());
    }

    #[inline]
    pub(crate) fn record(self, shard: &Shard, status: u16, bytes: u64, failure: Option<&Failure>) {
        let Sent { mut ticket, label, response_time_ns } = self;
        label.record(&mut ticket, response_time_ns, shard, status, bytes, failure);
    }
}

impl Label {
    /// Records a request, with its ticket where it lies.
    #[inline]
    pub(super) fn record(
        &self,
        ticket: &mut Ticket,
        response_time_ns: u64,
        shard: &Shard,
        status: u16,
        length: u64,
        failure: Option<&Failure>,
    ) {
        let (entry, names) = (self.entry(shard), || self.names());
        ticket.finish_after(response_time_ns, entry, status, length, failure, names);
    }
}
