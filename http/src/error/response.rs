//! What is wrong with a response: its head, its body, or what it says.

use super::http_error::{HttpError, Kind};
use crate::lean::Malformed;
use std::fmt;

impl HttpError {
    /// A response that is not HTTP.
    pub(crate) fn bad_head(why: &Malformed) -> HttpError {
        match why {
            Malformed::HeadTooLarge => HttpError::head_too_large(),
            Malformed::Text(text) => HttpError::malformed(text),
        }
    }

    pub(crate) fn head_too_large() -> HttpError {
        HttpError::new(Kind::TooLarge, "HeadTooLarge: response head is too large")
    }

    pub(crate) fn not_http2() -> HttpError {
        HttpError::malformed(&"the server speaks HTTP/1.1, not HTTP/2")
    }

    pub(crate) fn malformed(error: &dyn fmt::Display) -> HttpError {
        HttpError::new(Kind::Malformed, format!("MalformedResponse: {error}"))
    }

    /// More came than the response, in answer to the same request.
    pub(crate) fn surplus() -> HttpError {
        let text = "MalformedResponse: the server sent bytes after the end of its response";
        HttpError::new(Kind::Malformed, text)
    }

    pub(crate) fn decoding(coding: &str, error: &dyn fmt::Display) -> HttpError {
        HttpError::new(Kind::Malformed, format!("ContentDecodingError: {coding}: {error}"))
    }

    pub(crate) fn body_too_large(limit: u64) -> HttpError {
        let text = format!("BodyTooLarge: response body has more than {limit} bytes");
        HttpError::new(Kind::TooLarge, text)
    }

    pub(crate) fn line_too_long(limit: usize) -> HttpError {
        let text = format!("LineTooLong: a line of the body has more than {limit} bytes");
        HttpError::new(Kind::TooLarge, text)
    }

    pub(crate) fn too_many_redirects(limit: usize) -> HttpError {
        HttpError::new(Kind::Redirects, format!("TooManyRedirects: exceeded {limit} redirects"))
    }

    /// The error of a status of 400 or more, in the words of python-requests.
    pub(crate) fn bad_status(status: u16, reason: &str, url: &str) -> HttpError {
        let whose = if status < 500 { "Client" } else { "Server" };
        let text = format!("HTTPError: {status} {whose} Error: {reason} for url: {url}");
        HttpError::new(Kind::Status(status), text)
    }

    pub(crate) fn json(error: &serde_json::Error) -> HttpError {
        HttpError::new(Kind::Json, format!("JSONDecodeError: {error}"))
    }
}
