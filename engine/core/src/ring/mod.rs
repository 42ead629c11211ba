//! The shard's own io_uring: sockets whose reads and writes are completions, not readiness.
//!
//! One ring per shard, used by one thread. It is the only place in the workspace with `unsafe`:
//! the kernel reads and writes memory that it was lent, and every operation here keeps that memory
//! alive and in place until the kernel has said that it is done with it.

mod buffers;
mod complete;
mod driver;
mod enter;
mod kind;
mod listener;
mod open;
mod options;
mod processor;
mod socket;
mod span;
mod spares;
mod stream;
mod submit;
#[cfg(test)]
mod tests;
mod waiter;
mod waker;

pub use driver::{Gather, Ring, Wait};
pub use listener::{Listener, listen};
pub use open::{OpenError, OpenErrorKind};
pub use options::{Address, SocketOptions};
pub(crate) use processor::ticks;
pub use span::Span;
pub use stream::Stream;
pub use waker::Waker;
