//! A response's body, however it is framed.

use super::{
    chunked::Chunked,
    head::{Framing, Malformed},
};

/// What is left of a body.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks.
    #[expect(private_interfaces, reason = "only made by `Body::new`")]
    Chunked(Chunked),
    /// Everything until the connection ends.
    Close,
    /// Nothing.
    End,
}

impl Body {
    pub(crate) fn new(framing: Framing) -> Body {
        match framing {
            Framing::Length(0) => Body::End,
            Framing::Length(n_bytes) => Body::Length(n_bytes),
            Framing::Chunked => Body::Chunked(Chunked::new()),
            Framing::Close => Body::Close,
        }
    }

    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Body::End)
    }

    /// Passes the body's part of `bytes` to `data`, and returns how many of them were the body's.
    pub(crate) fn decode(
        &mut self,
        bytes: &[u8],
        data: &mut impl FnMut(&[u8]),
    ) -> Result<usize, Malformed> {
        match self {
            Body::End => Ok(0),
            Body::Close => {
                data(bytes);
                Ok(bytes.len())
            }
            Body::Length(left) => {
                let n = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                data(&bytes[..n]);
                *left -= n as u64;
                if *left == 0 {
                    *self = Body::End;
                }
                Ok(n)
            }
            Body::Chunked(chunked) => {
                let n = chunked.decode(bytes, data)?;
                if chunked.is_end() {
                    *self = Body::End;
                }
                Ok(n)
            }
        }
    }

    /// Takes bytes of a body of known length that nobody has seen.
    pub(crate) fn skip(&mut self, n_bytes: u64) {
        let Body::Length(left) = self else { unreachable!("only a length can be skipped") };
        *left -= n_bytes;
        if *left == 0 {
            *self = Body::End;
        }
    }

    /// The connection has ended: whether the body may end with it.
    pub(crate) fn may_end_here(&self) -> bool {
        matches!(self, Body::Close | Body::End)
    }
}
