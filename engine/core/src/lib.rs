//! Everything that happens on one core: the ring, the shard, its users, their tables, the
//! statistics.
//!
//! Invariants of absence: this crate never imports hyper, actix, tokio, serde or clap, and holds
//! no lock. A shard shares nothing with another; what crosses threads is in [`message`].

#[cfg(not(target_os = "linux"))]
compile_error!("hatchery needs Linux: its I/O is built on io_uring (kernel 5.19 or later)");

pub mod clock;
pub mod dispatch;
pub mod events;
pub mod message;
pub mod net;
pub mod placement;
#[expect(unsafe_code, reason = "the one place where memory is lent to the kernel")]
pub mod ring;
pub mod run_time;
pub mod shard;
pub mod stats;
pub mod timer;
pub mod user;
