//! Behaviour of the whole: users on virtual time, real sockets, real programs.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod complaints;
mod conformance;
mod connections;
mod conservation;
mod crowd;
mod endings;
mod events;
mod failures;
mod http_user;
mod iterations;
mod library;
mod listeners;
mod machine;
mod mistakes;
mod names;
mod nginx;
mod order;
mod panics;
mod phases;
mod ports;
mod settings;
mod starts;
mod streams;
mod tags;
mod threads;
mod tidy;
mod users;
mod waits;
