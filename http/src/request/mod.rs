//! Requests: how they are put together, and what happens to them until they are recorded.

mod body;
mod body_stream;
mod builder;
mod challenge;
mod deadline;
mod digest;
mod exchange;
mod follow;
mod http2;
mod label;
mod mode;
mod multipart;
mod open;
mod parts;
mod perform;
mod pooled;
mod prepared;
mod quick;
mod responding;
mod signer;
mod terms;
mod verb;
mod write;

pub(crate) use body::ReqBody;
pub use body_stream::BodyStream;
pub(crate) use body_stream::Upload;
pub use builder::RequestBuilder;
pub(crate) use builder::urlencoded;
#[cfg(any(test, fuzzing))]
pub(crate) use challenge::challenges;
pub(crate) use deadline::Deadline;
#[cfg(any(test, fuzzing))]
pub(crate) use digest::answer_to as digest_answer;
pub(crate) use digest::{Challenge, Credentials};
pub(crate) use follow::{Hop, is_redirect};
pub(crate) use label::{Entry, Label};
pub use mode::{Catching, Plain, Recording, Rest, Sending, Streaming};
pub use multipart::Multipart;
pub(crate) use open::Open;
pub(crate) use parts::Parts;
pub(crate) use perform::{Finished, Sent};
pub(crate) use pooled::Spare;
pub use prepared::PreparedRequest;
pub use responding::Responding;
pub(crate) use signer::{Sign, Signer};
pub(crate) use terms::{OwnTerms, ProxyChoice};
pub(crate) use verb::{Verb, Verbs};
pub(crate) use write::write_upgrade;
