//! Helpers for the behaviour tests in `it/`.

pub mod stage;
