//! A lean HTTP/1.1 client for plain requests: what a load generator does a million times a second.
//!
//! The request's bytes are put together in the send buffer and the response's head is read where
//! the kernel put it; a header is looked at only if it says how to go on. What hyper does better,
//! it does: see `connection`. Parsing heads is httparse's work; framing bodies is ours, and fuzzed.

mod body;
mod chunked;
mod head;
mod headers;
mod partial;

pub(crate) use body::Body;
#[cfg(any(test, fuzzing))]
pub(crate) use head::Framing;
pub(crate) use head::{HEAD_BYTES_MAX, Head, Malformed};
pub(crate) use headers::Headers;
pub(crate) use partial::Partial;
