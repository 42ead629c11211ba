//! How a request is awaited, and what comes of it.

use super::{
    builder::RequestBuilder,
    perform::{Finished, resolve},
    quick::{Flight, Give, Landed},
};
use crate::{
    connection::PlainAnswer,
    response::{CatchResponse, Response, RestResponse, StreamResponse, is_failing},
    session::Inner,
};
use http::{
    HeaderValue,
    header::{ACCEPT, CONTENT_TYPE},
};
use std::{
    fmt,
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// Marks a request that is recorded as soon as it has ended.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

/// Marks a request whose response nobody sees; see [`RequestBuilder::record_only`].
#[derive(Clone, Copy, Debug)]
pub struct Recording;

/// Marks a request whose outcome its user decides; see [`RequestBuilder::catch_response`].
#[derive(Clone, Copy, Debug)]
pub struct Catching;

/// Marks a request whose response ought to be JSON; see [`RequestBuilder::rest`].
#[derive(Clone, Copy, Debug)]
pub struct Rest;

/// Marks a request whose body is read piece by piece; see [`RequestBuilder::stream`].
#[derive(Clone, Copy, Debug)]
pub struct Streaming;

impl<'a> RequestBuilder<'a, Plain> {
    /// Gives the decision whether the request failed to whoever awaits it: the response comes as a
    /// [`CatchResponse`], and is recorded when that is dropped. Locust's `catch_response=True`.
    pub fn catch_response(self) -> RequestBuilder<'a, Catching> {
        self.with_mode()
    }

    /// Only has the request recorded, as it would be otherwise. Its response is seen by nobody, so that
    /// none is made where there is no need to.
    pub fn record_only(self) -> RequestBuilder<'a, Recording> {
        self.with_mode()
    }

    /// Asks for JSON, and counts a response that is none as failed. Locust's `rest()`.
    pub fn rest(mut self) -> RequestBuilder<'a, Rest> {
        let json = HeaderValue::from_static("application/json");
        let headers = &mut self.parts().headers;
        headers.entry(ACCEPT).or_insert_with(|| json.clone());
        headers.entry(CONTENT_TYPE).or_insert(json);
        self.with_mode()
    }

    /// As [`RequestBuilder::rest`], past every cache: appends `_=` and the time in milliseconds to
    /// the query, and names the entry by the path as given with `_=...` unless it is given a
    /// name. Locust's `rest_()`.
    pub fn rest_(mut self) -> RequestBuilder<'a, Rest> {
        if self.name.is_none() {
            let joint = if self.path.contains('?') { '&' } else { '?' };
            self.name = Some(format!("{}{joint}_=...", self.path).into());
        }
        let shard = &self.session.0.shard;
        let unix_ms = shard.clock().unix_ns(shard.now_ns()) / 1_000_000;
        self.params(&[("_", unix_ms)]).rest()
    }

    /// Leaves the body to whoever awaits it: the response comes as a [`StreamResponse`] as soon as
    /// its head is there, and is recorded then, with the time so far and the length that the head
    /// names, or 0. Locust's `stream=True`.
    pub fn stream(mut self) -> RequestBuilder<'a, Streaming> {
        self.parts().is_streamed = true;
        self.with_mode()
    }
}

/// A request under way. Dropping it gives up, and closes the connection; over HTTP/2 it resets the
/// request's stream, and leaves the connection to the others.
#[must_use = "a request is sent when it is awaited"]
pub struct Sending<Mode> {
    flight: Flight,
    session: Rc<Inner>,
    mode: PhantomData<Mode>,
}

impl<Mode> fmt::Debug for Sending<Mode> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}

/// How a request of a mode is awaited.
macro_rules! awaited {
    ($mode:ty => $output:ty) => {
        impl IntoFuture for RequestBuilder<'_, $mode> {
            type Output = $output;
            type IntoFuture = Sending<$mode>;

            fn into_future(self) -> Sending<$mode> {
                let session = Rc::clone(&self.session.0);
                Sending { flight: Flight::new(resolve(self.detach())), session, mode: PhantomData }
            }
        }

        impl Future for Sending<$mode> {
            type Output = $output;

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                let Sending { flight, session, .. } = &mut *self;
                flight.poll::<$mode>(cx, session)
            }
        }
    };
}

awaited!(Plain => Response);
awaited!(Recording => ());
awaited!(Catching => CatchResponse);
awaited!(Rest => RestResponse);
awaited!(Streaming => StreamResponse);

impl Give for Plain {
    type Output = Response;

    #[inline]
    fn plain(answer: PlainAnswer, landed: Landed<'_>, session: &Rc<Inner>) -> Response {
        let response = landed.response(answer, session);
        landed.record(session, &response);
        response
    }

    fn usual(finished: Finished, session: &Rc<Inner>) -> Response {
        finished.record(&session.shard)
    }
}

impl Give for Recording {
    type Output = ();

    #[inline]
    fn plain(answer: PlainAnswer, landed: Landed<'_>, session: &Rc<Inner>) {
        match is_failing(answer.status) {
            false => landed.record_as(session, answer.status, answer.body.len(), None),
            // Its reason stands in the head.
            true => drop(Plain::plain(answer, landed, session)),
        }
    }

    fn usual(finished: Finished, session: &Rc<Inner>) {
        finished.record(&session.shard);
    }
}

impl Give for Catching {
    type Output = CatchResponse;

    fn usual(finished: Finished, session: &Rc<Inner>) -> CatchResponse {
        CatchResponse::new(finished, &session.shard)
    }
}

impl Give for Rest {
    type Output = RestResponse;

    fn usual(finished: Finished, session: &Rc<Inner>) -> RestResponse {
        RestResponse::new(CatchResponse::new(finished, &session.shard))
    }
}

impl Give for Streaming {
    type Output = StreamResponse;

    fn usual(finished: Finished, session: &Rc<Inner>) -> StreamResponse {
        StreamResponse::new(finished, Rc::clone(session))
    }
}
