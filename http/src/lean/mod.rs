//! A lean HTTP/1.1 client for plain requests: what a load generator does a million times a second.
//!
//! The request's bytes are put together in the send buffer and the response's head is read where
//! the kernel put it; a header is looked at only if it says how to go on. What hyper does better,
//! it does: see `connection`. Parsing heads is httparse's work; framing bodies is ours, and fuzzed.

mod body;
mod chunked;
mod head;
mod headers;
mod known;
mod partial;

pub(crate) use body::Body;
pub(crate) use head::{Framing, HEAD_BYTES_MAX, Head, Malformed};
pub(crate) use headers::{HeadBytes, Headers};
pub(crate) use known::KnownHeads;
#[cfg(any(test, fuzzing))]
pub(crate) use partial::read_alone;
pub(crate) use partial::{Partial, Seen};
