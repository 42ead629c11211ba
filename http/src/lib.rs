//! HTTP for simulated users: [`HttpSession`] and [`Response`], on hyper over the shard's ring.
//!
//! Invariants of absence: this crate never imports actix or tokio's runtime, and knows nothing of
//! the control plane.

mod io;
