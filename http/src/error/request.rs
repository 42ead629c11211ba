//! What is wrong with a request before it is sent, or with what it sends.

use super::http_error::{HttpError, Kind};
use std::{error::Error, fmt};

impl HttpError {
    pub(crate) fn missing_schema(path: &str) -> HttpError {
        let text = format!("MissingSchema: no base URL for '{path}'; give --host, or a whole URL");
        HttpError::new(Kind::Url, text)
    }

    pub(crate) fn invalid_url(url: &str, reason: impl fmt::Display) -> HttpError {
        HttpError::new(Kind::Url, format!("InvalidURL: '{url}': {reason}"))
    }

    pub(crate) fn invalid_schema(url: &str) -> HttpError {
        let text =
            format!("InvalidSchema: '{url}' is neither http:// nor https:// nor http+unix://");
        HttpError::new(Kind::Url, text)
    }

    pub(crate) fn invalid(text: impl fmt::Display) -> HttpError {
        HttpError::new(Kind::Invalid, format!("InvalidRequest: {text}"))
    }

    pub(crate) fn invalid_part(part: &str, reason: impl fmt::Display) -> HttpError {
        HttpError::invalid(format_args!("{part}: {reason}"))
    }

    pub(crate) fn invalid_proxy(url: &str, reason: impl fmt::Display) -> HttpError {
        // Whatever stands before the host may be a password.
        let shown = url.rsplit_once('@').map_or(url, |(_, host)| host);
        HttpError::invalid(format_args!("proxy '{shown}': {reason}"))
    }

    /// A challenge that cannot be answered.
    pub(crate) fn digest(why: &str) -> HttpError {
        HttpError::new(Kind::Upload, format!("DigestError: {why}"))
    }

    /// A body that was sent and is wanted once more.
    pub(crate) fn unrewindable() -> HttpError {
        let text = "UnrewindableBodyError: a streamed body cannot be sent again; \
                    make it by BodyStream::repeatable or BodyStream::file";
        HttpError::new(Kind::Upload, text)
    }

    /// A body's stream has failed.
    pub(crate) fn upload(error: &(dyn Error + 'static)) -> HttpError {
        match error.downcast_ref::<HttpError>() {
            Some(error) => error.clone(),
            None => HttpError::new(Kind::Upload, format!("UploadError: {error}")),
        }
    }

    /// A body's stream has not the length that was promised.
    pub(crate) fn upload_length(length: u64, n_bytes: u64) -> HttpError {
        let found = if n_bytes > length { "has more".into() } else { format!("has {n_bytes}") };
        let text =
            format!("UploadError: the body was to have {length} bytes, and its stream {found}");
        HttpError::new(Kind::Upload, text)
    }
}
