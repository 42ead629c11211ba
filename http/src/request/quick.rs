//! The plain request, without the machinery for all others.
//!
//! Most requests of a load test go out on the user's idle connection, and what comes back is small,
//! whole and needs nothing done about it. Such a request is put together, sent, read and finished
//! here, in a few words of memory instead of a future of kilobytes. Whatever turns out to be anything
//! else is handed over to [`perform`] as far as it has come, before any of its answer is taken: what
//! answers mean is said there, and here only which ones are plain.

use super::{
    builder::Detached,
    deadline::Limits,
    exchange::{Begun, Way},
    follow::Hop,
    parts::Parts,
    perform::{Call, Finished, Sent, perform, resolve},
    pooled::Pooled,
    write::write,
};
use crate::{
    connection::{Connection, Lease, PlainAnswer, Route},
    response::Response,
    session::Inner,
    site::Origin,
};
use hatchery_core::shard::Ticket;
use http::Method;
use std::{
    mem,
    rc::Rc,
    task::{Context, Poll, ready},
};

/// Larger bodies may not fit into the socket's buffer at once.
const BODY_BYTES_MAX: usize = 8 * 1024;

/// A request under way.
pub(super) enum Flight {
    /// It begins with the first poll.
    New(Detached),
    /// A plain one, sent.
    Quick(OnItsWay),
    Usual(Pooled<Finished>),
    Over,
}

/// A request that was sent, of whose answer nothing has been taken.
pub(super) struct OnItsWay {
    call: Call,
    ticket: Ticket,
    lease: Lease,
}

impl Flight {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Finished> {
        if matches!(self, Flight::New(_))
            && let Flight::New(request) = mem::replace(self, Flight::Over)
        {
            *self = match resolve(request) {
                Err(finished) => return Poll::Ready(*finished),
                Ok(call) => OnItsWay::begin(call, cx),
            };
        }
        if let Flight::Quick(request) = self {
            let answer = ready!(request.poll(cx));
            let Flight::Quick(request) = mem::replace(self, Flight::Over) else {
                unreachable!("it was one just now")
            };
            match answer {
                Some(answer) => return Poll::Ready(request.finish(answer)),
                None => *self = request.hand_over(),
            }
        }
        match self {
            Flight::Usual(request) => request.poll_here(cx),
            _ => unreachable!("whoever has the outcome does not poll again"),
        }
    }
}

impl OnItsWay {
    /// Sends a request if it is a plain one and there is an idle connection.
    fn begin(call: Call, cx: &mut Context<'_>) -> Flight {
        let session = &*call.session;
        let parts = call.parts.as_deref();
        let may_be_plain = session.may_be_quick()
            && call.label.first.is_plain.get()
            && parts.is_none_or(Parts::may_be_quick);
        let lease = if may_be_plain { session.idle(&call.label.first.origin) } else { None };
        let Some(mut lease) = lease else { return usual(call, None) };
        let Connection::Lean(connection) = &mut lease.connection else {
            // What was taken goes on as it would have.
            let ticket = session.begin(parts);
            return usual(call, Some((ticket, Begun { lease, is_sent: false })));
        };
        let ticket = session.begin(parts);
        let parts = parts.unwrap_or(&session.local.no_parts);
        let target = Rc::clone(&call.label.first);
        let hop = Hop::first(call.label.method.clone(), target, parts, ticket.start_ns());
        let way = Way { forwarder: None, is_last: false };
        let is_sent =
            connection.begin_plain(cx, |buffer| write(buffer, session, parts, &hop, &way));
        if !is_sent {
            return usual(call, Some((ticket, Begun { lease, is_sent })));
        }
        lease.begin(0);
        Flight::Quick(OnItsWay { call, ticket, lease })
    }

    /// The answer, if it is plain; `None` as soon as it is known not to be.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<PlainAnswer>> {
        let Connection::Lean(connection) = &mut self.lease.connection else {
            unreachable!("it was sent on one")
        };
        let is_head = self.call.label.method == Method::HEAD;
        connection.poll_plain(cx, is_head, &self.call.session.options)
    }

    fn finish(self, answer: PlainAnswer) -> Finished {
        let OnItsWay { call, ticket, lease } = self;
        let Call { session, label, .. } = call;
        // Head and body came at once.
        let response_time_ns = ticket.elapsed_ns();
        let local = Rc::clone(&session.local);
        let response = match session.give_back(lease) {
            Ok(()) => Response::plain(local, &label.method, &label.first, answer, response_time_ns),
            Err(error) => {
                let target = Some(Rc::clone(&label.first));
                Response::failed(local, label.method.clone(), target, error)
            }
        };
        Finished { response, sent: Some(Sent { ticket, label, response_time_ns }), open: None }
    }

    fn hand_over(self) -> Flight {
        let OnItsWay { call, ticket, lease } = self;
        call.label.first.is_plain.set(false);
        usual(call, Some((ticket, Begun { lease, is_sent: true })))
    }
}

/// The usual way of a request, from as far as it has come.
fn usual(call: Call, begun: Option<(Ticket, Begun)>) -> Flight {
    let spare = Rc::clone(&call.session.local.spare_requests);
    Flight::Usual(Pooled::new(&spare, || perform(call, begun)))
}

impl Parts {
    /// Whether all that it has is written into the request.
    fn may_be_quick(&self) -> bool {
        self.stream.is_none()
            && self.body.as_ref().is_none_or(|body| body.len() <= BODY_BYTES_MAX)
            && self.signer.is_none()
            && self.digest.is_none()
            && self.limits == Limits::default()
            && self.terms.is_none()
            && !self.is_streamed
            && self.kept.is_none()
    }
}

impl Inner {
    /// An idle connection to an origin, on the session's own terms.
    #[inline]
    fn idle(&self, origin: &Rc<Origin>) -> Option<Lease> {
        let route = Route { origin: Rc::clone(origin), terms: None };
        self.pool.take(&route)
    }
}
