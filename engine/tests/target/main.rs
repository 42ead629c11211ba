//! The embedded target as clients see it: real sockets against real shards.

#[cfg(test)] // So that lints know it for a test's: helpers may unwrap.
mod client;
mod connections;
mod life;
mod routes;
