//! Why a request failed, as the error table shows it.

use std::{borrow::Cow, error::Error, fmt, io};

/// The reason of a failed request. Failures with the same text are one row of the error table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Failure(Cow<'static, str>);

impl Failure {
    /// A failure with this text.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Failure {
        Failure(text.into())
    }

    /// A failure with an error's text and those of its causes, `outer: inner: root`.
    pub fn from_error(error: &(dyn Error + 'static)) -> Failure {
        if let Some(io_error) = error.downcast_ref::<io::Error>() {
            return Failure::from_io(io_error);
        }
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // Many libraries print their cause themselves; saying it twice helps nobody.
            if !text.ends_with(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        Failure(text.into())
    }

    /// An I/O error as `ConnectionRefused: Connection refused (os error 111)`.
    pub fn from_io(error: &io::Error) -> Failure {
        Failure(format!("{:?}: {error}", error.kind()).into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_io_error_names_its_kind_first() {
        let error = io::Error::from_raw_os_error(libc::ECONNREFUSED);
        let text = Failure::from_error(&error).to_string();
        assert_eq!(text, "ConnectionRefused: Connection refused (os error 111)");
    }
}
