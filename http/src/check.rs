//! Checks of what a command line gives, before anything starts.

use crate::error::HttpError;
use hyper::{
    Method,
    header::{HeaderName, HeaderValue},
};
use url::{Position, Url};

/// The method of that name; any word will do.
///
/// # Errors
/// When it is empty or has a character that no method has.
pub fn parse_method(method: &str) -> Result<Method, HttpError> {
    Method::from_bytes(method.as_bytes())
        .map_err(|_| HttpError::invalid(format!("'{method}' is not an HTTP method")))
}

/// Whether a name and a value can be a header.
///
/// # Errors
/// When either has a character that no header has.
pub fn check_header(name: &str, value: &str) -> Result<(), HttpError> {
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err(HttpError::invalid(format!("'{name}' is not the name of a header")));
    }
    if HeaderValue::from_str(value).is_err() {
        return Err(HttpError::invalid(format!(
            "the value of the header '{name}' has a control character"
        )));
    }
    Ok(())
}

/// The origin of an absolute http or https URL, and its path with the query.
///
/// # Errors
/// When it cannot be read, or has another scheme or no host.
pub fn split_url(url: &str) -> Result<(String, String), HttpError> {
    crate::check_base_url(url)?;
    let url = Url::parse(url).map_err(|error| HttpError::invalid(error.to_string()))?;
    let origin = url[..Position::BeforePath].to_owned();
    Ok((origin, url[Position::BeforePath..Position::AfterQuery].to_owned()))
}
