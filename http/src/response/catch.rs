//! A response whose user decides whether it counts as failed.

use super::Response;
use crate::{
    error::HttpError,
    request::{Finished, Sent},
};
use hatchery_core::{clock::duration_ns, shard::Shard, stats::Failure};
use std::{borrow::Cow, fmt, ops::Deref, rc::Rc, time::Duration};

/// A response that is not recorded yet. It is when this is dropped, however that comes about: as
/// decided last by [`CatchResponse::success`] and [`CatchResponse::failure`], or else by its
/// status. Locust's `ResponseContextManager`.
///
/// ```ignore
/// let mut response = client.get("/").catch_response().await;
/// if response.content().is_empty() {
///     response.failure("no data");
/// }
/// ```
#[must_use = "it is recorded when it is dropped"]
pub struct CatchResponse {
    shard: Rc<Shard>,
    response: Response,
    sent: Option<Sent>,
    decision: Option<Result<(), Failure>>,
    length: Option<u64>,
}

impl CatchResponse {
    pub(crate) fn new(finished: Finished, shard: &Rc<Shard>) -> CatchResponse {
        let Finished { response, sent, .. } = finished;
        let shard = Rc::clone(shard);
        CatchResponse { shard, response, sent, decision: None, length: None }
    }

    /// Counts it as a success, whatever its status. Locust's `success()`.
    pub fn success(&mut self) {
        self.decision = Some(Ok(()));
    }

    /// Counts it as a failure with this text in the error table; an error is given by its text and
    /// that of its causes. Locust's `failure(exc)`.
    ///
    /// ```ignore
    /// response.failure("no data");
    /// response.failure(format!("{} items", n));
    /// response.failure(&error as &dyn std::error::Error);
    /// ```
    pub fn failure(&mut self, why: impl Into<HttpFailure>) {
        self.decision = Some(Err(why.into().0));
    }

    /// The name of the statistics' entry.
    pub fn name(&self) -> &str {
        self.sent.as_ref().map_or("", |sent| sent.label.name())
    }

    /// Gives the statistics' entry another name. Locust's `request_meta["name"]`.
    pub fn set_name(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(sent) = &mut self.sent {
            sent.label.given = Some(name.into());
        }
    }

    /// Records another response time. Locust's `request_meta["response_time"]`.
    pub fn set_response_time(&mut self, time: Duration) {
        if let Some(sent) = &mut self.sent {
            sent.response_time_ns = duration_ns(time);
        }
    }

    /// The response time that will be recorded.
    pub fn response_time(&self) -> Duration {
        self.sent
            .as_ref()
            .map_or(Duration::ZERO, |sent| Duration::from_nanos(sent.response_time_ns))
    }

    /// Gives the request one more value to carry along to the listeners of `request`; see
    /// [`crate::RequestBuilder::context`]. Locust's `request_meta["context"]`.
    pub fn set_context<T: fmt::Debug + Send + Sync + 'static>(&mut self, value: T) {
        if let Some(sent) = &mut self.sent {
            sent.ticket.context_mut().insert(value);
        }
    }

    /// The length that will be recorded, in bytes.
    pub fn response_length(&self) -> u64 {
        self.length.unwrap_or_else(|| self.response.length())
    }

    /// Records another length, in bytes. Locust's `request_meta["response_length"]`.
    pub fn set_response_length(&mut self, n_bytes: u64) {
        self.length = Some(n_bytes);
    }
}

/// Why a response counts as failed: a text, or an error.
#[derive(Debug)]
pub struct HttpFailure(Failure);

impl From<&'static str> for HttpFailure {
    fn from(text: &'static str) -> HttpFailure {
        HttpFailure(Failure::new(text))
    }
}

impl From<String> for HttpFailure {
    fn from(text: String) -> HttpFailure {
        HttpFailure(Failure::new(text))
    }
}

impl From<HttpError> for HttpFailure {
    fn from(error: HttpError) -> HttpFailure {
        HttpFailure(error.to_failure())
    }
}

impl From<Box<dyn std::error::Error>> for HttpFailure {
    fn from(error: Box<dyn std::error::Error>) -> HttpFailure {
        HttpFailure(Failure::from_error(&*error))
    }
}

impl From<Box<dyn std::error::Error + Send + Sync>> for HttpFailure {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> HttpFailure {
        HttpFailure(Failure::from_error(&*error))
    }
}

impl From<&(dyn std::error::Error + 'static)> for HttpFailure {
    fn from(error: &(dyn std::error::Error + 'static)) -> HttpFailure {
        HttpFailure(Failure::from_error(error))
    }
}

impl Deref for CatchResponse {
    type Target = Response;

    fn deref(&self) -> &Response {
        &self.response
    }
}

impl Drop for CatchResponse {
    fn drop(&mut self) {
        let Some(sent) = self.sent.take() else { return };
        let failure = match self.decision.take() {
            Some(decision) => decision.err(),
            None => self.response.failure(sent.label.name()),
        };
        let length = self.response_length();
        sent.record(&self.shard, self.response.status_code(), length, failure.as_ref());
    }
}

impl fmt::Debug for CatchResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchResponse")
            .field("response", &self.response)
            .field("decision", &self.decision)
            .finish_non_exhaustive()
    }
}
