//! One socket's state in the ring: what the kernel is doing for it and what it has left.
//!
//! A slot lives until the kernel has finished every operation on it, however early its
//! [`super::Stream`] was dropped; so its number is never reused while a completion may name it, and
//! a buffer lent to the kernel is never freed under it.

use super::{span::Span, waiter::Waiter};
use smallvec::SmallVec;
use socket2::SockAddr;
use std::{io, ops::Range, os::fd::OwnedFd, rc::Rc};

/// Received data that waits in a provided buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    pub(super) buffer: u16,
    pub(super) from: u32,
    pub(super) to: u32,
}

/// Which receive is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiving {
    /// None.
    Idle,
    /// One that goes on until it is cancelled, into provided buffers.
    Multishot,
    /// A multishot one that was told to end, because its reader is slow or wants large reads.
    Ending,
    /// One receive into `own`, which the kernel holds.
    Own,
    /// One receive into nothing: the kernel throws the bytes away.
    Discarding,
}

/// Bytes that the kernel is sending.
#[derive(Debug, Default)]
pub(super) enum Sending {
    /// None.
    #[default]
    Nothing,
    /// Those of a buffer of the ring's.
    Own(Vec<u8>),
    /// Those that many send.
    Shared(Rc<[u8]>),
}

impl Sending {
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Sending::Nothing => &[],
            Sending::Own(bytes) => bytes,
            Sending::Shared(bytes) => bytes,
        }
    }
}

/// How the receiving side came to its end.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// The peer closed in an orderly way.
    Closed,
    /// An error of the kernel.
    Error(i32),
}

/// A slot of the ring's table of sockets.
pub(super) struct Socket {
    pub(super) fd: OwnedFd,
    /// Operations whose completion has not come yet.
    pub(super) n_in_flight: u32,
    /// Set when the stream is dropped: the slot goes when nothing is in flight.
    pub(super) closing: bool,

    pub(super) receiving: Receiving,
    /// The oldest first. Most often there is one at a time, and it lies here.
    pub(super) received: SmallVec<[Received; 2]>,
    /// Buffer of a plain receive, for large bodies and for when the provided buffers ran out.
    pub(super) own: Vec<u8>,
    /// What of `own` was received and not read; nothing while the kernel holds it.
    pub(super) own_unread: Range<usize>,
    pub(super) end: Option<End>,
    pub(super) reader: Waiter,
    /// What its reader touches beside its task, while it waits.
    pub(super) near: [[Span; 2]; 2],
    /// What whoever reads touches, as long as it is not said otherwise.
    pub(super) kept_near: [Span; 2],
    /// The next receive shall go into `own`.
    pub(super) prefer_own: bool,
    /// So shall those after it.
    pub(super) bulk: bool,
    /// Whether the kernel can throw away what was received, which TCP can and unix sockets cannot.
    pub(super) may_discard: bool,
    /// Bytes that were thrown away and not told of.
    pub(super) n_discarded: u64,
    /// A receive shall end with the first buffer that it fills.
    pub(super) one_buffer: bool,

    pub(super) sending: Sending,
    pub(super) sent: usize,
    /// The send is over when the kernel has taken its submission, unless it says otherwise.
    pub(super) is_sending_now: bool,
    pub(super) send_error: Option<i32>,
    pub(super) writer: Waiter,

    /// The address being connected to; the kernel reads it until the connect completes.
    pub(super) address: Option<Box<SockAddr>>,
    /// The connect's result, until it is asked for.
    pub(super) connected: Option<i32>,
}

impl Socket {
    pub(super) fn new(fd: OwnedFd) -> Socket {
        Socket {
            fd,
            n_in_flight: 0,
            closing: false,
            receiving: Receiving::Idle,
            received: SmallVec::new(),
            own: vec![],
            own_unread: 0..0,
            end: None,
            reader: Waiter::default(),
            near: [[Span::default(); 2]; 2],
            kept_near: [Span::default(); 2],
            prefer_own: false,
            bulk: false,
            may_discard: false,
            n_discarded: 0,
            one_buffer: false,
            sending: Sending::Nothing,
            sent: 0,
            is_sending_now: false,
            send_error: None,
            writer: Waiter::default(),
            address: None,
            connected: None,
        }
    }

    pub(super) fn is_sending(&self) -> bool {
        !matches!(self.sending, Sending::Nothing)
    }

    /// Whether bytes were received that nobody has read.
    #[inline]
    pub(super) fn has_unread(&self) -> bool {
        !self.received.is_empty() || !self.own_unread.is_empty()
    }

    /// Whether the peer has closed, or the connection broke.
    #[inline]
    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some() || self.send_error.is_some()
    }

    /// How the stream ended, once everything received before was read.
    pub(super) fn end_result(&self) -> Option<io::Result<()>> {
        match self.end? {
            End::Closed => Some(Ok(())),
            End::Error(errno) => Some(Err(io::Error::from_raw_os_error(errno))),
        }
    }
}
