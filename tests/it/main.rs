//! Behaviour of the whole: users on virtual time, real sockets, real programs.

mod mistakes;
mod users;
