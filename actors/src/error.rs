//! What can go wrong with a runner.

use std::{error, fmt, io, time::Duration};

/// Why a runner could not do what it was asked. The text fits after "failed to …: ".
#[derive(Debug)]
pub struct Error(Kind);

#[derive(Debug)]
enum Kind {
    NoClasses,
    Rate(f64),
    Class { name: String, known: Vec<String> },
    Launch { shard: usize, source: io::Error },
    Shard { shard: usize, reason: String },
    Late(Duration),
    Broken(String),
    Control(io::Error),
    Listener { hook: &'static str, error: String },
    Stopping,
    Stopped,
    Gone,
}

impl Error {
    pub(crate) fn no_classes() -> Error {
        Error(Kind::NoClasses)
    }

    pub(crate) fn rate(hatch_rate: f64) -> Error {
        Error(Kind::Rate(hatch_rate))
    }

    pub(crate) fn class(name: &str, known: &[String]) -> Error {
        Error(Kind::Class { name: name.to_owned(), known: known.to_vec() })
    }

    pub(crate) fn launch(shard: usize, source: io::Error) -> Error {
        Error(Kind::Launch { shard, source })
    }

    pub(crate) fn shard(shard: usize, reason: String) -> Error {
        Error(Kind::Shard { shard, reason })
    }

    pub(crate) fn listener(hook: &'static str, error: String) -> Error {
        Error(Kind::Listener { hook, error })
    }

    pub(crate) fn late(limit: Duration) -> Error {
        Error(Kind::Late(limit))
    }

    pub(crate) fn broken(reason: &str) -> Error {
        Error(Kind::Broken(reason.to_owned()))
    }

    pub(crate) fn control(source: io::Error) -> Error {
        Error(Kind::Control(source))
    }

    pub(crate) fn stopping() -> Error {
        Error(Kind::Stopping)
    }

    pub(crate) fn stopped() -> Error {
        Error(Kind::Stopped)
    }

    pub(crate) fn gone() -> Error {
        Error(Kind::Gone)
    }

    /// Whether the request itself was wrong: no classes, an unknown one, or a rate that is none.
    pub fn is_usage(&self) -> bool {
        matches!(self.0, Kind::NoClasses | Kind::Rate(_) | Kind::Class { .. })
    }

    /// Whether a shard could not be started, or died too often.
    pub fn is_shard(&self) -> bool {
        matches!(self.0, Kind::Launch { .. } | Kind::Shard { .. } | Kind::Late(_) | Kind::Broken(_))
    }

    /// Whether a listener of `init` failed: as in Locust, the run does not begin then, and the
    /// process exits with 1.
    pub fn is_listener(&self) -> bool {
        matches!(self.0, Kind::Listener { .. })
    }

    /// Whether the test was stopped, or was being stopped, in the meantime.
    pub fn is_stopped(&self) -> bool {
        matches!(self.0, Kind::Stopping | Kind::Stopped)
    }

    /// Whether the runner has quit.
    pub fn is_gone(&self) -> bool {
        matches!(self.0, Kind::Gone)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::NoClasses => f.write_str(
                "no user class to run: register one with a weight or a fixed count above 0",
            ),
            Kind::Rate(rate) => write!(
                f,
                "hatch rate {rate} is not a rate: give users per second above 0, or infinity for \
                 all at once"
            ),
            Kind::Class { name, known } => {
                write!(f, "no user class '{name}': there are {}", known.join(", "))
            }
            Kind::Launch { shard, .. } => write!(f, "shard {shard} could not be started"),
            Kind::Shard { shard, reason } => write!(f, "shard {shard}: {reason}"),
            Kind::Late(limit) => write!(
                f,
                "not every shard was ready after {} s: the CPUs given to the shards are too busy",
                limit.as_secs()
            ),
            Kind::Broken(reason) => {
                write!(f, "the engine is broken, launch another runner: {reason}")
            }
            Kind::Control(_) => f.write_str("the control thread could not be started"),
            Kind::Listener { hook, error } => {
                write!(f, "an event handler of {hook} failed: {error}")
            }
            Kind::Stopping => f.write_str("the test is being stopped: wait for its end"),
            Kind::Stopped => f.write_str("the test was stopped before all users had been hatched"),
            Kind::Gone => f.write_str("the runner has quit: launch another"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0 {
            Kind::Launch { source, .. } | Kind::Control(source) => Some(source),
            _ => None,
        }
    }
}
