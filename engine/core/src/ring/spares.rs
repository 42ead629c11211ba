//! Buffers kept for use again, so that a send or a large receive allocates none.

use super::socket::Sending;

/// Bytes of the buffer for plain receives.
pub(super) const OWN_BYTES: usize = 128 * 1024;

/// Send and receive buffers kept for use again.
const SPARE_MAX: usize = 1024;

/// Larger buffers are freed rather than kept.
const SPARE_BYTES_MAX: usize = 64 * 1024;

/// Plain receive buffers kept; they are large.
const SPARE_OWN_MAX: usize = 32;

/// Buffers that nothing is under way with.
#[derive(Default)]
pub(super) struct Spares {
    sending: Vec<Vec<u8>>,
    own: Vec<Vec<u8>>,
}

impl Spares {
    /// An empty send buffer.
    pub(super) fn sending(&mut self) -> Vec<u8> {
        self.sending.pop().unwrap_or_default()
    }

    /// A buffer of [`OWN_BYTES`] for a plain receive.
    pub(super) fn own(&mut self) -> Vec<u8> {
        self.own.pop().unwrap_or_else(|| vec![0; OWN_BYTES])
    }

    /// Takes back what was sent.
    #[inline]
    pub(super) fn keep_sent(&mut self, sent: Sending) {
        if let Sending::Own(buffer) = sent {
            self.keep(buffer);
        }
    }

    /// Takes a send buffer back.
    pub(super) fn keep(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() > 0
            && buffer.capacity() <= SPARE_BYTES_MAX
            && self.sending.len() < SPARE_MAX
        {
            buffer.clear();
            self.sending.push(buffer);
        }
    }

    /// Takes a buffer of a plain receive back.
    pub(super) fn keep_own(&mut self, buffer: Vec<u8>) {
        if buffer.len() == OWN_BYTES && self.own.len() < SPARE_OWN_MAX {
            self.own.push(buffer);
        }
    }
}
