//! Bodies: the same whichever way they are cut.

use super::cut;
use crate::lean::{Body, Framing};

/// Reads a body of each framing, at once and in pieces.
pub fn body(data: &[u8]) {
    let Some((whole, pieces)) = cut(data) else { return };
    let length = u64::from(whole.first().copied().unwrap_or(0)) * 3;
    for framing in [Framing::Chunked, Framing::Close, Framing::Length(length)] {
        let at_once = decode(framing, &[whole]);
        let in_pieces = decode(framing, &pieces);
        match (at_once, in_pieces) {
            (Ok(at_once), Ok(in_pieces)) => assert_eq!(at_once, in_pieces, "{framing:?}"),
            (Err(()), Err(())) => {}
            (at_once, in_pieces) => panic!("{framing:?}: {at_once:?} or {in_pieces:?}"),
        }
    }
}

/// The body, how many bytes it took, and whether it is complete.
fn decode(framing: Framing, pieces: &[&[u8]]) -> Result<(Vec<u8>, usize, bool), ()> {
    let (mut body, mut decoded, mut n_taken) = (Body::new(framing), vec![], 0);
    for piece in pieces {
        if body.is_end() {
            break;
        }
        let n = body.decode(piece, &mut |data| decoded.extend_from_slice(data)).map_err(drop)?;
        assert!(n <= piece.len());
        assert!(n == piece.len() || body.is_end(), "only what follows the body is left");
        n_taken += n;
    }
    assert!(decoded.len() <= n_taken);
    Ok((decoded, n_taken, body.is_end()))
}
