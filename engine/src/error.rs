//! What can go wrong before a test begins, for programs that use hatchery as a library.

use std::{error, fmt};

/// Why a runner could not be made. The text is one line and names what to do.
pub struct Error(anyhow::Error);

impl Error {
    pub(crate) fn new(error: anyhow::Error) -> Error {
        Error(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0.source()
    }
}
