//! h2's errors in the words of the error table.

use super::io::Known;
use crate::error::{HttpError, Phase};

impl Known {
    /// What an error of h2 means to a request.
    pub(super) fn to_error(&self, error: &h2::Error, phase: Phase) -> HttpError {
        // What broke the connection tells more than what h2 made of it.
        if !error.is_remote()
            && let Some(error) = &*self.error.borrow()
        {
            return error.clone();
        }
        match error.reason() {
            Some(reason) if error.is_remote() && error.is_reset() => {
                HttpError::stream_reset(&reason)
            }
            Some(reason) if error.is_remote() => HttpError::gone_away(&reason),
            Some(reason) => HttpError::malformed(&format_args!("HTTP/2 {reason:?}")),
            None if error.is_io() => HttpError::closed(phase),
            None => HttpError::invalid(error),
        }
    }
}

/// Whether the server says that it has not looked at the request.
pub(super) fn is_unprocessed(error: &h2::Error) -> bool {
    // h2 gives GOAWAY to those streams only that are above the last one that was processed.
    error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
}
