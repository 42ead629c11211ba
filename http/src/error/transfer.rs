//! What breaks off an exchange that is under way.

use super::{
    http_error::{HttpError, Kind},
    phase::Phase,
};
use std::{error::Error, fmt, io, iter};

impl HttpError {
    /// hyper's error, as seen by a request of which some or nothing was answered.
    pub(crate) fn hyper(error: &hyper::Error, phase: Phase) -> HttpError {
        // That of a request's body.
        if let Some(own) = find::<HttpError>(error) {
            return own.clone();
        }
        if let Some(cause) = find::<io::Error>(error) {
            // Errors that are made up, by a decoder for instance, have no number.
            if cause.raw_os_error().is_some() {
                return HttpError::io(Kind::Closed, cause);
            }
            let inner = cause.get_ref();
            if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return HttpError::tls(error);
            }
            if matches!(cause.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) {
                return HttpError::malformed(cause);
            }
        }
        if error.is_parse_too_large() {
            return HttpError::head_too_large();
        }
        if error.is_parse() {
            return HttpError::malformed(error);
        }
        HttpError::closed(phase)
    }

    /// An error of the socket, or of TLS, while a request is sent or its response read.
    pub(crate) fn read(error: &io::Error) -> HttpError {
        match error.kind() {
            _ if error.raw_os_error().is_some() => HttpError::io(Kind::Closed, error),
            io::ErrorKind::InvalidData => HttpError::tls_io(error),
            _ => HttpError::malformed(error),
        }
    }

    /// The server ended this one stream.
    pub(crate) fn stream_reset(reason: &dyn fmt::Debug) -> HttpError {
        HttpError::new(Kind::Closed, format!("StreamReset: server reset the stream: {reason:?}"))
    }

    /// The server ended the whole connection, and did not process this request.
    pub(crate) fn gone_away(reason: &dyn fmt::Debug) -> HttpError {
        HttpError::new(Kind::Closed, format!("ConnectionClosed: server sent GOAWAY: {reason:?}"))
    }

    pub(crate) fn closed(phase: Phase) -> HttpError {
        HttpError::new(
            Kind::Closed,
            match phase {
                Phase::Reading => "IncompleteBody: connection closed in the middle of the body",
                _ => "ConnectionClosed: connection closed before a response came",
            },
        )
    }
}

/// The error of this type among an error's causes.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut causes = iter::successors(error.source(), |&cause| cause.source());
    causes.find_map(|cause| cause.downcast_ref())
}
