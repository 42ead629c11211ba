//! Opening a ring: with every flag the kernel knows, or with a clear error.

use io_uring::{IoUring, Parameters};
use std::{error::Error, fmt, io};

/// Submissions that fit between two turns; more are submitted in between. The places of both queues
/// are used in turn: more of them would be in a near cache less often, and put others out of it.
const SUBMISSIONS_N: u32 = 256;

/// Completions that fit between two turns; more wait in the kernel (`NODROP`).
const COMPLETIONS_N: u32 = 4096;

/// Why a shard has no ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenErrorKind {
    /// The kernel has no io_uring.
    Missing,
    /// Something forbids it.
    Forbidden,
    /// Too little lockable memory.
    Memory,
    /// The kernel is too old for what is needed.
    Old,
    /// Anything else.
    Other,
}

/// A ring could not be opened. Its text names the cause and the fix.
#[derive(Debug)]
pub struct OpenError {
    kind: OpenErrorKind,
    source: io::Error,
}

impl OpenError {
    pub(super) fn new(source: io::Error) -> OpenError {
        let kind = match source.raw_os_error() {
            Some(libc::ENOSYS) => OpenErrorKind::Missing,
            Some(libc::EPERM | libc::EACCES) => OpenErrorKind::Forbidden,
            Some(libc::ENOMEM) => OpenErrorKind::Memory,
            Some(libc::EINVAL) => OpenErrorKind::Old,
            _ => OpenErrorKind::Other,
        };
        OpenError { kind, source }
    }

    /// Which cause it was.
    pub fn kind(&self) -> OpenErrorKind {
        self.kind
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("open an io_uring: ")?;
        match self.kind {
            OpenErrorKind::Missing => f.write_str(
                "this kernel has none; hatchery needs Linux 5.19 or later built with CONFIG_IO_URING",
            ),
            OpenErrorKind::Forbidden => f.write_str(
                "it is forbidden here; set `sysctl kernel.io_uring_disabled=0`, and in a container \
                 use a seccomp profile that allows io_uring_setup, io_uring_enter and \
                 io_uring_register (docker: --security-opt seccomp=unconfined)",
            ),
            OpenErrorKind::Memory => f.write_str(
                "too little memory may be locked; raise it with `ulimit -l unlimited` \
                 (systemd: LimitMEMLOCK=infinity) or use fewer --cores",
            ),
            OpenErrorKind::Old => f.write_str(
                "this kernel is too old; hatchery needs Linux 5.19 or later (6.1 for full speed)",
            ),
            OpenErrorKind::Other => self.source.fmt(f),
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Opens the smallest of rings, and closes it.
pub(super) fn probe() -> Result<(), OpenError> {
    IoUring::new(1).map(drop).map_err(OpenError::new)
}

/// Opens a ring with the best flags that this kernel takes.
pub(super) fn open() -> Result<IoUring, OpenError> {
    // 6.1: completions are worked off by this thread when it asks, not by an interrupt.
    let best = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_taskrun_flag()
        .setup_cqsize(COMPLETIONS_N)
        .build(SUBMISSIONS_N);
    let flags_are_unknown = |error: &io::Error| error.raw_os_error() == Some(libc::EINVAL);
    let ring = match best {
        // 5.19: at least without an interrupt for each.
        Err(error) if flags_are_unknown(&error) => IoUring::builder()
            .setup_coop_taskrun()
            .setup_taskrun_flag()
            .setup_cqsize(COMPLETIONS_N)
            .build(SUBMISSIONS_N),
        other => other,
    };
    ring.map_err(OpenError::new)
}

/// What the ring can do, in a few words for the log.
pub(super) fn describe(parameters: &Parameters) -> String {
    let issuer =
        if parameters.is_setup_single_issuer() { "single issuer, deferred" } else { "cooperative" };
    format!(
        "{issuer}, {} submissions, {} completions",
        parameters.sq_entries(),
        parameters.cq_entries()
    )
}
