//! Responses, and the guard that decides what becomes of one.

mod catch;
mod response;

pub use catch::{CatchResponse, HttpFailure};
pub use response::Response;
