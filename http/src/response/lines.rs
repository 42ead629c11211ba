//! Cutting what has come of a body into lines.

use bytes::{Buf, Bytes, BytesMut};

/// Bytes of a body that were received and not yet given out.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    bytes: BytesMut,
    /// Bytes that are known to hold no line break.
    n_searched: usize,
    /// Whether the last line ended with CR, so that LF would be a part of that line break.
    skips_line_feed: bool,
}

impl Lines {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes up to `n_max` bytes, lines or not.
    pub(crate) fn take(&mut self, n_max: usize) -> Option<Bytes> {
        self.skip();
        self.n_searched = 0;
        let n = self.bytes.len().min(n_max);
        (n > 0).then(|| self.bytes.split_to(n).freeze())
    }

    /// The next line that is whole, without what ended it: LF, CR LF or CR.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        self.skip();
        let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let Some(at) = self.bytes[self.n_searched..].iter().position(is_break) else {
            self.n_searched = self.bytes.len();
            return None;
        };
        let line = self.cut(self.n_searched + at, 1);
        self.skips_line_feed = line.1[0] == b'\r';
        Some(line.0)
    }

    /// The next line that is whole, without the delimiter that ended it.
    pub(crate) fn next_before(&mut self, delimiter: &[u8]) -> Option<Bytes> {
        self.skip();
        let mut windows = self.bytes[self.n_searched..].windows(delimiter.len().max(1));
        match windows.position(|window| window == delimiter) {
            Some(at) => Some(self.cut(self.n_searched + at, delimiter.len()).0),
            None => {
                // The delimiter may have begun.
                self.n_searched = (self.bytes.len() + 1).saturating_sub(delimiter.len().max(1));
                None
            }
        }
    }

    /// What is left when nothing more comes.
    pub(crate) fn finish(&mut self) -> Option<Bytes> {
        self.take(usize::MAX)
    }

    fn cut(&mut self, at: usize, n_break: usize) -> (Bytes, Bytes) {
        self.n_searched = 0;
        let line = self.bytes.split_to(at).freeze();
        (line, self.bytes.split_to(n_break).freeze())
    }

    fn skip(&mut self) {
        if self.skips_line_feed && !self.bytes.is_empty() {
            self.skips_line_feed = false;
            if self.bytes[0] == b'\n' {
                self.bytes.advance(1);
            }
        }
    }
}

/// The lines of a whole body.
pub(crate) fn lines(mut body: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if body.is_empty() {
            return None;
        }
        let end = body.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let Some(end) = end else { return Some(std::mem::take(&mut body)) };
        let line = &body[..end];
        let n_break = if body[end..].starts_with(b"\r\n") { 2 } else { 1 };
        body = &body[end + n_break..];
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(pieces: &[&[u8]], delimiter: Option<&[u8]>) -> Vec<Vec<u8>> {
        let mut lines = Lines::default();
        let mut found = vec![];
        let next = |lines: &mut Lines| match delimiter {
            Some(delimiter) => lines.next_before(delimiter),
            None => lines.next(),
        };
        for piece in pieces {
            lines.push(piece);
            while let Some(line) = next(&mut lines) {
                found.push(line.to_vec());
            }
        }
        found.extend(lines.finish().map(|line| line.to_vec()));
        found
    }

    #[test]
    fn lines_end_with_any_of_the_three_breaks_wherever_the_pieces_do() {
        let lines: [&[u8]; 5] = [b"a", b"b", b"", b"c", b"d"];
        assert_eq!(cut(&[b"a\r", b"\nb\r\r", b"\nc\nd"], None), lines);
        assert_eq!(cut(&[b"a\r\n"], None), [b"a"]);
        assert_eq!(cut(&[b"a|", b"|b|c||"], Some(b"||")), [&b"a"[..], b"b|c"]);
        assert!(cut(&[b""], None).is_empty());
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_the_pieces(body in "[ab\r\n]{0,40}", cuts in prop::collection::vec(0usize..40, 0..5)) {
            let body = body.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|at| at.min(body.len())).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect();
            let whole: Vec<_> = lines(body).map(<[u8]>::to_vec).collect();
            prop_assert_eq!(cut(&pieces, None), whole);
            let delimiter = cut(&pieces, Some(b"\r\n"));
            prop_assert_eq!(delimiter, cut(&[body], Some(b"\r\n")));
        }
    }
}
