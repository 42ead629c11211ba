//! What sessions do against servers that behave, and against those that do not.

mod connections;
mod context;
mod extras;
mod framing;
mod guards;
mod harness;
mod hostile;
mod proxies;
mod requests;
mod shared;
mod stream;
mod tls;
mod unix;
mod uploads;
mod websockets;
