//! Helpers for the behaviour tests in `it/`.
