//! A head that comes in pieces.

use super::{
    head::{HEAD_BYTES_MAX, HEADERS_MAX, Head, Malformed},
    headers::HeadBytes,
};

/// Looks at a head that comes line by line: enough for its headers and its first and last line. One
/// that drips in must not be parsed anew with each byte.
const LOOKS_MAX: usize = HEADERS_MAX + 50;

/// What one look at a head gave: what it says and its bytes, if it is complete.
pub(crate) type Seen = Result<Option<(Head, HeadBytes)>, Malformed>;

/// The part of a head that has come, if it has not come whole. Most heads do, and are read where
/// they lie.
#[derive(Debug, Default)]
pub(crate) struct Partial {
    bytes: Vec<u8>,
    n_looks: usize,
    /// Bytes of empty lines that came before it, which count for nothing.
    n_empty: usize,
}

impl Partial {
    /// Reads on: how many of `bytes` are the head's, and once it is complete, what `read` says of it,
    /// and its bytes. What follows is left; it is the body's.
    pub(crate) fn read(&mut self, bytes: &[u8], read: impl FnOnce(&[u8]) -> Seen) -> (usize, Seen) {
        let n_before = self.bytes.len();
        let all: &[u8] = if n_before == 0 {
            bytes
        } else {
            self.bytes.extend_from_slice(bytes);
            if !bytes.contains(&b'\n') && self.bytes.len() < HEAD_BYTES_MAX {
                return (bytes.len(), Ok(None));
            }
            self.n_looks += 1;
            if self.n_looks > LOOKS_MAX {
                return (bytes.len(), Err(Malformed::HeadTooLarge));
            }
            &self.bytes
        };
        match read(all) {
            Ok(Some((head, kept))) => {
                let n_bytes = kept.len();
                if n_before > 0 || self.n_empty > 0 {
                    *self = Partial::default();
                }
                (n_bytes.saturating_sub(n_before), Ok(Some((head, kept))))
            }
            Ok(None) => {
                if n_before == 0 {
                    self.bytes.extend_from_slice(bytes);
                }
                (bytes.len(), self.drop_empty_lines())
            }
            Err(why) => (bytes.len(), Err(why)),
        }
    }

    /// Forgets what has come if it is nothing but empty lines; of those a head may have any number
    /// before it, within its limit of bytes, however they are cut.
    fn drop_empty_lines(&mut self) -> Seen {
        let is_empty = |byte: &u8| matches!(byte, b'\r' | b'\n');
        if self.bytes.ends_with(b"\n") && self.bytes.iter().all(is_empty) {
            self.n_empty += self.bytes.len();
            (self.bytes, self.n_looks) = (vec![], 0);
        }
        match self.n_empty + self.bytes.len() >= HEAD_BYTES_MAX {
            true => Err(Malformed::HeadTooLarge),
            false => Ok(None),
        }
    }
}

/// Reads a head by itself, whatever was read before.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_alone(bytes: &[u8], is_head: bool) -> Seen {
    let parsed = super::head::parse(bytes, is_head)?;
    Ok(parsed.map(|(head, n_bytes)| {
        (head, HeadBytes::Own(bytes::Bytes::copy_from_slice(&bytes[..n_bytes])))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    /// Reads a head cut into pieces of this many bytes; how many bytes were left.
    fn read(text: &[u8], n_bytes: usize) -> Result<Option<usize>, Malformed> {
        let mut partial = Partial::default();
        let mut n_taken = 0;
        for piece in text.chunks(n_bytes) {
            let (n, read) = partial.read(piece, |bytes| read_alone(bytes, false));
            n_taken += n;
            if let Some((_, head)) = read? {
                assert!(
                    text[..n_taken].ends_with(&head),
                    "the head's bytes are what was taken last"
                );
                return Ok(Some(text.len() - n_taken));
            }
        }
        Ok(None)
    }

    #[test]
    fn a_head_is_complete_with_its_empty_line_however_it_is_cut() {
        for text in [
            &b"HTTP/1.1 200 OK\r\na: b\r\n\r\nbody"[..],
            b"HTTP/1.1 200 OK\na: b\n\nbody",
            b"HTTP/1.1 200 OK\r\na: b\n\r\nbody",
        ] {
            for n_bytes in 1..text.len() {
                assert!(read(text, n_bytes).expect("well-formed").is_some(), "{n_bytes}");
            }
            assert_eq!(read(text, text.len()), Ok(Some(4)));
        }
    }

    #[test]
    fn empty_lines_before_a_head_do_not_count_however_they_are_cut() {
        let text = ["\n".repeat(300), "\r\n".repeat(300)].concat();
        let text = format!("{text}HTTP/1.1 200 OK\r\n\r\n");
        for n_bytes in [1, 2, 3, 7, text.len()] {
            assert_eq!(read(text.as_bytes(), n_bytes), Ok(Some(0)), "{n_bytes}");
        }
        // Half a line end is none.
        assert!(read(b"\n\rHTTP/1.1 200 OK\r\n\r\n", 1).is_err());
    }

    #[test]
    fn a_large_head_that_drips_in_costs_no_more_than_its_length() {
        let mut text = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
        text.resize(HEAD_BYTES_MAX - 1, b'a');
        let begin = Instant::now();
        assert_eq!(read(&text, 1), Ok(None));
        text.push(b'a');
        assert_eq!(read(&text, 1), Err(Malformed::HeadTooLarge));
        assert_eq!(read(&vec![b'\n'; HEAD_BYTES_MAX], 1), Err(Malformed::HeadTooLarge));
        // Parsed anew with each byte it would take minutes.
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}
