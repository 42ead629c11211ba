//! Responses, and the guard that decides what becomes of one.

mod catch;
mod chunks;
mod coding;
mod content;
mod decode;
mod lines;
mod links;
mod members;
mod rest;
mod stream;
mod text;

pub use catch::{CatchResponse, HttpFailure};
pub use chunks::{Chunks, LineChunks, TextChunks, TextLines};
pub(crate) use content::Content;
pub(crate) use decode::{ACCEPTED_CODINGS, decode};
#[cfg(any(test, fuzzing))]
pub(crate) use decode::{Decoded, Decoder};
#[cfg(any(test, fuzzing))]
pub(crate) use lines::{Lines, lines};
pub use links::Link;
pub use members::Response;
pub(crate) use members::is_failing;
pub use rest::RestResponse;
pub use stream::StreamResponse;
#[cfg(any(test, fuzzing))]
pub(crate) use text::{TextDecoder, text as text_of};
