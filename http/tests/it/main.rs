//! What sessions do against servers that behave, and against those that do not.

mod catching;
mod connections;
mod context;
mod extras;
mod framing;
mod guards;
mod harness;
mod hostile;
mod hostile_floods;
mod hostile_shapes;
mod hostile_stages;
mod hostile_tls;
mod members;
mod opening;
mod phases;
mod pieces;
mod proxies;
mod requests;
mod shared;
mod signing;
mod stream;
mod tinyproxy;
mod tls;
mod unix;
mod uploads;
mod websockets;
