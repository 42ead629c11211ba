//! How far a request had come when its time was up.

use super::http_error::{HttpError, Kind};
use std::time::Duration;

/// What a request was doing when its time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Queued,
    Connecting,
    Waiting,
    Reading,
}

impl HttpError {
    pub(crate) fn timed_out(phase: Phase, limit: Duration) -> HttpError {
        let text = match phase {
            Phase::Queued => {
                format!("TimedOut: no connection of the pool was free within {limit:?}")
            }
            Phase::Connecting => format!("TimedOut: not connected within {limit:?}"),
            Phase::Waiting => format!("TimedOut: no response within {limit:?}"),
            Phase::Reading => format!("TimedOut: response not complete within {limit:?}"),
        };
        HttpError::new(Kind::Timeout, text)
    }

    pub(crate) fn stalled(phase: Phase, limit: Duration) -> HttpError {
        let what = if phase == Phase::Reading { "response stalled" } else { "no response" };
        HttpError::new(Kind::Timeout, format!("TimedOut: {what}, nothing read for {limit:?}"))
    }
}
