//! tungstenite's reads and writes, on a connection of the ring.

use crate::connection::Transport;
use std::{
    io::{self, Read, Write},
    task::{Context, Poll},
};

/// Bytes that one write takes; the rest is written when these are sent.
const WRITE_BYTES_MAX: usize = 256 * 1024;

/// A transport, for the time of one poll: what has to wait is `WouldBlock`, and wakes the task.
pub(super) struct Wire<'a, 'c> {
    pub(super) transport: &'a mut Transport,
    pub(super) cx: &'a mut Context<'c>,
    /// Counts the bytes that were taken.
    pub(super) n_sent: &'a mut u64,
}

fn or_block<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl Read for Wire<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let copy = |bytes: &[u8]| {
            let n = bytes.len().min(into.len());
            into[..n].copy_from_slice(&bytes[..n]);
            (n, n)
        };
        or_block(self.transport.poll_read_with(self.cx, copy)).map(|n| n.unwrap_or(0))
    }
}

impl Write for Wire<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(WRITE_BYTES_MAX)];
        let write = |buffer: &mut Vec<u8>| buffer.extend_from_slice(bytes);
        or_block(self.transport.poll_write_with(self.cx, write))?;
        *self.n_sent += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        or_block(self.transport.poll_sent(self.cx))
    }
}
