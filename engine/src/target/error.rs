//! Why the target does not run.

use hatchery_core::ring::Address;
use std::{error::Error, fmt, io};

/// The target did not start, or had to end. Its text names the cause.
#[derive(Debug)]
pub struct TargetError(Kind);

#[derive(Debug)]
pub(super) enum Kind {
    /// The address cannot be listened on.
    Listen { address: Address, source: io::Error },
    /// No CPU was given.
    NoCpu,
    /// A thread could not be made.
    Thread(io::Error),
    /// A shard said why it could not start, or had to end.
    Shard(String),
    /// A shard said nothing.
    Silent,
}

impl From<Kind> for TargetError {
    fn from(kind: Kind) -> TargetError {
        TargetError(kind)
    }
}

impl TargetError {
    /// Whether somebody else listens on the address.
    pub fn is_address_in_use(&self) -> bool {
        matches!(&self.0, Kind::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Listen { address, source } => {
                write!(f, "listen on {address}: {source}")?;
                match source.kind() {
                    io::ErrorKind::AddrInUse => {
                        f.write_str("; stop the program that listens there, or choose another port")
                    }
                    io::ErrorKind::PermissionDenied => {
                        f.write_str("; choose a port from 1024 on, which needs no privilege")
                    }
                    io::ErrorKind::AddrNotAvailable => {
                        f.write_str("; choose an address of this host, or 0.0.0.0 for all of them")
                    }
                    _ => Ok(()),
                }
            }
            Kind::NoCpu => f.write_str("start the target: no CPU was given for it"),
            Kind::Thread(source) => write!(f, "start a thread of the target: {source}"),
            Kind::Shard(text) => f.write_str(text),
            Kind::Silent => f.write_str("start the target: a shard gave no sign of life"),
        }
    }
}

/// Its text has the system's error in it already, and the fix behind that.
impl Error for TargetError {}
