//! What is measured: samples on the shard, deltas between the planes, snapshots for the reader.
//!
//! A shard records into an [`Interval`] per entry, hands all of them over once a second as a
//! [`Delta`], and gets emptied ones back. The control plane merges deltas into a [`Snapshot`];
//! snapshots merge with each other, so it does not matter where a shard ran.

mod audit;
mod delta;
mod entry;
mod failure;
mod faults;
mod histogram;
mod interval;
mod latencies;
mod names;
mod phases;
mod recorder;
mod snapshot;

pub use audit::Audit;
pub use delta::{Delta, EntryDelta, EntryKey, ErrorDelta};
pub use entry::{EntryStats, Second};
pub use failure::Failure;
pub use faults::{ErrorStats, ExceptionStats};
pub use histogram::{Histogram, new_histogram, record_us};
pub use interval::Interval;
pub use latencies::{Keeper, Latencies};
pub use names::EntryId;
pub use phases::{Phase, PhaseStats, Phases};
pub use recorder::{Recorder, Sample};
pub use snapshot::Snapshot;
