//! A small HTTP server on a shard's ring: what the embedded target is made of.
//!
//! It serves what [`serve()`]'s handler says and nothing else: no TLS, no routing. It speaks
//! HTTP/1.1, and HTTP/2 to clients that begin with it.
//! Callers see plain types only, so that packages which must not name hyper can have routes.

mod answer;
mod body;
mod guard;
mod http2;
mod request;
mod serve;

pub use answer::{Answer, BadHeader, ContentType};
pub use hyper::StatusCode;
pub use request::{BODY_BYTES_MAX, BodyError, Request};
pub use serve::serve;
