//! Helpers for the behaviour tests in `it/`.

pub mod programs;
pub mod servers;
pub mod stage;
