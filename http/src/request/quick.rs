//! The plain request, without the machinery for all others.
//!
//! Most requests of a load test go out on the user's idle connection, and what comes back is small,
//! whole and needs nothing done about it. Such a request is put together, sent, read and finished
//! here, in a few words of memory instead of a future of kilobytes. Whatever turns out to be anything
//! else is handed over to [`perform`] as far as it has come, before any of its answer is taken: what
//! answers mean is said there, and here only which ones are plain.

use super::{
    deadline::Limits,
    exchange::{Begun, PlainlyAnswered, Way},
    follow::Hop,
    label::Label,
    parts::Parts,
    perform::{Call, Finished, Sent, perform},
    pooled::Pooled,
    write::{known, write},
};
use crate::{
    connection::{Connection, Lease, Looked, PlainAnswer, PlainHead, Route},
    error::HttpError,
    response::Response,
    session::Inner,
    site::Origin,
};
use hatchery_core::{shard::Ticket, stats::Failure};
use http::Method;
use std::{
    rc::Rc,
    task::{Context, Poll, ready},
};

/// Larger bodies may not fit into the socket's buffer at once.
const BODY_BYTES_MAX: usize = 8 * 1024;

/// A request under way. Its parts are taken where they lie: it is not moved from stage to stage.
#[derive(Default)]
pub(super) struct Flight {
    /// Until the request has ended or goes the usual way.
    call: Option<Call>,
    /// Set while it goes the quick way.
    on_its_way: Option<OnItsWay>,
    /// Set when the answer's head has come, and its body is to come.
    answered: Option<PlainlyAnswered>,
    usual: Option<Pooled<Finished>>,
    /// It goes nowhere.
    unsent: Option<Box<Finished>>,
}

/// A request that was sent, of whose answer nothing has been taken but perhaps its head.
///
/// Apart from [`Begun`], which has room for that head and would be moved with it: a plain request
/// would take 1.5 % more instructions.
struct OnItsWay {
    ticket: Ticket,
    /// Until it is given back.
    lease: Option<Lease>,
}

/// How the outcome of a request is given to whoever awaits it.
pub(super) trait Give {
    type Output;

    /// What came of a plain request that went the quick way.
    #[inline]
    fn plain(answer: PlainAnswer, landed: Landed<'_>, session: &Rc<Inner>) -> Self::Output {
        let response = landed.response(answer, session);
        Self::usual(landed.into_finished(response), session)
    }

    /// What came of any other.
    fn usual(finished: Finished, session: &Rc<Inner>) -> Self::Output;
}

/// A plain request that was answered and is to be recorded, where it lies.
pub(super) struct Landed<'f> {
    flight: &'f mut Flight,
    response_time_ns: u64,
    /// Until its head had come.
    elapsed_ns: u64,
}

impl Landed<'_> {
    /// The response that its answer makes.
    #[inline]
    pub(super) fn response(&self, answer: PlainAnswer, session: &Inner) -> Response {
        let (label, local) = (self.label(), Rc::clone(&session.local));
        Response::plain(local, &label.method, &label.first, answer, self.elapsed_ns)
    }

    /// Records it by its response's status.
    #[inline]
    pub(super) fn record(self, session: &Inner, response: &Response) {
        let failure = response.failure(self.label().name());
        self.record_as(session, response.status_code(), response.length(), failure.as_ref());
    }

    /// Records it.
    #[inline]
    pub(super) fn record_as(
        self,
        session: &Inner,
        status: u16,
        length: u64,
        failure: Option<&Failure>,
    ) {
        let (Some(call), Some(way)) = (&self.flight.call, &mut self.flight.on_its_way) else {
            unreachable!("it has landed")
        };
        let (shard, time_ns) = (&session.shard, self.response_time_ns);
        call.label.record(&mut way.ticket, time_ns, shard, status, length, failure);
    }

    #[inline]
    fn label(&self) -> &Label {
        let Some(Call { label, .. }) = &self.flight.call else { unreachable!("it has landed") };
        label
    }

    #[cold]
    fn into_failed(self, error: HttpError, session: &Inner) -> Finished {
        let label = self.label();
        let (local, target) = (Rc::clone(&session.local), Some(Rc::clone(&label.first)));
        let response = Response::failed(local, label.method.clone(), target, error);
        self.into_finished(response)
    }

    fn into_finished(self, response: Response) -> Finished {
        let (Some(Call { label, .. }), Some(OnItsWay { ticket, .. })) =
            (self.flight.call.take(), self.flight.on_its_way.take())
        else {
            unreachable!("it has landed")
        };
        let sent = Some(Sent { ticket, label, response_time_ns: self.response_time_ns });
        Finished { response, sent, open: None }
    }
}

impl Flight {
    /// One that begins with the first poll.
    #[inline]
    pub(super) fn new(call: Result<Call, Box<Finished>>) -> Flight {
        match call {
            Ok(call) => Flight { call: Some(call), ..Flight::default() },
            Err(unsent) => Flight { unsent: Some(unsent), ..Flight::default() },
        }
    }

    #[inline]
    pub(super) fn poll<G: Give>(
        &mut self,
        cx: &mut Context<'_>,
        session: &Rc<Inner>,
    ) -> Poll<G::Output> {
        if self.on_its_way.is_none() && (self.usual.is_some() || !self.begin(cx)) {
            return self.poll_usual(cx).map(|finished| G::usual(finished, session));
        }
        let (Some(call), Some(OnItsWay { lease: Some(lease), .. })) =
            (&self.call, &mut self.on_its_way)
        else {
            unreachable!("it has begun")
        };
        let Connection::Lean(connection) = &mut lease.connection else {
            unreachable!("it was sent on one")
        };
        let options = &session.options;
        if self.answered.is_none() {
            let is_head = *call.label.method == Method::HEAD;
            match ready!(connection.poll_plain(cx, is_head, options)) {
                Looked::Answer(answer) => {
                    return Poll::Ready(self.finish::<G>(answer, None, session));
                }
                Looked::Head(head) => {
                    let head_ns = session.shard.received_ns();
                    self.answered = Some(PlainlyAnswered { head, head_ns });
                }
                Looked::Other => {
                    return self.poll_usual(cx).map(|finished| G::usual(finished, session));
                }
            }
        }
        let Some(PlainlyAnswered { head, head_ns }) = &self.answered else {
            unreachable!("its head has come")
        };
        let head_ns = *head_ns;
        match ready!(connection.poll_plain_body(cx, head, options)) {
            Some(body) => {
                let PlainHead { said, bytes } = self.answered.take().expect("as above").head;
                let answer = PlainAnswer { status: said.status, head: bytes, body };
                Poll::Ready(self.finish::<G>(answer, Some(head_ns), session))
            }
            None => self.poll_usual(cx).map(|finished| G::usual(finished, session)),
        }
    }

    /// Sends the request if it is a plain one and there is an idle connection.
    fn begin(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(Call { session, label, parts }) = &self.call else { return false };
        let parts = parts.as_deref();
        let may_be_plain = session.may_be_quick()
            && label.first.is_plain.get()
            && parts.is_none_or(Parts::may_be_quick);
        let lease = if may_be_plain { session.idle(&label.first.origin) } else { None };
        let Some(mut lease) = lease else { return false };
        let Connection::Lean(connection) = &mut lease.connection else {
            unreachable!("a session that may be quick has no others")
        };
        let ticket = session.begin(parts);
        let is_sent = match known(session, label, parts) {
            Some(request) => connection.begin_known(cx, request),
            None => {
                let (method, first) = (label.method.clone(), Rc::clone(&label.first));
                let parts = parts.unwrap_or(&session.local.no_parts);
                let hop = Hop::first(method, first, parts, ticket.start_ns());
                let way = Way { forwarder: None, is_last: false };
                connection.begin_plain(cx, |buffer| write(buffer, session, parts, &hop, &way))
            }
        };
        if is_sent {
            lease.begin(0);
            lease.keep_near(session);
            self.on_its_way = Some(OnItsWay { ticket, lease: Some(lease) });
            return true;
        }
        let call = self.call.take();
        let begun = Begun { lease, is_sent: false, answered: None };
        self.usual = call.map(|call| usual(call, Some((ticket, begun))));
        false
    }

    #[inline]
    fn finish<G: Give>(
        &mut self,
        answer: PlainAnswer,
        head_ns: Option<u64>,
        session: &Rc<Inner>,
    ) -> G::Output {
        let Some(OnItsWay { ticket, lease }) = &mut self.on_its_way else {
            unreachable!("it is on its way")
        };
        let lease = lease.take().expect("its answer came on it");
        let response_time_ns = ticket.received_after_ns();
        // Most often head and body come at once.
        let elapsed_ns =
            head_ns.map_or(response_time_ns, |ns| ns.saturating_sub(ticket.start_ns()));
        let given_back = session.give_back(lease);
        let landed = Landed { flight: self, response_time_ns, elapsed_ns };
        match given_back {
            Ok(()) => G::plain(answer, landed, session),
            Err(error) => G::usual(landed.into_failed(error, session), session),
        }
    }

    /// Goes on in the usual way, from as far as the request has come.
    fn poll_usual(&mut self, cx: &mut Context<'_>) -> Poll<Finished> {
        if let Some(unsent) = self.unsent.take() {
            return Poll::Ready(*unsent);
        }
        if let Some(call) = self.call.take() {
            let begun = self.on_its_way.take().map(|OnItsWay { ticket, lease }| {
                call.label.first.is_plain.set(false);
                let lease = lease.expect("its answer has not come");
                (ticket, Begun { lease, is_sent: true, answered: self.answered.take() })
            });
            self.usual = Some(usual(call, begun));
        }
        let usual = self.usual.as_mut().expect("whoever has the outcome does not poll again");
        usual.poll_here(cx)
    }
}

fn usual(call: Call, begun: Option<(Ticket, Begun)>) -> Pooled<Finished> {
    let spare = Rc::clone(&call.session.local.spare_requests);
    Pooled::new(&spare, || perform(call, begun))
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
