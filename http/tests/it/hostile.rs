//! Servers that do not behave: one sample, one readable failure, and the session goes on.
