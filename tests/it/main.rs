//! Behaviour of the whole, over real sockets.
