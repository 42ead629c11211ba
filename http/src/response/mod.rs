//! Responses, and the guard that decides what becomes of one.

mod catch;
mod members;

pub use catch::{CatchResponse, HttpFailure};
pub use members::Response;
