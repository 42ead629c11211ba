//! What must hold whatever is typed: `http/fuzz/` drives it by coverage, the property tests by
//! chance.

/// Reads a text as each of the flags that say where to connect.
pub fn flags(text: &str) {
    crate::cli::check_http_flags(text);
}
