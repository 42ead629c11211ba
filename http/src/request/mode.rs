//! How a request is awaited, and what comes of it.

use super::{
    builder::RequestBuilder,
    perform::{Finished, perform},
};
use crate::response::{CatchResponse, Response, RestResponse, StreamResponse};
use http::{
    HeaderValue,
    header::{ACCEPT, CONTENT_TYPE},
};
use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    rc::Rc,
};

/// Marks a request that is recorded as soon as it has ended.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

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

    /// Asks for JSON, and counts a response that is none as failed. Locust's `rest()`.
    pub fn rest(mut self) -> RequestBuilder<'a, Rest> {
        let json = HeaderValue::from_static("application/json");
        let headers = &mut self.parts().headers;
        headers.entry(ACCEPT).or_insert_with(|| json.clone());
        headers.entry(CONTENT_TYPE).or_insert(json);
        self.with_mode()
    }

    /// Leaves the body to whoever awaits it: the response comes as a [`StreamResponse`] as soon as
    /// its head is there, and is recorded then, with the time so far and the length that the head
    /// names, or 0. Locust's `stream=True`.
    ///
    /// The server is not offered any content coding, and the body comes as it is sent.
    pub fn stream(mut self) -> RequestBuilder<'a, Streaming> {
        self.parts().is_streamed = true;
        self.with_mode()
    }
}

impl<'a> IntoFuture for RequestBuilder<'a, Plain> {
    type Output = Response;
    type IntoFuture = Pin<Box<dyn Future<Output = Response> + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let shard = &self.session.0.shard;
        Box::pin(async move { Finished::record(perform(self).await, shard) })
    }
}

impl<'a> IntoFuture for RequestBuilder<'a, Catching> {
    type Output = CatchResponse;
    type IntoFuture = Pin<Box<dyn Future<Output = CatchResponse> + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let shard = &self.session.0.shard;
        Box::pin(async move { CatchResponse::new(perform(self).await, shard) })
    }
}

impl<'a> IntoFuture for RequestBuilder<'a, Rest> {
    type Output = RestResponse;
    type IntoFuture = Pin<Box<dyn Future<Output = RestResponse> + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let shard = &self.session.0.shard;
        Box::pin(async move { RestResponse::new(CatchResponse::new(perform(self).await, shard)) })
    }
}

impl<'a> IntoFuture for RequestBuilder<'a, Streaming> {
    type Output = StreamResponse;
    type IntoFuture = Pin<Box<dyn Future<Output = StreamResponse> + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let session = Rc::clone(&self.session.0);
        Box::pin(async move { StreamResponse::new(perform(self).await, session) })
    }
}
