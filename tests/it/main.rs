//! Behaviour of the whole: users on virtual time, real sockets, real programs.

mod complaints;
mod conservation;
mod failures;
mod mistakes;
mod users;
