//! What sessions do against servers that behave, and against those that do not.

mod context;
mod extras;
mod framing;
mod guards;
mod harness;
mod hostile;
mod requests;
mod stream;
mod tls;
mod unix;
mod uploads;
