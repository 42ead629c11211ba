//! Chunked bodies, decoded as the bytes come in.

use super::head::Malformed;

/// Digits that a chunk's length may have: more than any chunk needs.
const SIZE_DIGITS_MAX: u32 = 16;

/// Bytes that the extensions of one chunk may have, and all trailers together. They are skipped,
/// but not for ever.
const SKIPPED_BYTES_MAX: u32 = 64 * 1024;

/// Where in a chunked body the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// In the digits of a chunk's length, after so many.
    Size {
        n_digits: u32,
    },
    /// In the blanks that may stand between the digits and an extension.
    SizeBlank,
    /// In what follows the digits on their line.
    Extension,
    /// At the line feed that ends the length's line.
    SizeEnd,
    /// In a chunk's bytes.
    Data,
    /// At the line break after them.
    DataEnd,
    DataEndLf,
    /// At the start of a trailer's line, or of the last, empty one.
    Trailer,
    /// Within a trailer.
    TrailerLine,
    /// At the line feed of the empty line.
    LastLf,
    End,
}

/// A decoder of one chunked body.
#[derive(Clone, Debug)]
pub(super) struct Chunked {
    at: At,
    /// Bytes left of the chunk, or its length so far.
    left: u64,
    n_skipped: u32,
}

impl Chunked {
    pub(super) fn new() -> Chunked {
        Chunked { at: At::Size { n_digits: 0 }, left: 0, n_skipped: 0 }
    }

    pub(super) fn is_end(&self) -> bool {
        self.at == At::End
    }

    /// Decodes what there is and returns how many bytes belonged to the body's coding; those
    /// after its end are left.
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        data: &mut impl FnMut(&[u8]),
    ) -> Result<usize, Malformed> {
        let mut n_read = 0;
        while n_read < bytes.len() && self.at != At::End {
            if self.at == At::Data {
                let rest = &bytes[n_read..];
                let n = usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
                data(&rest[..n]);
                n_read += n;
                self.left -= n as u64;
                if self.left == 0 {
                    self.at = At::DataEnd;
                }
                continue;
            }
            self.at = self.step(bytes[n_read])?;
            n_read += 1;
        }
        Ok(n_read)
    }

    /// Takes one byte that is not data.
    fn step(&mut self, byte: u8) -> Result<At, Malformed> {
        match (self.at, byte) {
            (At::Size { n_digits }, _) if byte.is_ascii_hexdigit() => {
                if n_digits >= SIZE_DIGITS_MAX {
                    return Err(Malformed::new("a chunk's length of more than 16 digits"));
                }
                let digit = (byte as char).to_digit(16).expect("checked to be a digit");
                self.left = self.left << 4 | u64::from(digit);
                Ok(At::Size { n_digits: n_digits + 1 })
            }
            (At::Size { n_digits: 0 }, _) => Err(Malformed::new("a chunk without a length")),
            (At::Size { .. } | At::SizeBlank | At::Extension, b'\r') => Ok(At::SizeEnd),
            (At::Size { .. }, b' ' | b'\t') => {
                self.n_skipped = 0;
                Ok(At::SizeBlank)
            }
            (At::SizeBlank, b' ' | b'\t') => self.skip(At::SizeBlank),
            (At::Size { .. }, b';') => {
                self.n_skipped = 0;
                Ok(At::Extension)
            }
            (At::SizeBlank, b';') => self.skip(At::Extension),
            (At::Extension, byte) if byte != b'\n' => self.skip(At::Extension),
            (At::SizeEnd, b'\n') if self.left == 0 => {
                self.n_skipped = 0;
                Ok(At::Trailer)
            }
            (At::SizeEnd, b'\n') => Ok(At::Data),
            (At::DataEnd, b'\r') => Ok(At::DataEndLf),
            (At::DataEndLf, b'\n') => Ok(At::Size { n_digits: 0 }),
            (At::Trailer, b'\r') => Ok(At::LastLf),
            (At::LastLf, b'\n') => Ok(At::End),
            (At::Trailer | At::TrailerLine, b'\n') if self.at == At::TrailerLine => {
                self.skip(At::Trailer)
            }
            (At::Trailer | At::TrailerLine, byte) if byte != b'\n' => self.skip(At::TrailerLine),
            _ => Err(Malformed::new("a chunk that does not end where its length says")),
        }
    }

    fn skip(&mut self, next: At) -> Result<At, Malformed> {
        self.n_skipped += 1;
        if self.n_skipped > SKIPPED_BYTES_MAX {
            return Err(Malformed::new("endless trailers or chunk extensions"));
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(parts: &[&[u8]]) -> Result<(Vec<u8>, bool, usize), Malformed> {
        let (mut body, mut n_read) = (vec![], 0);
        let mut chunked = Chunked::new();
        for part in parts {
            n_read += chunked.decode(part, &mut |data| body.extend_from_slice(data))?;
        }
        Ok((body, chunked.is_end(), n_read))
    }

    #[test]
    fn extensions_and_trailers_are_skipped_and_what_follows_is_left() {
        let text = b"5 \t;a=b\r\nhello\r\n1 \r\n!\r\n0\r\nx: y\r\nz: w\r\n\r\nHTTP/1.1";
        let (body, is_end, n_read) = decode(&[text]).expect("well-formed");
        assert_eq!((&body[..], is_end, n_read), (&b"hello!"[..], true, text.len() - 8));
    }

    #[test]
    fn broken_chunks_are_malformed() {
        let lengths =
            ["\r\n", "g\r\n", "5\nhello", "11111111111111111\r\n", "1 1\r\nx", "5\t\0;x\r\nhello"];
        for text in lengths.into_iter().chain(["5\r\nhelloX", "0\r\n\n"]) {
            assert!(decode(&[text.as_bytes()]).is_err(), "{text:?}");
        }
        let endless = [&b"0\r\na: "[..], &vec![b'b'; SKIPPED_BYTES_MAX as usize]].concat();
        assert!(decode(&[&endless]).is_err());
    }

    proptest! {
        #[test]
        fn the_body_is_the_same_wherever_the_bytes_are_cut(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..10),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        ) {
            let mut coded = vec![];
            for chunk in &chunks {
                coded.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                coded.extend_from_slice(chunk);
                coded.extend_from_slice(b"\r\n");
            }
            coded.extend_from_slice(b"0\r\n\r\n");
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(coded.len())).collect();
            cuts.sort_unstable();
            let mut parts = vec![];
            let mut from = 0;
            for cut in cuts {
                parts.push(&coded[from..cut]);
                from = cut;
            }
            parts.push(&coded[from..]);
            let (body, is_end, n_read) = decode(&parts).expect("well-formed");
            prop_assert_eq!(body, chunks.concat());
            prop_assert!(is_end);
            prop_assert_eq!(n_read, coded.len());
        }

        #[test]
        fn any_bytes_end_in_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            let _ = decode(&[&bytes]);
        }
    }
}
