//! Responses, and the guard that decides what becomes of one.

mod catch;
mod decode;
mod members;
mod stream;
mod text;

pub use catch::{CatchResponse, HttpFailure};
pub(crate) use decode::{ACCEPTED_CODINGS, decode};
pub use members::Response;
pub use stream::StreamResponse;
