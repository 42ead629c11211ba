//! HTTP/1.1 by hyper, driven by the request that uses the connection.

use super::{Head, HeadBody, Rest, wire::Wire};
use crate::{
    error::{HttpError, Phase},
    request::{Deadline, ReqBody},
};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, SET_COOKIE};
use hyper::{
    Request, Response,
    body::{Body, Incoming},
    client::conn::http1::{self, SendRequest},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

/// Rounds of reading and writing in one poll; then others get their turn.
const ROUNDS_MAX: usize = 32;

/// A connection driven by hyper.
pub(crate) struct HyperConnection {
    sender: SendRequest<ReqBody>,
    /// `None` once it has ended.
    driver: Option<http1::Connection<Wire, ReqBody>>,
    end: End,
    wire: Wire,
    /// Whether the last request's body is made while it is sent, and may outlast its response.
    is_uploading: bool,
}

/// How a connection's driver ended.
#[derive(Default)]
struct End {
    /// Why, if not in an orderly way.
    error: Option<hyper::Error>,
    /// Whether bytes were left that belong to no response.
    has_surplus: bool,
}

impl HyperConnection {
    pub(super) async fn new(wire: Wire) -> HyperConnection {
        let (sender, driver) = http1::handshake(wire.clone())
            .await
            .expect("hyper does no I/O before the first request");
        let end = End::default();
        HyperConnection { sender, driver: Some(driver), end, wire, is_uploading: false }
    }

    pub(super) fn is_reusable(&self) -> bool {
        self.driver.is_some() && self.sender.is_ready() && self.wire.is_idle()
    }

    pub(super) fn rest(&mut self) -> Rest {
        // Whoever was sent a part of a request may say anything.
        if self.is_uploading {
            return Rest::Spent;
        }
        // Nobody may have driven it since the response's end, and only hyper sees what it has read.
        drive(&mut self.driver, &mut self.end, &mut Context::from_waker(Waker::noop()));
        match () {
            () if self.end.has_surplus => Rest::Surplus,
            () if self.is_reusable() => Rest::Reusable,
            () => Rest::Spent,
        }
    }

    pub(super) fn n_read(&self) -> u64 {
        self.wire.n_read()
    }

    pub(super) fn n_steps(&self) -> u64 {
        self.wire.n_steps()
    }

    pub(super) fn expect_bulk(&self, bulk: bool) {
        self.wire.expect_bulk(bulk);
    }

    pub(crate) fn send<'c>(
        &'c mut self,
        mut request: Request<ReqBody>,
        deadline: &'c mut Deadline,
    ) -> impl Future<Output = Result<Head, HttpError>> + use<'c> {
        self.is_uploading = false;
        if let ReqBody::Stream(streamed) = request.body_mut() {
            streamed.wire = Some(self.wire.clone());
            self.is_uploading = true;
        }
        let response = self.sender.send_request(request);
        let HyperConnection { driver, end, wire, .. } = self;
        Sending { response, driver, end, wire, deadline }
    }

    pub(super) async fn next_piece(
        &mut self,
        head: &mut Head,
        deadline: &mut Deadline,
    ) -> Result<Option<Bytes>, HttpError> {
        let HeadBody::Hyper(incoming) = &mut head.body else {
            unreachable!("a head of this connection has a body of this connection")
        };
        let HyperConnection { driver, end, wire, .. } = self;
        let mut round = |noop: &mut Context<'_>| {
            // Trailers are read and dropped.
            let mut poll_body = |noop: &mut Context<'_>| loop {
                match Pin::new(&mut *incoming).poll_frame(noop) {
                    Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                        Ok(bytes) => return Poll::Ready(Ok(Some(bytes))),
                        Err(_trailers) => {}
                    },
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                    Poll::Ready(None) => return Poll::Ready(Ok(None)),
                    Poll::Pending => return Poll::Pending,
                }
            };
            if let Poll::Ready(piece) = poll_body(noop) {
                return Poll::Ready(piece);
            }
            drive(driver, end, noop);
            poll_body(noop)
        };
        let piece = poll_fn(|cx| rounds(wire, cx, deadline, Phase::Reading, &mut round))
            .await?
            .map_err(|own| HttpError::hyper(end.error.as_ref().unwrap_or(&own), Phase::Reading))?;
        if self.is_uploading && piece.is_none() && head.status.is_success() {
            Box::pin(self.finish_upload(deadline)).await?;
        }
        Ok(piece)
    }

    /// Sends the rest of a body whose response is complete.
    async fn finish_upload(&mut self, deadline: &mut Deadline) -> Result<(), HttpError> {
        let HyperConnection { sender, driver, end, wire, is_uploading } = self;
        *is_uploading = false;
        let mut round = |noop: &mut Context<'_>| {
            drive(driver, end, noop);
            if driver.is_none() || sender.is_ready() { Poll::Ready(()) } else { Poll::Pending }
        };
        poll_fn(|cx| rounds(wire, cx, deadline, Phase::Reading, &mut round)).await
    }
}

pin_project! {
    /// Sends a request until its response's head is there. By hand, because an `async fn` would
    /// hold the request three times.
    struct Sending<'c, R> {
        #[pin]
        response: R,
        driver: &'c mut Option<http1::Connection<Wire, ReqBody>>,
        end: &'c mut End,
        wire: &'c Wire,
        deadline: &'c mut Deadline,
    }
}

impl<R> Future for Sending<'_, R>
where
    R: Future<Output = hyper::Result<Response<Incoming>>>,
{
    type Output = Result<Head, HttpError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut round = |noop: &mut Context<'_>| {
            drive(this.driver, this.end, noop);
            this.response.as_mut().poll(noop)
        };
        let response = ready!(rounds(this.wire, cx, this.deadline, Phase::Waiting, &mut round))?;
        let response = response.map_err(|error| HttpError::hyper(&error, Phase::Waiting))?;
        let (mut parts, body) = response.into_parts();
        let reason = parts.extensions.remove();
        Poll::Ready(Ok(Head {
            status: parts.status,
            reason,
            sets_cookies: parts.headers.contains_key(SET_COOKIE),
            is_encoded: parts.headers.contains_key(CONTENT_ENCODING),
            is_plain: false,
            headers: parts.headers.into(),
            body: HeadBody::Hyper(body),
        }))
    }
}

/// Polls the connection, which reads and writes as far as it gets.
fn drive(
    driver: &mut Option<http1::Connection<Wire, ReqBody>>,
    end: &mut End,
    noop: &mut Context<'_>,
) {
    let Some(connection) = driver else { return };
    let Poll::Ready(ended) = Pin::new(connection).poll(noop) else { return };
    end.error = ended.err();
    let parts = driver.take().map(http1::Connection::into_parts);
    end.has_surplus = parts.is_some_and(|parts| !parts.read_buf.is_empty());
}

/// Repeats `round` for as long as bytes move.
fn rounds<T>(
    wire: &Wire,
    cx: &mut Context<'_>,
    deadline: &mut Deadline,
    phase: Phase,
    round: &mut impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<Result<T, HttpError>> {
    wire.set_waker(cx.waker());
    let mut noop = Context::from_waker(Waker::noop());
    for _ in 0..ROUNDS_MAX {
        let n_steps = wire.n_steps();
        if let Poll::Ready(value) = round(&mut noop) {
            return Poll::Ready(Ok(value));
        }
        if wire.n_steps() == n_steps {
            return deadline.poll(cx, wire.n_read(), wire.n_written(), phase).map(Err);
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

impl fmt::Debug for HyperConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperConnection").field("wire", &self.wire).finish_non_exhaustive()
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head").field("status", &self.status).finish_non_exhaustive()
    }
}
