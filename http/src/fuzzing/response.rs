//! Whole responses: read alike however they are cut, and as hyper reads them.

use super::cut;
use crate::lean::{Body, Framing, Partial};
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
/// hyper is the more lenient one, so it must have read all that the lean path has.
pub fn response(data: &[u8]) {
    let Some((whole, pieces)) = cut(data) else { return };
    for is_head in [false, true] {
        let (at_once, is_ours_alone) = lean(&[whole], is_head);
        let (in_pieces, _) = lean(&pieces, is_head);
        // Broken ones are found out sooner or later.
        assert_eq!(at_once.as_ref().ok(), in_pieces.as_ref().ok(), "as a whole, and in pieces");
        if is_ours_alone {
            continue;
        }
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

/// Whether hyper may read the body of such a head otherwise, and why it is not followed.
fn is_ours_alone(head: &[u8]) -> bool {
    // hyper refuses a coding in HTTP/1.0; the lean path reads to the end of the connection, as
    // RFC 9112, section 6.1, has it.
    if head.windows(8).any(|word| word == b"HTTP/1.0") {
        return true;
    }
    // hyper takes what follows the last comma of the last line for the coding, even if that is
    // nothing or the line is no ASCII; empty elements do not count (RFC 9110, section 5.6.1).
    let mut codings = head.split(|&byte| byte == b'\n').filter_map(|line| {
        let (name, value) = line.split_at_checked(line.iter().position(|&byte| byte == b':')?)?;
        name.eq_ignore_ascii_case(b"transfer-encoding").then_some(&value[1..])
    });
    codings.next_back().is_some_and(|value| {
        let last = value.rsplit(|&byte| byte == b',').next().unwrap_or_default();
        last.trim_ascii().is_empty() || !value.is_ascii()
    })
}

/// As the lean connection reads: a head, its interim ones skipped, then its body. Also whether the
/// reading is its own.
fn lean(pieces: &[&[u8]], is_head: bool) -> (Result<Answer, NoAnswer>, bool) {
    let mut rest: VecDeque<&[u8]> = pieces.iter().copied().collect();
    let mut partial = Partial::default();
    let mut n_interim = 0;
    let mut is_ours = false;
    let (head, mut body) = loop {
        let Some(piece) = rest.pop_front() else { return (Err(NoAnswer), is_ours) };
        let (n_taken, seen) = partial.read(piece, is_head, |head| {
            is_ours |= is_ours_alone(head);
        });
        if n_taken < piece.len() {
            rest.push_front(&piece[n_taken..]);
        }
        match seen {
            Err(_) => return (Err(NoAnswer), is_ours),
            Ok(None) => {}
            Ok(Some((head, ()))) if head.status >= 200 => break (head, Body::new(head.framing)),
            Ok(Some((head, ()))) => {
                assert_eq!(head.framing, Framing::Length(0), "an interim response has no body");
                n_interim += 1;
                if head.status == 101 || n_interim > INTERIM_MAX {
                    return (Err(NoAnswer), is_ours);
                }
            }
        }
    };
    let mut decoded = vec![];
    while !body.is_end() {
        let Some(piece) = rest.pop_front() else {
            match body.may_end_here() {
                true => break,
                false => return (Err(NoAnswer), is_ours),
            }
        };
        if body.decode(piece, &mut |data| decoded.extend_from_slice(data)).is_err() {
            return (Err(NoAnswer), is_ours);
        }
    }
    (Ok(Answer { status: head.status, body: decoded }), is_ours)
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
