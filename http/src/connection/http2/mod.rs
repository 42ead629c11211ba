//! HTTP/2: one connection for all requests of a session to an origin, each of them a stream.
//!
//! On the `h2` crate, which does the framing, the flow control and the line of those that wait for
//! a stream. A task of the shard drives each connection, so that it answers the server while no
//! request is under way; a request waits for nothing but its own stream. Plain HTTP/1.1 passes
//! none of this.

mod connections;
mod failure;
mod io;
mod multiplexed;
mod opening;
mod stream;
mod upload;

pub(crate) use connections::Http2Connections;
pub(crate) use stream::Http2Stream;
