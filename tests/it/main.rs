//! Behaviour of the whole: users on virtual time, real sockets, real programs.

mod complaints;
mod conservation;
mod failures;
mod iterations;
mod library;
mod mistakes;
mod order;
mod tags;
mod users;
mod waits;
