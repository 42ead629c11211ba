//! What can go wrong with a request, in the words of the error table: `Kind: message`.
//!
//! One type for all of it, made in as many files as there are places where things go wrong.

mod connection;
mod http_error;
mod phase;
mod request;
mod response;
mod transfer;
mod websocket;

pub use http_error::HttpError;
pub(crate) use phase::Phase;
