//! What only a request can be given that a response answers. The upgrade to a WebSocket has no body,
//! follows no redirect, and leaves no response to ask for what was sent.

use super::{
    body_stream::BodyStream,
    builder::{RequestBuilder, urlencoded},
    mode::{Catching, Plain, Recording, Rest, Streaming},
    multipart::{Encoded, Multipart},
};
use crate::error::HttpError;
use bytes::Bytes;
use http::HeaderValue;
use serde::Serialize;
use std::cell::RefCell;

/// The modes of requests that a response answers: all but [`Upgrading`](crate::Upgrading).
///
/// A WebSocket cannot be asked for with a body, nor with anything else that would come to nothing:
///
/// ```compile_fail,E0599
/// # use hatchery_http::HttpSession;
/// fn ask(client: &HttpSession) {
///     let request = client.websocket("/chat").body("hello");
/// }
/// ```
///
/// What says who asks can be given to it:
///
/// ```
/// # use hatchery_http::HttpSession;
/// fn ask(client: &HttpSession) {
///     let request = client.websocket("/chat").basic_auth("ada", "secret").verify(false);
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a WebSocket is asked for without a body, and without a response",
    label = "it is answered by a `WebSocket`, and not by a `Response`",
    note = "what is to be said goes into a message, such as by `WebSocket::send_text`"
)]
pub trait Responding: sealed::Sealed {}

impl Responding for Plain {}
impl Responding for Recording {}
impl Responding for Catching {}
impl Responding for Rest {}
impl Responding for Streaming {}

mod sealed {
    use super::{Catching, Plain, Recording, Rest, Streaming};

    pub trait Sealed {}

    impl Sealed for Plain {}
    impl Sealed for Recording {}
    impl Sealed for Catching {}
    impl Sealed for Rest {}
    impl Sealed for Streaming {}
}

impl<Mode: Responding> RequestBuilder<'_, Mode> {
    /// Sends a value as JSON, with `Content-Type: application/json`. Locust's `json`.
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        let parts = self.parts();
        match serde_json::to_vec(value) {
            Ok(body) => {
                let json = HeaderValue::from_static("application/json");
                parts.set_body(body.into(), Some(json));
            }
            Err(error) => parts.fail(HttpError::invalid_part("json", error)),
        }
        self
    }

    /// Sends pairs as a form: a slice of pairs, a map or a struct. Locust's `data` with a dict.
    pub fn form(mut self, fields: &(impl Serialize + ?Sized)) -> Self {
        let parts = self.parts();
        match urlencoded(fields) {
            Ok(body) => {
                let form = HeaderValue::from_static("application/x-www-form-urlencoded");
                parts.set_body(body.into(), Some(form));
            }
            Err(error) => parts.fail(HttpError::invalid_part("form", error)),
        }
        self
    }

    /// Sends fields and files as `multipart/form-data`; a form with a
    /// [`Multipart::stream`] is sent as that is read. Locust's `files`.
    pub fn multipart(mut self, form: &Multipart) -> Self {
        // Long enough that no content holds it.
        let boundary = format!("{:032x}", self.session.0.shard.rng().u128(..));
        let content_type = format!("multipart/form-data; boundary={boundary}");
        let content_type = Some(content_type.try_into().expect("a boundary is ASCII"));
        match form.encode(&boundary) {
            Encoded::Whole(body) => self.parts().set_body(body, content_type),
            Encoded::Stream(stream) => {
                self = self.body_stream(stream);
                self.parts().content_type = content_type;
            }
        }
        self
    }

    /// Sends these bytes; set `Content-Type` by [`RequestBuilder::header`]. Locust's `data` with
    /// bytes or a string.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.parts().set_body(body.into(), None);
        self
    }

    /// Sends a body that is made while it is sent; see [`BodyStream`]. A server that answers
    /// before it has all of it with a status of 300 or above is not sent the rest. Locust's
    /// `data` with a generator or a file.
    ///
    /// ```ignore
    /// let body = BodyStream::file("upload.bin")?;
    /// self.client.put("/upload").body_stream(body).await;
    /// ```
    pub fn body_stream(mut self, body: BodyStream) -> Self {
        let parts = self.parts();
        parts.body = None;
        parts.content_type = None;
        parts.stream = Some(body);
        self
    }

    /// Keeps the request as it is sent, for [`Response::request`]: that of each hop, if there are
    /// redirects. Without this it is gone once it is sent, so that nobody pays for what few look at.
    ///
    /// ```ignore
    /// let response = client.get("/").keep_request().await;
    /// println!("{:?}", response.request().map(PreparedRequest::headers));
    /// ```
    ///
    /// [`Response::request`]: crate::Response::request
    pub fn keep_request(mut self) -> Self {
        self.parts().kept = Some(RefCell::default());
        self
    }

    /// Whether redirects are followed: by default for all methods but HEAD. Locust's
    /// `allow_redirects`.
    pub fn allow_redirects(mut self, allow: bool) -> Self {
        self.parts().allow_redirects = Some(allow);
        self
    }
}
