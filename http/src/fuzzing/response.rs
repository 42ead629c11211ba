//! Whole responses: read alike however they are cut, and as hyper reads them.

use super::cut;
use crate::lean::{Body, Framing, KnownHeads, Partial, read_alone};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Method, Request,
    body::Body as _,
    client::conn::http1,
    rt::{Read, ReadBufCursor, Write},
};
use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

/// Interim responses that are skipped; more than any input has.
const INTERIM_MAX: usize = 100;

/// A response as it was read.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    body: Vec<u8>,
}

/// There is none: it is refused, or the connection's end came first.
#[derive(Debug)]
struct NoAnswer;

/// Reads a response by the lean path, whole and in pieces, and by hyper.
///
/// hyper is the more lenient one, so it must have read all that the lean path has; where it reads
/// codings otherwise, it is given them as the lean path understands them.
pub fn response(data: &[u8]) {
    let Some((whole, pieces)) = cut(data) else { return };
    known(whole, &pieces);
    for is_head in [false, true] {
        let (at_once, heads) = lean(&[whole], is_head);
        let (in_pieces, _) = lean(&pieces, is_head);
        // Broken ones are found out sooner or later.
        assert_eq!(at_once.as_ref().ok(), in_pieces.as_ref().ok(), "as a whole, and in pieces");
        let mut for_hyper = data.to_vec();
        let mut rest = &mut for_hyper[1..];
        for n_bytes in heads {
            let (head, after) = rest.split_at_mut(n_bytes);
            spell_out(head);
            rest = after;
        }
        let Some((_, pieces)) = cut(&for_hyper) else { return };
        let by_hyper = hyper(&pieces, is_head);
        match (&at_once, &by_hyper) {
            (Ok(ours), Ok((hypers, None))) => assert_eq!(ours, hypers, "by us, and by hyper"),
            // hyper reads trailers, which the lean path skips unread.
            (Ok(ours), Ok((hypers, Some(error)))) => {
                assert_eq!(ours, hypers, "by us, and by hyper: {error}");
            }
            (Ok(ours), Err(error)) => panic!("{ours:?} is refused by hyper: {error}"),
            // Refusing more than hyper does is the lean path's right.
            (Err(_), _) => {}
        }
    }
}

/// Writes a head's codings so that hyper reads them as the lean path does, in as many bytes.
///
/// hyper takes what follows the last comma of the last line for the coding, even if that is nothing
/// or the line is no ASCII, where empty elements do not count (RFC 9110, section 5.6.1). And it
/// refuses a coding in HTTP/1.0, where the lean path reads to the end of the connection, as RFC 9112,
/// section 6.1, has it.
fn spell_out(head: &mut [u8]) {
    let is_http10 = head.trim_ascii_start().starts_with(b"HTTP/1.0");
    let mut lines: Vec<_> = head.split_mut(|&byte| byte == b'\n').filter_map(Line::of).collect();
    let is_coded = lines.iter().any(|line| line.is("transfer-encoding") && !line.is_empty());
    for line in &mut lines {
        if line.is("transfer-encoding") {
            match is_http10 || line.is_empty() {
                true => line.hide(),
                false => line.end_in_an_element(),
            }
        } else if is_http10 && is_coded && line.is("content-length") {
            // The coding beats it.
            line.hide();
        }
    }
}

/// A header's line.
struct Line<'h> {
    name: &'h mut [u8],
    value: &'h mut [u8],
}

impl Line<'_> {
    fn of(line: &mut [u8]) -> Option<Line<'_>> {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = line.split_at_mut(colon);
        Some(Line { name, value: &mut value[1..] })
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Whether it is a list without an element.
    fn is_empty(&self) -> bool {
        self.value.iter().all(|byte| byte.is_ascii_whitespace() || *byte == b',')
    }

    /// Makes it a header that says nothing.
    fn hide(&mut self) {
        self.name.fill(b'x');
    }

    /// Takes what follows its last element away, and lets the elements be of ASCII.
    fn end_in_an_element(&mut self) {
        let is_end = |byte: &&mut u8| byte.is_ascii_whitespace() || **byte == b',';
        let commas = self.value.iter_mut().rev().take_while(is_end);
        commas.filter(|byte| **byte == b',').for_each(|byte| *byte = b' ');
        self.value.iter_mut().filter(|byte| !byte.is_ascii()).for_each(|byte| *byte = b'x');
    }
}

/// Heads that were read before say what they say by themselves.
fn known(whole: &[u8], pieces: &[&[u8]]) {
    let mut known = KnownHeads::default();
    let keep = |head: &[u8]| Bytes::copy_from_slice(head);
    let first = pieces.first().copied().unwrap_or_default();
    for bytes in [whole, first, whole, &whole[..whole.len() / 2], whole] {
        for is_head in [false, true, false] {
            let said =
                known.read(bytes, is_head, keep).map(|it| it.map(|(it, all)| (it, all.len())));
            let alone = read_alone(bytes, is_head).map(|it| it.map(|(it, all)| (it, all.len())));
            assert_eq!(said, alone);
        }
    }
}

/// As the lean connection reads: a head, its interim ones skipped, then its body. Also how long each
/// head is.
fn lean(pieces: &[&[u8]], is_head: bool) -> (Result<Answer, NoAnswer>, Vec<usize>) {
    let mut rest: VecDeque<&[u8]> = pieces.iter().copied().collect();
    let mut partial = Partial::default();
    let mut heads = vec![];
    let (head, mut body) = loop {
        let Some(piece) = rest.pop_front() else { return (Err(NoAnswer), heads) };
        let (n_taken, seen) = partial.read(piece, |bytes| read_alone(bytes, is_head));
        if n_taken < piece.len() {
            rest.push_front(&piece[n_taken..]);
        }
        let Ok(seen) = seen else { return (Err(NoAnswer), heads) };
        let Some((head, bytes)) = seen else { continue };
        heads.push(bytes.len());
        if head.status >= 200 {
            break (head, Body::new(head.framing));
        }
        assert_eq!(head.framing, Framing::Length(0), "an interim response has no body");
        if head.status == 101 || heads.len() > INTERIM_MAX {
            return (Err(NoAnswer), heads);
        }
    };
    let mut decoded = vec![];
    while !body.is_end() {
        let Some(piece) = rest.pop_front() else {
            match body.may_end_here() {
                true => break,
                false => return (Err(NoAnswer), heads),
            }
        };
        if body.decode(piece, &mut |data| decoded.extend_from_slice(data)).is_err() {
            return (Err(NoAnswer), heads);
        }
    }
    (Ok(Answer { status: head.status, body: decoded }), heads)
}

/// As hyper's connection reads the same bytes, and then the end of the connection: also what it
/// refused of the body.
fn hyper(pieces: &[&[u8]], is_head: bool) -> Result<(Answer, Option<hyper::Error>), hyper::Error> {
    let mut cx = Context::from_waker(Waker::noop());
    let pieces = pieces.iter().map(|piece| piece.to_vec()).collect();
    let handshake = pin!(http1::handshake(Script { pieces, is_asked: false }));
    let Poll::Ready(made) = handshake.poll(&mut cx) else { unreachable!("it does no I/O") };
    let (mut sender, connection) = made?;
    let mut connection = Some(Box::pin(connection));
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = if is_head { Method::HEAD } else { Method::GET };
    let mut drive = |cx: &mut Context<'_>| {
        if let Some(driver) = &mut connection
            && driver.as_mut().poll(cx).is_ready()
        {
            connection = None;
        }
    };
    let mut sending = pin!(sender.send_request(request));
    let response = loop {
        drive(&mut cx);
        if let Poll::Ready(response) = sending.as_mut().poll(&mut cx) {
            break response?;
        }
    };
    let (parts, mut incoming) = response.into_parts();
    let mut answer = Answer { status: parts.status.as_u16(), body: vec![] };
    loop {
        match Pin::new(&mut incoming).poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    answer.body.extend_from_slice(&data);
                }
            }
            Poll::Ready(Some(Err(error))) => return Ok((answer, Some(error))),
            Poll::Ready(None) => return Ok((answer, None)),
            Poll::Pending => drive(&mut cx),
        }
    }
}

/// A server that has said all it will say.
struct Script {
    pieces: VecDeque<Vec<u8>>,
    /// It answers a request, and says nothing before.
    is_asked: bool,
}

impl Read for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.is_asked {
            return Poll::Pending;
        }
        if let Some(mut piece) = self.pieces.pop_front() {
            let n = piece.len().min(into.remaining());
            into.put_slice(&piece[..n]);
            if n < piece.len() {
                self.pieces.push_front(piece.split_off(n));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Script {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.is_asked = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, spelt: &str) {
        let mut bytes = head.as_bytes().to_vec();
        spell_out(&mut bytes);
        assert_eq!(String::from_utf8_lossy(&bytes), spelt);
        // Both read the body, in pieces and at once.
        for seed in 0..4 {
            response(&[&[seed], head.as_bytes(), b"\r\n5\r\nhello\r\n0\r\n\r\n"].concat());
        }
    }

    #[test]
    fn codings_are_spelt_out_where_hyper_reads_them_otherwise_and_nowhere_else() {
        let usual = "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\ncontent-length: 9\r\n";
        check(usual, usual);
        let other = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n";
        check(other, other);
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, ,\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked   \r\n",
        );
        check(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: ,\r\na: ,\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nxxxxxxxxxxxxxxxxx: ,\r\na: ,\r\n",
        );
        check(
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n",
            "HTTP/1.0 200 OK\r\nxxxxxxxxxxxxxxxxx: chunked\r\nxxxxxxxxxxxxxx: 2\r\n",
        );
        check(
            "HTTP/1.0 200 OK\r\ntransfer-encoding:\r\ncontent-length: 2\r\n",
            "HTTP/1.0 200 OK\r\nxxxxxxxxxxxxxxxxx:\r\ncontent-length: 2\r\n",
        );
        check(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: \u{e9}, chunked\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: xx, chunked\r\n",
        );
    }
}
