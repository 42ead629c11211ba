//! Heads that were read before.
//!
//! Servers repeat themselves: within a second, most responses of a resource have the same head to the
//! byte. What a head says depends on its bytes alone, so one that begins like a known one need not be
//! taken apart again, nor kept once more: all of its responses share the one copy.

use super::{
    head::{Head, parse},
    headers::HeadBytes,
    partial::Seen,
};
use bytes::Bytes;
use std::rc::Rc;

/// Places for heads; a power of two. A head's place follows from how much came with it, which tells
/// the resources of a server apart well enough.
const PLACES: usize = 32;

/// Longer heads are not remembered.
const BYTES_MAX: usize = 1024;

/// Heads that a place remembers before one of them has come again. Where each head is different (an
/// id, a time of day in microseconds) remembering them is work for nothing.
const CREDIT_MAX: u8 = 16;

/// Where nothing ever came again, one head of so many is remembered to see whether that has changed.
const TRIAL_EVERY: u32 = 1024;

/// The heads that a core has read lately.
#[derive(Debug, Default)]
pub(crate) struct KnownHeads {
    places: [Place; PLACES],
}

#[derive(Debug, Default)]
struct Place {
    /// Empty if there is none.
    bytes: Rc<Bytes>,
    head: Option<Head>,
    is_head: bool,
    /// Heads remembered of which none has come again.
    n_in_vain: u8,
    n_skipped: u32,
}

impl KnownHeads {
    /// As [`parse`], with the head's bytes, of which `keep` makes a copy if there is none yet.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        is_head: bool,
        keep: impl FnOnce(&[u8]) -> Bytes,
    ) -> Seen {
        let place = &mut self.places[bytes.len() % PLACES];
        if let Some(head) = place.head
            && place.is_head == is_head
            && bytes.starts_with(&place.bytes)
        {
            place.n_in_vain = 0;
            return Ok(Some((head, HeadBytes::Known(Rc::clone(&place.bytes)))));
        }
        let Some((head, n_bytes)) = parse(bytes, is_head)? else { return Ok(None) };
        let bytes = &bytes[..n_bytes];
        if !place.remembers(n_bytes) {
            return Ok(Some((head, HeadBytes::Own(keep(bytes)))));
        }
        // A copy of its own: it may stay for long.
        place.bytes = Rc::new(Bytes::copy_from_slice(bytes));
        (place.head, place.is_head) = (Some(head), is_head);
        Ok(Some((head, HeadBytes::Known(Rc::clone(&place.bytes)))))
    }
}

impl Place {
    /// Whether a head of so many bytes had better be remembered.
    fn remembers(&mut self, n_bytes: usize) -> bool {
        if n_bytes > BYTES_MAX {
            return false;
        }
        if self.n_in_vain < CREDIT_MAX {
            self.n_in_vain += 1;
            return true;
        }
        self.n_skipped = (self.n_skipped + 1) % TRIAL_EVERY;
        self.n_skipped == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keep(bytes: &[u8]) -> Bytes {
        Bytes::copy_from_slice(bytes)
    }

    #[test]
    fn a_head_that_comes_again_is_the_same_memory() {
        let mut known = KnownHeads::default();
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        let mut read = || known.read(text, false, keep).expect("well-formed").expect("whole");
        let (first, second) = (read(), read());
        assert_eq!(first.0, second.0);
        assert_eq!(first.1.as_ptr(), second.1.as_ptr());
        assert_eq!(second.1.len(), text.len() - 5);
        // The response to a HEAD has no body, whatever its head says.
        let (to_head, _) = known.read(text, true, keep).expect("well-formed").expect("whole");
        assert_ne!(to_head.framing, first.0.framing);
    }

    #[test]
    fn heads_that_are_all_different_are_soon_no_longer_remembered() {
        let mut known = KnownHeads::default();
        let mut n_kept = 0;
        for i in 0..10_000 {
            let text = format!("HTTP/1.1 200 OK\r\nx-request-id: {i:08}\r\n\r\n");
            let keep = |bytes: &[u8]| {
                n_kept += 1;
                keep(bytes)
            };
            known.read(text.as_bytes(), false, keep).expect("well-formed").expect("whole");
        }
        let n_remembered = 10_000 - n_kept;
        assert!(n_remembered <= usize::from(CREDIT_MAX) + 10, "{n_remembered}");
        // When they begin to come again, it is noticed.
        let text = "HTTP/1.1 200 OK\r\nx-request-id: 00000000\r\n\r\n";
        let n_before = n_kept;
        for _ in 0..10_000 {
            let keep = |bytes: &[u8]| {
                n_kept += 1;
                keep(bytes)
            };
            known.read(text.as_bytes(), false, keep).expect("well-formed").expect("whole");
        }
        assert!(n_kept - n_before <= TRIAL_EVERY as usize, "{n_kept}");
    }

    proptest! {
        /// Whatever was read before, a head says what it says by itself.
        #[test]
        fn what_is_known_says_what_parsing_says(
            texts in prop::collection::vec(
                "(HTTP/1\\.[01] [12345]0[0-9] (OK|Fine)?\r\n((content-length: [0-9]{1,2}|connection: (close|keep-alive)|a: b)\r\n){0,3}\r\n)[a-zH]{0,3}",
                1..8,
            ),
            order in prop::collection::vec((0..8usize, any::<bool>()), 1..64),
        ) {
            let mut known = KnownHeads::default();
            for (at, is_head) in order {
                let bytes = texts[at % texts.len()].as_bytes();
                let read = known.read(bytes, is_head, keep);
                let read = read.map(|read| read.map(|(head, bytes)| (head, bytes.to_vec())));
                let parsed = parse(bytes, is_head);
                let parsed = parsed.map(|it| it.map(|(head, n)| (head, bytes[..n].to_vec())));
                prop_assert_eq!(read, parsed);
            }
        }
    }
}
